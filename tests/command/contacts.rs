//! Names and addresses of the real catalogues' contacts, looked for in everything that a node keeps.
//!
//! What is looked for: the `fn` and the `hasEmail` of every contact point, upper and lower case alike.
//! What is exempt: a name that the import takes for an office's, by its rule (see
//! `marketplace::import::guard`): its words stand in the name of an organisation that the same
//! catalogue gives as publisher, or it is one word in capitals that stands in the title of its own
//! record. In these catalogues that is three names, and [`Contacts::read`] holds it to those. A name
//! of one word is looked for as a word of a text or as a whole field: three letters alone stand in any
//! megabyte of hashes by chance.

use ledger::{
    sides::Sides,
    store::{FAMILIES, Store},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

/// Printable characters in a row that make a text; hashes do not have so many.
const TEXT_CHARS_MIN: usize = 12;
/// Rows read at a time.
const ROWS_AT_ONCE: usize = 1_000;

/// What is looked for.
pub struct Contacts {
    pub names: BTreeSet<String>,
    pub words: BTreeSet<String>,
    pub addresses: BTreeSet<String>,
    needles: Needles,
}

/// What was looked at, and what was found where.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files by what they are, with their bytes.
    pub files: BTreeMap<String, (u64, u64)>,
    /// Rows by family, with the bytes of keys and values.
    pub rows: BTreeMap<&'static str, (u64, u64)>,
    /// Place and contact.
    pub found: Vec<(String, String)>,
}

impl Contacts {
    /// The contacts of the catalogues in `files`.
    pub fn read(files: &[&Path]) -> Self {
        let (mut all, mut addresses, mut offices) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for file in files {
            let bytes = std::fs::read(file).unwrap();
            let catalogue: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            for record in catalogue["dataset"].as_array().unwrap() {
                let contact = &record["contactPoint"];
                all.insert(contact["fn"].as_str().unwrap().trim().to_lowercase());
                let address = contact["hasEmail"].as_str().unwrap().trim().to_lowercase();
                addresses.insert(address.trim_start_matches("mailto:").to_owned());
            }
            offices.extend(marketplace::import::read(&bytes, "offices").unwrap().report.office_names);
        }
        assert_eq!(offices.iter().collect::<Vec<_>>(), ["Civil Rights", "NSRDB", "Technical Data Manager"]);
        let exempt: BTreeSet<String> = offices.iter().map(|name| name.to_lowercase()).collect();
        let (words, names) =
            all.into_iter().filter(|name| !exempt.contains(name)).partition(|name| !name.contains([' ', '@']));
        Self::of(names, words, addresses)
    }

    /// These names, names of one word, and addresses, all in lower case.
    pub fn of(names: BTreeSet<String>, words: BTreeSet<String>, addresses: BTreeSet<String>) -> Self {
        let needles = Needles::of(names.iter().chain(&addresses), &words);
        Self { names, words, addresses, needles }
    }

    /// The first contact that stands in `bytes`.
    pub fn find(&self, bytes: &[u8]) -> Option<String> {
        self.needles.find(&bytes.to_ascii_lowercase())
    }

    /// Looks into a stopped node's folder: first at every file as it lies there, then at every row of
    /// every family as it is read (blocks of RocksDB's files are compressed, so their bytes alone would
    /// prove nothing), then at the files that opening the store has written.
    pub fn scan(&self, folder: &Path) -> Scan {
        let mut scan = Scan::default();
        self.files(folder, folder, &mut scan);
        let store = Store::open(&folder.join("db")).unwrap();
        for family in FAMILIES.iter().copied() {
            let mut from = Vec::new();
            loop {
                let rows = store.kv().scan(family, &from, &[], ROWS_AT_ONCE).unwrap();
                for (key, value) in &rows {
                    let (count, bytes) = scan.rows.entry(family).or_default();
                    (*count, *bytes) = (*count + 1, *bytes + (key.len() + value.len()) as u64);
                    let found = self.find(key).or_else(|| self.find(value));
                    scan.found.extend(found.map(|contact| (format!("{family} {}", hex::encode(key)), contact)));
                }
                let Some((last, _)) = rows.last().filter(|_| rows.len() == ROWS_AT_ONCE) else { break };
                from = [last.as_slice(), &[0]].concat();
            }
        }
        drop(store);
        self.files(folder, folder, &mut scan);
        scan
    }

    fn files(&self, root: &Path, folder: &Path, scan: &mut Scan) {
        for path in entries(folder) {
            if path.is_dir() {
                self.files(root, &path, scan);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let (count, total) = scan.files.entry(kind(root, &path)).or_default();
            (*count, *total) = (*count + 1, *total + bytes.len() as u64);
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let found = self.find(name.as_bytes()).or_else(|| self.find(&bytes));
            scan.found.extend(found.map(|contact| (name, contact)));
        }
    }
}

/// Files and folders in `folder`.
fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// What a file of a node's folder is: a side body, RocksDB's log, its files of rows, its own notes.
fn kind(root: &Path, path: &Path) -> String {
    if path.starts_with(root.join("sides")) {
        return "side body".into();
    }
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    match path.extension() {
        Some(extension) if name != "sides.key" && !name.starts_with("LOG") => extension.to_string_lossy().into_owned(),
        _ => name.split(['-', '.']).next().unwrap().to_owned(),
    }
}

/// Many texts that are looked for at once, by their first three bytes.
struct Needles {
    /// For each three bytes: does anything begin so?
    begins: Vec<bool>,
    by_beginning: HashMap<usize, Vec<Vec<u8>>>,
    words: Vec<Vec<u8>>,
}

impl Needles {
    fn of<'a>(texts: impl Iterator<Item = &'a String>, words: &BTreeSet<String>) -> Self {
        let mut needles = Self { begins: vec![false; 1 << 24], by_beginning: HashMap::new(), words: Vec::new() };
        for text in texts {
            // Bytes are folded by ASCII, which is all that there is.
            assert!(text.is_ascii() && text.len() > 4, "{text:?}");
            needles.add(text.as_bytes().to_vec());
        }
        for word in words {
            // A field that is this word alone, as borsh writes it.
            needles.add([&(word.len() as u32).to_le_bytes(), word.as_bytes()].concat());
            needles.words.push(word.as_bytes().to_vec());
        }
        needles
    }

    fn add(&mut self, bytes: Vec<u8>) {
        let beginning = beginning(&bytes);
        self.begins[beginning] = true;
        self.by_beginning.entry(beginning).or_default().push(bytes);
    }

    fn find(&self, folded: &[u8]) -> Option<String> {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for at in 0..folded.len().saturating_sub(2) {
            let beginning = beginning(&folded[at..at + 3]);
            if self.begins[beginning]
                && let Some(found) = self.by_beginning[&beginning].iter().find(|one| folded[at..].starts_with(one))
            {
                return Some(shown(found));
            }
        }
        let texts = folded.split(|byte| !(b' '..=b'~').contains(byte)).filter(|text| text.len() >= TEXT_CHARS_MIN);
        let mut words = texts.flat_map(|text| text.split(|byte| !byte.is_ascii_alphanumeric()));
        words.find(|word| self.words.iter().any(|one| one == word)).map(shown)
    }
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

/// After an import of `catalogues` and with the node of `folder` stopped: no contact anywhere in it, and
/// everything that there is was looked at. Then one is planted, to show that it would have been found.
pub fn none_in(folder: &Path, catalogues: &[&Path]) {
    let contacts = Contacts::read(catalogues);
    println!(
        "looked for {} names, {} names of one word and {} addresses",
        contacts.names.len(),
        contacts.words.len(),
        contacts.addresses.len()
    );
    assert!(contacts.names.len() > 180 && contacts.addresses.len() > 180);
    assert_eq!(contacts.words.iter().collect::<Vec<_>>(), ["jon"]);
    let scan = contacts.scan(folder);
    println!("files by kind, with bytes: {:?}\nrows by family, with bytes: {:?}", scan.files, scan.rows);
    assert!(scan.found.is_empty(), "{:?}", scan.found);
    for kind in ["sst", "log", "LOG", "MANIFEST", "OPTIONS", "highwater", "side body"] {
        let (count, bytes) = scan.files.get(kind).copied().unwrap_or_default();
        assert!(count > 0 && bytes > 0, "no {kind} was looked at: {:?}", scan.files);
    }
    assert!(scan.files["side body"].0 >= 2 * 895, "each side body, before and after the store was opened");
    for family in ["meta", "blocks", "bodies", "results", "ids", "hashes", "state", "nodes", "history", "seals"] {
        assert!(scan.rows.get(family).is_some_and(|(count, _)| *count > 0), "no row of {family} was looked at");
    }
    let bodies: u64 = scan.rows.values().map(|(_, bytes)| bytes).sum();
    assert!(bodies > 1 << 20, "{:?}", scan.rows);

    // The same contacts do stand in the side bodies, once these are opened.
    let sides = Sides::open(&folder.join("sides"), &folder.join("sides.key")).unwrap();
    let opened = sides.list().unwrap().into_iter().map(|(_, id)| sides.get(&id.unwrap()).unwrap().unwrap());
    let named = opened.filter(|body| contacts.find(&borsh::to_vec(body).unwrap()).is_some()).count();
    assert!(named > 800, "{named} side bodies name a contact");

    let planted = contacts.names.iter().nth(contacts.names.len() / 2).unwrap();
    let note = folder.join("db/planted");
    std::fs::write(&note, format!("\0\u{1}{}\0", planted.to_uppercase())).unwrap();
    let mut again = Scan::default();
    contacts.files(folder, folder, &mut again);
    std::fs::remove_file(&note).unwrap();
    assert_eq!(again.found, [("db/planted".to_owned(), planted.clone())]);
}

#[test]
fn a_planted_contact_is_found_in_a_file_and_in_a_compressed_row() {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
    let contacts = Contacts::of(set(&["ada lovelace"]), set(&["jon"]), set(&["ada@example.org"]));
    let cases: [(&[u8], Option<&str>); 8] = [
        (b"\0by Ada LOVELACE.\xff", Some("ada lovelace")),
        (b"mailto:ADA@example.org", Some("ada@example.org")),
        (b"held by Jon, of the desk", Some("jon")),
        (b"\x01\x03\0\0\0Jon\x02", Some("\u{3}\0\0\0jon")),
        (b"held by Jonathan, of the desk", None),
        (b"\x91\x02jon\xfe\x80", None),
        (b"Ada Lovelac", None),
        (b"", None),
    ];
    for (text, found) in cases {
        assert_eq!(contacts.find(text).as_deref(), found, "{}", String::from_utf8_lossy(text));
    }

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db")).unwrap();
    let mut batch = ledger::store::Batch::default();
    // The second name repeats the beginning of the first: compressed, it stands nowhere whole.
    let row = [b"Ada Lovel; Ada Lov; Ada Lovelace; ".as_slice(), &[b'-'; 4_096]].concat();
    batch.put("bodies", 7u64.to_be_bytes(), row);
    store.kv().write(batch).unwrap();
    store.kv().scrub(FAMILIES).unwrap();
    drop(store);
    let scan = contacts.scan(folder.path());
    let expected = (format!("bodies {}", hex::encode(7u64.to_be_bytes())), "ada lovelace".to_owned());
    assert_eq!(scan.found, [expected], "in the row, and in no file: {:?}", scan.files);
}
