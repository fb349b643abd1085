//! The fuzz target of every decoder in `ledger::decoders`; `./x fuzz` builds and runs it.
//!
//! `LONJA_DECODER` names the decoder, `LONJA_CORPUS` a folder that begins with its samples. Without a
//! name it lists the decoders. Never: a decoder or a property of its own.
#![no_main]

use ledger::decoders::{DECODERS, Decoder, of};
use std::{env, fs, path::PathBuf, process, sync::OnceLock};

static CHOSEN: OnceLock<&Decoder> = OnceLock::new();

fn choose() {
    let name = env::var("LONJA_DECODER").unwrap_or_default();
    let Some(decoder) = of(&name) else {
        DECODERS.iter().for_each(|decoder| println!("{}", decoder.name));
        process::exit(i32::from(!name.is_empty()))
    };
    if let Some(folder) = env::var_os("LONJA_CORPUS").map(PathBuf::from) {
        fs::create_dir_all(&folder).expect("the corpus' folder can be made");
        for (number, sample) in (decoder.samples)().iter().enumerate() {
            fs::write(folder.join(format!("sample-{number}")), sample).expect("a sample can be written");
        }
    }
    CHOSEN.get_or_init(|| decoder);
}

libfuzzer_sys::fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(decoder) = CHOSEN.get() {
        (decoder.feed)(bytes);
    }
});
