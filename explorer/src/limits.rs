//! Every bound of the explorer, each with its unit and its reason.

use std::time::Duration;

/// Rows on a page where the reader does not say. Fits a screen without endless scrolling.
pub const PAGE_ROWS: usize = 25;
/// Most rows that one page or one API answer holds; exports stream instead.
pub const PAGE_ROWS_MAX: usize = 200;
/// Rows that one filtered page looks at before it answers with what it found and where to go on.
pub const SCAN_ROWS_MAX: usize = 20_000;
/// Rows that an export reads at a time, so that a long export holds no lock for long.
pub const EXPORT_ROWS: usize = 500;
/// Exports that run at once. Each holds a task and a page of rows.
pub const EXPORTS_MAX: usize = 16;
/// Rows beside each other on overview pages (latest blocks, offers of a dataset).
pub const GLANCE_ROWS: usize = 10;
/// Words of validators on one proposal: an approval and a readiness of each of as many validators as there can be.
pub const BALLOTS_MAX: usize = 2 * contracts::limits::VALIDATORS_MAX;

/// A search text, in bytes. Longer than any identifier, shorter than an attack.
pub const QUERY_BYTES_MAX: usize = 512;
/// Words of a search text that count.
pub const QUERY_WORDS_MAX: usize = 8;
/// A word in the index of names, in bytes. What is longer is found by its beginning.
pub const WORD_BYTES_MAX: usize = 40;
/// Words of one name in the index. The longest real title has 25.
pub const WORDS_MAX: usize = 96;
/// Hexadecimal digits from which a text is looked up as the beginning of an identifier.
pub const ID_PREFIX_DIGITS_MIN: usize = 6;

/// Versions in one lineage. More boxes are no drawing that anybody reads, and layouts of thousands take for ever.
pub const LINEAGE_NODES_MAX: usize = 200;
/// Steps of a lineage, each way. Further ones begin at another version.
pub const LINEAGE_STEPS_MAX: u32 = 12;

/// Listeners to live blocks at once. Each is an open connection.
pub const LIVE_MAX: usize = 256;
/// Blocks that a slow listener may lag behind before it is told to come back.
pub const LIVE_QUEUE_BLOCKS: usize = 64;
/// Blocks that a returning listener is sent from where it left; older ones are on their pages.
pub const LIVE_RESUME_BLOCKS_MAX: u64 = 100;
/// How often a silent connection is kept alive.
pub const LIVE_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long one call to the node waits for news.
pub const FOLLOW_WAIT: Duration = Duration::from_secs(20);
/// Pause after a call to the node failed, first and longest.
pub const RETRY_FIRST: Duration = Duration::from_millis(250);
/// See [`RETRY_FIRST`].
pub const RETRY_MAX: Duration = Duration::from_secs(10);
/// How often the node is asked how far it is, so that a lagging read model shows.
pub const STATUS_EVERY: Duration = Duration::from_secs(5);
/// How old the newest block may be before pages say that something stands still. A network without
/// work commits one every 30 seconds.
pub const STALE_AFTER: Duration = Duration::from_secs(5 * 60);
/// How long one request to the node for a receipt or bundle may take.
pub const NODE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one request here may take before its connection is given up. Exports and live blocks excepted.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests in work at once; more are told to come back.
pub const REQUESTS_MAX: usize = 512;

const _: () = assert!(PAGE_ROWS <= PAGE_ROWS_MAX && PAGE_ROWS_MAX <= EXPORT_ROWS);
