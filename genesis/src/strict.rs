//! JSON with one spelling for each value.
//!
//! What was read is written again and compared byte for byte, so a file has no second form: no
//! duplicate or unknown keys, no other spacing, nothing after the end. Two people who hold the same
//! file name it by the same digest.

use serde::{Serialize, de::DeserializeOwned};

/// The one spelling: indented JSON and a line break.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("plain data with text keys always has a JSON form");
    bytes.push(b'\n');
    bytes
}

/// Reads exactly what [`encode`] writes.
///
/// # Errors
/// What is wrong, and at which line.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let value: T = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let again = encode(&value);
    if again == bytes {
        return Ok(value);
    }
    let at = again.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(again.len().min(bytes.len()));
    let line = bytes[..at.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
    Err(format!("line {line} is not written as lonja writes it; was the file edited?"))
}
