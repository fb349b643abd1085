//! Every bound of the marketplace, each with its unit and its reason. Network rules have theirs in
//! `contracts::limits`.

use std::time::Duration;

/// Rows on one page of a list. A reader asks for the next page; nothing is cut off in silence.
pub const PAGE_ROWS_MAX: usize = 200;
/// Rows on a page when nobody says how many.
pub const PAGE_ROWS_DEFAULT: usize = 50;

/// A JSON request, in bytes. The largest action is 48 KiB of borsh beside a side body of 64 KiB,
/// and JSON spends about twice that on names and escapes.
pub const JSON_BYTES_MAX: usize = 512 * 1024;
/// Nesting of a JSON request. The deepest action has 7 levels.
pub const JSON_DEPTH_MAX: usize = 32;
/// A request that is no upload or download. A block takes a second, an order may wait for several.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// An upload or download of contents: a day for a terabyte over 100 Mbit/s.
pub const TRANSFER_TIME_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Requests of one caller (party, or address) in a second, on average.
pub const REQUESTS_PER_SECOND: u32 = 200;
/// Requests of one caller at once, before the average counts.
pub const REQUESTS_BURST: u32 = 1_000;
/// Attempts of one address to sign in, apply or prove a key, per minute: guessing is hopeless,
/// trying is cheap for nobody.
pub const ENTRY_ATTEMPTS_PER_MINUTE: u32 = 60;
/// Callers that the rate limiter keeps in memory. Beyond that the whole table is swept, and until
/// then newcomers share one bucket.
pub const CALLERS_MAX: usize = 100_000;

/// What of an error's text becomes the detail of a problem, in bytes. Longer texts are left out.
pub const ERROR_TEXT_BYTES_MAX: usize = 4 * 1024;

/// An `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// How long a request that is no order is recognised by its `Idempotency-Key`: a caller that lost an
/// answer asks again within minutes, a job of the week the next time it runs.
pub const REPEATS_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Such requests of one caller, and of all that are not signed in together, that are recognised: about
/// 150 bytes each, so 1.5 MB. Nobody issues so many links or credentials in a week.
pub const REPEATS_PER_CALLER_MAX: usize = 10_000;
/// Orders that may be under way at once; beyond that the answer is "busy".
pub const ORDERS_RUNNING_MAX: usize = 2_048;
/// Open orders that are handed in at once when they are taken up after a restart or a lost node.
pub const ORDERS_AT_ONCE: usize = 16;
/// Blocks that a signed order stays valid. Long enough to survive a restart, short enough that an
/// order which never arrived is known to be dead.
pub const ORDER_VALID_BLOCKS: u64 = 600;
/// Pause between attempts to hand in orders that a restart left open.
pub const ORDER_RETRY: Duration = Duration::from_secs(2);

/// How long a quote is honoured.
pub const QUOTE_VALID: Duration = Duration::from_secs(15 * 60);

/// How long a sign-in link can be used. It travels by post or mail.
pub const LINK_VALID: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long somebody stays signed in.
pub const SESSION_VALID: Duration = Duration::from_secs(12 * 3_600);
/// Longest life of an API credential, in days.
pub const CREDENTIAL_DAYS_MAX: u32 = 90;
/// Sign-in links, sessions and credentials of one party that are valid at once, of each kind.
pub const ENTRIES_PER_PARTY_MAX: usize = 64;
/// How far the clock of somebody who proves a key may be off.
pub const PROOF_SKEW: Duration = Duration::from_secs(120);
/// Managed keys. A key is made for anybody who applies, so their number has an end.
pub const MANAGED_KEYS_MAX: usize = 100_000;

/// One content, in bytes, unless the configuration says less: 64 GiB. `contracts` allows a TiB.
pub const UPLOAD_BYTES_DEFAULT: u64 = 64 << 30;
/// Uploads that may be under way at once; each has a file and a buffer.
pub const UPLOADS_RUNNING_MAX: usize = 32;
/// Contents of the largest size that may lie aside at once: so much disk is for uploads under way.
pub const UPLOADS_ASIDE_MAX: u64 = 4;
/// How long a sender may send nothing: longer than a network stalls, short enough that its place goes
/// to somebody else.
pub const UPLOAD_IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a content stays that was uploaded and that no version on the ledger names. A version mostly
/// follows within minutes; who signs elsewhere has as long as its transaction may be valid, and more.
pub const UNANCHORED_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How often such contents are looked for. Each time every version on the ledger is walked over.
pub const SWEEP_EVERY: Duration = Duration::from_secs(12 * 3_600);
/// Pause after they could not be looked for.
pub const SWEEP_RETRY: Duration = Duration::from_secs(10 * 60);
/// Uploads that are held against the ledger's versions in one walk over these: a few megabytes.
pub const CONTENTS_LOOKED_AT_ONCE: usize = 100_000;
/// Bytes of one slice. It is checked and encoded in memory.
pub const SLICE_BYTES_MAX: u64 = 8 << 20;
/// Bytes read and checked at a time when a whole content is sent.
pub const WINDOW_BYTES: u64 = 1 << 20;
/// Downloads that may be under way at once; each holds a window and an outboard.
pub const DOWNLOADS_RUNNING_MAX: usize = 64;
/// How old the node's word on a delivery may be: what takes longer to come counts for nothing.
pub const DECISION_WAIT_MAX: Duration = Duration::from_secs(1);
/// How often it is asked before that is a no: a machine may stand still for a second.
pub const DECISION_TRIES_MAX: usize = 4;
/// How long the ledger may stand still before its tip counts as old: an idle network makes a block
/// every 30 s, so two are missing then.
pub const NODE_STILL_MAX: Duration = Duration::from_millis(ledger::limits::TIP_AGE_MS_MAX);
/// How long a delivery can be used after the ledger recorded it.
pub const DELIVERY_VALID: Duration = Duration::from_secs(15 * 60);

/// A subject's reference in the vault, in bytes: a number or address that its custodian uses.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// A field of a consent record, in bytes.
pub const CONSENT_FIELD_BYTES_MAX: usize = 4 * 1024;
/// Consents of one subject at one custodian.
pub const CONSENTS_PER_SUBJECT_MAX: usize = 1_000;

/// Rows of a store that are read at once where all of them are walked through.
pub const SCAN_ROWS: usize = 4_096;

/// Wait for a new block before asking again.
pub const FOLLOW_WAIT: Duration = Duration::from_secs(10);
/// Pause after the node could not be reached.
pub const FOLLOW_RETRY: Duration = Duration::from_millis(500);
/// How long an answer waits for the read model to take up the block that it speaks of.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(20);

/// Views of the search index that are kept for those who read on, and for how long: each holds files
/// that are replaced already. Whoever comes later starts again.
pub const SEARCH_VIEWS_MAX: usize = 32;
/// See [`SEARCH_VIEWS_MAX`].
pub const SEARCH_VIEW_AGE_MAX: Duration = Duration::from_secs(10 * 60);

const _: () = assert!(PAGE_ROWS_DEFAULT <= PAGE_ROWS_MAX);
const _: () = assert!(WINDOW_BYTES <= SLICE_BYTES_MAX);
const _: () = assert!(ORDER_VALID_BLOCKS < contracts::limits::VALIDITY_BLOCKS_MAX);
const _: () = assert!(NODE_STILL_MAX.as_millis() as u64 > 2 * ledger::limits::IDLE_BLOCK_MS);
const _: () = assert!(
    UNANCHORED_KEPT.as_millis() as u64 > contracts::limits::VALIDITY_BLOCKS_MAX * ledger::limits::IDLE_BLOCK_MS
);
const _: () = assert!(UPLOAD_BYTES_DEFAULT <= contracts::limits::CONTENT_BYTES_MAX);
