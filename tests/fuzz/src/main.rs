//! Fuzzes one decoder of `ledger::decoders`, which `LONJA_DECODER` names. With `LONJA_SAMPLES` it writes the valid
//! samples of that decoder into that folder instead, one file each, and ends.

#![no_main]

use ledger::decoders::{Check, check_of, samples};
use libfuzzer_sys::fuzz_target;
use std::{path::PathBuf, sync::OnceLock};

/// The decoder that is fuzzed.
fn check() -> Check {
    static CHECK: OnceLock<Check> = OnceLock::new();
    *CHECK.get_or_init(|| {
        let name = std::env::var("LONJA_DECODER").expect("LONJA_DECODER names the decoder");
        if let Some(folder) = std::env::var_os("LONJA_SAMPLES") {
            write_samples(&name, &PathBuf::from(folder));
            std::process::exit(0);
        }
        check_of(&name).unwrap_or_else(|| panic!("there is no decoder `{name}`"))
    })
}

fn write_samples(name: &str, folder: &std::path::Path) {
    for (number, bytes) in samples().remove(name).into_iter().flatten().enumerate() {
        std::fs::write(folder.join(format!("sample-{number}")), bytes).expect("a sample can be written");
    }
}

fuzz_target!(|bytes: &[u8]| check()(bytes));
