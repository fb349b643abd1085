//! Every bound of the rules, each with its unit and its reason. Node limits are in `ledger::limits`.
//!
//! Changing one changes what is valid, and so is a change of protocol version.

/// A signed transaction, in bytes. A jacket with sixty variables fits; a file does not belong here.
pub const TRANSACTION_BYTES_MAX: usize = 48 * 1024;
/// Outcome with its events, in bytes. A log entry's tile and a client's buffer stay small.
pub const OUTCOME_BYTES_MAX: usize = 15 * 1024;
/// How many blocks ahead `last_valid` may lie; also how long ids are kept against replay.
pub const VALIDITY_BLOCKS_MAX: u64 = 1_200;
/// Transactions in a block. Bounds the time that one block may take to execute.
pub const BLOCK_TRANSACTIONS_MAX: usize = 10_000;
/// Bytes of all transactions in a block. Eight messages of the largest peer frame.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A name of a party or group, in bytes of UTF-8. Fits one row of a page.
pub const NAME_BYTES_MAX: usize = 160;
/// Keys of a party, revoked ones included. Old receipts need the old keys.
pub const PARTY_KEYS_MAX: usize = 16;
/// Members of a group or of an access list.
pub const MEMBERS_MAX: usize = 256;

/// A dataset's title, in bytes of UTF-8. The longest of 895 real ones has 137.
pub const TITLE_BYTES_MAX: usize = 512;
/// A catalogue's name or a record's identifier, in bytes of UTF-8. Identifiers are often URLs.
pub const IDENTIFIER_BYTES_MAX: usize = 512;
/// Any other short text of a jacket, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 512;
/// A link, in bytes. What browsers and proxies carry without complaint.
pub const LINK_BYTES_MAX: usize = 2_048;
/// Variables of a jacket. Wider tables name their most telling ones.
pub const VARIABLES_MAX: usize = 64;
/// Keywords of a jacket. The richest of 895 real records has 144.
pub const KEYWORDS_MAX: usize = 160;
/// Distributions (links to files) of a jacket. The richest of 895 real records has 26.
pub const DISTRIBUTIONS_MAX: usize = 160;
/// Items in any other list of a jacket: formats, languages, themes, uses.
pub const LIST_MAX: usize = 32;
/// A whole jacket, in bytes. It must leave room in the transaction that carries it.
pub const JACKET_BYTES_MAX: usize = 40 * 1024;

/// Parents of a version. A join of more sources is recorded as several steps.
pub const PARENTS_MAX: usize = 32;
/// Consents whose exclusion one version attests. Each is an event of its own in the outcome.
pub const EXCLUDES_MAX: usize = 256;
/// Days on which consents for one dataset and purpose end: with a year each, one for every day.
pub const CONSENT_DAYS_MAX: usize = 512;
/// A content, in bytes: 1 TiB. Bao's own limit lies far above.
pub const CONTENT_BYTES_MAX: u64 = 1 << 40;
/// A media type, in bytes (RFC 6838 allows 127 for each half).
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Longest licence, in days: 100 years. Longer is written as unlimited.
pub const DURATION_DAYS_MAX: u32 = 36_525;
/// Periods that can be prepaid at once.
pub const PERIODS_MAX: u32 = 120;
/// An amount of money, in minor units: no sum of accounts comes near 2^63.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000_000;
/// Validators of a network. Receipts carry a signature of a quorum of them.
pub const VALIDATORS_MAX: usize = 16;
/// How long a proposal of governance may wait for ballots and readiness, in milliseconds: 92 days, in which
/// boards meet.
pub const PROPOSAL_MS_MAX: u64 = 92 * 86_400_000;
/// Blocks between the decision on another version of the rules and the first block of it, at least: a day and a half of
/// a network that idles, some minutes of one under full load. A quorum that wants everybody to know chooses more.
pub const PROTOCOL_NOTICE_BLOCKS: u64 = 4_096;
/// How often the validator set may change: every verifier keeps a record of each change, 5 KB at most. One a week
/// fills it in twenty years.
pub const SET_CHANGES_MAX: u32 = 1_024;
/// How many blocks old a validator's word may be that it is ready, in blocks: as long as a transaction can
/// wait.
pub const READY_BLOCKS_MAX: u64 = VALIDITY_BLOCKS_MAX;

/// Fields of a side body; also the fixed number of leaves of its commitment.
pub const SIDE_FIELDS: usize = 16;
/// A side body, in bytes.
pub const SIDE_BYTES_MAX: usize = 64 * 1024;
/// A field's name in a side body, in bytes.
pub const SIDE_NAME_BYTES_MAX: usize = 64;

/// Blocks in a quota window. With a block every second this is some twenty minutes.
pub const QUOTA_WINDOW_BLOCKS: u64 = 1_200;

const _: () = assert!(JACKET_BYTES_MAX + 4 * 1024 <= TRANSACTION_BYTES_MAX);
const _: () = assert!(TRANSACTION_BYTES_MAX <= BLOCK_BYTES_MAX);
const _: () = assert!(SIDE_FIELDS.is_power_of_two());
const _: () = assert!(OUTCOME_BYTES_MAX < u16::MAX as usize, "tlog-tiles carries entries of 16-bit length");
// A new version has the largest outcome: an event for each consent that it leaves out (tag,
// consent, dataset, number), and one with its digests and parents.
const _: () = assert!(EXCLUDES_MAX * (1 + 16 + 32 + 4) + PARENTS_MAX * 32 + 256 <= OUTCOME_BYTES_MAX);
