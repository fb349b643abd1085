//! Bounds of the files this crate reads, so that a hostile file cannot exhaust a machine.

/// A founding document, in bytes: 64 founders with 16 keys each and 16 validators fit twice.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// What a member shows before the founding, in bytes: 64 parties with 16 keys each.
pub const MEMBER_BYTES_MAX: u64 = 1 << 20;
/// A signature under a proposal, in bytes. Ours have about 400.
pub const SIGNATURE_BYTES_MAX: u64 = 4 * 1024;
/// A trust anchor, in bytes: 16 validators of three keys.
pub const ANCHOR_BYTES_MAX: u64 = 64 * 1024;
/// A key file, in bytes. Ours have about 700.
pub const KEY_FILE_BYTES_MAX: u64 = 4 * 1024;
/// The path of a PKCS#11 module, in bytes: with the rest of the file of a key on a token it fits a key file.
pub const MODULE_PATH_BYTES_MAX: usize = 1_024;
/// A token's label, in bytes (PKCS#11, CK_TOKEN_INFO).
pub const TOKEN_LABEL_BYTES_MAX: usize = 32;
/// A token's serial number, in bytes (PKCS#11, CK_TOKEN_INFO).
pub const TOKEN_SERIAL_BYTES_MAX: usize = 16;
/// A configuration, in bytes. Ours with all comments has about 2,000.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// A passphrase, in bytes.
pub const PASSPHRASE_BYTES_MAX: u64 = 1_024;
/// A key's name, in bytes: a file's name with room to spare.
pub const KEY_NAME_BYTES_MAX: usize = 64;
/// A network's name, in bytes of UTF-8.
pub const NETWORK_NAME_BYTES_MAX: usize = contracts::limits::NAME_BYTES_MAX;

/// Memory that opening a key file may take, in KiB: 1 GiB. A hostile header cannot ask for more.
pub const KDF_MEMORY_KIB_MAX: u32 = 1 << 20;
/// Passes over that memory.
pub const KDF_PASSES_MAX: u32 = 16;
/// Lanes. Ours are computed one after another, so they are no gain here.
pub const KDF_LANES_MAX: u32 = 4;
/// Memory times passes, in KiB: 4 GiB read and written, some four seconds at most.
pub const KDF_WORK_KIB_MAX: u64 = 4 << 20;
/// Least memory of a key file that is opened, in KiB: OWASP's least for Argon2id with two passes.
pub const KDF_MEMORY_KIB_MIN: u32 = 19 * 1024;
/// Least passes of a key file that is opened.
pub const KDF_PASSES_MIN: u32 = 2;
