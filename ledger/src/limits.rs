//! Bounds of a node, each with its unit and its reason. Network rules are in `contracts::limits`.

use std::time::Duration;

/// Transactions waiting in the mempool. At 5,000 a second this is ten seconds of work.
pub const MEMPOOL_TRANSACTIONS_MAX: usize = 50_000;
/// Bytes waiting in the mempool.
pub const MEMPOOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one party may hold of either: an eighth, so that no party keeps the others out.
pub const MEMPOOL_SHARE_PER_PARTY: usize = 8;
/// Transactions that the proposer puts into one block, below what the rules allow: larger blocks
/// spread the cost of an fsync, smaller ones answer sooner. Measured with `lonja bench`.
pub const PROPOSAL_TRANSACTIONS_MAX: usize = 2_000;
/// Submissions in one request. Bounds memory and the time that one request holds a thread.
pub const SUBMISSIONS_PER_REQUEST_MAX: usize = 1_000;
/// Of so many cores one checks submissions of requests with many, and one those of requests with few: the others are
/// left to whoever verifies blocks.
pub const CORES_PER_CHECK: usize = 2;
/// Side bodies of requests that are written at once, and as many of those that other validators hand on: what a disk
/// syncs together costs little more than one.
pub const SIDES_AT_ONCE: usize = 4;
/// Bytes of a request body: as many transactions with side bodies as fit a block.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of request bodies that are held at once, by what their heads promise; more are told to come
/// back.
pub const REQUESTS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long a request's body may take to come. Whoever sends a byte a minute holds nothing for long.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Requests at work at once, those that wait for a block included; more are told to come back. Fewer
/// than [`CONNECTIONS_MAX`], so that there is a connection on which to tell it.
pub const REQUESTS_MAX: usize = 768;
/// Connections that are open at once, of a node as of a service; beyond that a new one is closed at
/// once.
pub const CONNECTIONS_MAX: usize = 1_024;
/// The head of a request (line and headers) must have come within this time, also the first and the
/// next on a connection that is kept open.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// The head of a request, in bytes, after which no more of it is read; what came in one piece with the
/// last of them may make it twice as long. A credential has some hundreds.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// A reader that takes nothing for this long is let go, and so is an upload of which nothing comes.
pub const STALL_MAX: Duration = Duration::from_secs(60);
/// Bytes of answers that are made and not sent yet, beside short ones; more are told to come back. Some dozens of the
/// longest pages of blocks.
pub const ANSWERS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of those on one connection, unless it is a single answer: HTTP/2 asks for many at once, and who takes none of
/// them keeps nobody else out.
pub const ANSWERS_BYTES_PER_CONNECTION_MAX: usize = 32 * 1024 * 1024;
/// Bytes of an answer that is short: how the node is, a receipt, a record with its proof.
pub const ANSWER_SHORT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of all short answers: those of all streams of 64 connections.
pub const ANSWERS_SHORT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// An answer has [`STALL_MAX`], and besides a second for so many bytes: a quarter of a megabit. A line of 2.5 megabits
/// brings the chunks of a snapshot twice as fast.
pub const ANSWER_BYTES_PER_SECOND_MIN: u64 = 32 * 1024;
/// Long answers of each kind that are made at once: more than the cores are done with later. Each may be a page with one
/// of the largest blocks.
pub const ANSWERS_MADE_AT_ONCE: usize = 8;
/// How long a long answer may wait for its turn to be made.
pub const ANSWER_TURN_WAIT: Duration = Duration::from_secs(5);
/// Bytes of a file that are read and sent at once.
pub const ANSWER_FRAME_BYTES: usize = 64 * 1024;
/// Such frames of one answer that are in memory: one is read while others are on their way.
pub const ANSWER_FRAMES_AT_ONCE: usize = 4;
/// How long requests at work may go on when the node stops.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How long a submission waits for its block, in milliseconds, before the answer is "pending".
pub const SUBMIT_WAIT_MS: u64 = 30_000;
/// Blocks in one answer to a follower.
pub const FOLLOW_BLOCKS_MAX: usize = 64;
/// Bytes in one answer to a follower, one block more than this at most.
pub const FOLLOW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a follower may be kept waiting for the next block, in milliseconds.
pub const FOLLOW_WAIT_MS_MAX: u64 = 25_000;
/// History items in one answer.
pub const HISTORY_ITEMS_MAX: usize = 10_000;
/// Related records in an evidence bundle. More would hide the subject, and each costs a proof.
pub const BUNDLE_RELATED_MAX: usize = 1_000;
/// Receipts in an evidence bundle: of the newest transactions. Each reads its whole block.
pub const BUNDLE_RECEIPTS_MAX: usize = 256;
/// An idle network commits a block this often, in milliseconds, so that expiry fires.
pub const IDLE_BLOCK_MS: u64 = 30_000;
/// Heights before the tip whose state can still be proven: half a minute of full blocks, over an hour
/// of idle ones, for whoever asks by a seal that is no longer the newest. Under load each costs some
/// 3 MB that is written, kept and merged, so 1,024 of them would be 3 GB.
pub const STATE_VERSIONS_KEPT: u64 = 128;
/// Versions whose stale tree nodes are deleted with one block. A block makes one version; the others
/// let a store catch up in which more were kept.
pub const PRUNE_VERSIONS_PER_BLOCK_MAX: usize = 4;
/// How old a node's newest block may be until it says that it is not well: three blocks of a network at rest, so
/// it misses some, or a clock is wrong. What it answers is true of a time that the others have passed.
pub const TIP_AGE_MS_MAX: u64 = 3 * IDLE_BLOCK_MS;
/// How long the nodes that `[observe]` names may take to show how far the network is, while a validator starts: longer
/// than an honest one needs on a slow line, and a start that waits for one that is away is not noticed.
pub const SHOWN_WAIT: Duration = Duration::from_secs(5);
/// A solo node's stamp may run ahead of its parent by this much more than the time that passed, in
/// milliseconds: ten minutes. A clock that jumps further waits for somebody to confirm.
pub const CLOCK_JUMP_MS_MAX: u64 = 10 * 60 * 1_000;
/// The same after a restart, when nobody measured the time that passed: a day.
pub const CLOCK_JUMP_AFTER_RESTART_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Accusations and protests that a node keeps, two of a validator at most: those of all validators of eight sets.
pub const EVIDENCE_MAX: usize = 256;
/// Bytes of the file of one of them: two statements with their signatures.
pub const EVIDENCE_BYTES_MAX: u64 = 1_024;
/// Bytes of one message of ordering: a certificate with a vote of every validator has 200 for each.
pub const ORDERING_MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// Signed proposals of one height that are held until their block is judged, and as many blocks that break the rules,
/// until they turn out to be signed: those of more than a hundred rounds that failed.
pub const ORDERING_PROPOSALS_MAX: usize = 256;
/// The highest round of a message. A network that fails to agree for a month comes nowhere near it.
pub const ORDERING_ROUND_MAX: u32 = 1_000_000;
/// After so many heights it is forgotten who let turns pass; who starts reads no more headers than that for
/// it. One that is away costs six turns in that time.
pub const TURNS_EPOCH_HEIGHTS: u64 = 8_192;
/// How long a validator that is away is waited for: others may be about to hear it, and what they heard comes in
/// a moment.
pub const AWAY_PATIENCE: Duration = Duration::from_millis(20);
/// Heights above the one at work whose messages are kept until it comes; who is further behind is
/// given blocks.
pub const ORDERING_AHEAD_HEIGHTS_MAX: usize = 4;
/// Messages that are kept of each of them: proposal and votes of all validators in some ten rounds.
pub const ORDERING_AHEAD_MESSAGES_MAX: usize = 512;
/// Bytes that a validator keeps of one height, in a file that is begun anew with each: blocks of many
/// rounds that failed.
pub const VOTING_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of the same that no block takes: what sixteen validators say in thousands of rounds that failed, some 7 KB in
/// each. A validator without room for that stops, and at the same height again; without room for a block it votes for
/// none.
pub const VOTING_RECORDS_BYTES: u64 = 64 * 1024 * 1024;
/// Room for blocks in that file.
pub const VOTING_BLOCKS_BYTES: u64 = VOTING_BYTES_MAX - VOTING_RECORDS_BYTES;
/// Of that, a validator's blocks have an even share, and at least as much: the largest block that it makes, one of an
/// earlier round that it proposes again, and a third. More than a third of sixteen validators do not fill the room.
pub const VOTING_SHARE_BYTES_MIN: u64 = 24 * 1024 * 1024;
/// Rounds of one height with blocks of the full size. From then on each as many have half of the size of those before,
/// down to [`LATE_BLOCKS_BYTES_MIN`]: what fails may be too large for a slow link, and the room for blocks must last.
pub const ROUNDS_OF_FULL_BLOCKS: u32 = 4;
/// Bytes of the transactions of a block in however late a round: the largest transaction fits.
pub const LATE_BLOCKS_BYTES_MIN: usize = 128 * 1024;

const _: () = assert!(LATE_BLOCKS_BYTES_MIN >= contracts::limits::TRANSACTION_BYTES_MAX);

/// Proposals of one validator for later heights that a replica holds in memory, some megabyte each: of one
/// that is a step ahead comes one, and a second after a round that failed.
pub const REPLICA_EARLY_BLOCKS_MAX: usize = 2;
/// Blocks for one round that a replica executes. An honest validator proposes one; a second shows that it
/// is not, and may be the one that the others saw.
pub const REPLICA_PROPOSALS_PER_ROUND_MAX: usize = 2;
/// Rounds above the one at work whose blocks are executed: two turns of each of four validators. Who is
/// further behind hears of the round by votes first.
pub const REPLICA_ROUNDS_AHEAD_MAX: u32 = 8;
/// Blocks in one answer to a replica that is behind. It says again where it is when it has them.
pub const REPLICA_HELP_BLOCKS: u64 = 16;
/// Blocks that were executed at the height at work and are not decided, with what they would write.
pub const EXECUTED_BLOCKS_MAX: usize = 4;
/// Proposals that are read at once when a node starts, some kilobytes each.
pub const PROPOSALS_PAGE: usize = 256;
/// How far a proposed block's time may be ahead of a validator's clock that votes for it, in
/// milliseconds.
pub const CLOCK_AHEAD_MS_MAX: u64 = 2_000;
/// Blocks that are ahead of the clock are in the metrics for as long as this, and as long again at most: an idle network
/// makes one in half of it.
pub const CLOCK_WINDOW_MS: u64 = 60_000;
/// How long a validator that has warned of its clock says nothing more of it: others go on meanwhile, block by block.
pub const CLOCK_SILENCE: Duration = Duration::from_secs(3_600);
/// Bytes of one frame between validators: a block, and what says which.
pub const PEER_FRAME_BYTES_MAX: usize = contracts::limits::BLOCK_BYTES_MAX + 256 * 1024;
/// Transactions whose verified signature is remembered: several of the largest blocks. 32 bytes each.
pub const VERIFIED_MAX: usize = 64 * 1024;
/// Frames that wait to be sent to one validator: what is written while it is slow for a moment.
pub const PEER_QUEUE_FRAMES_MAX: usize = 4_096;
/// Bytes of the same: a few blocks.
pub const PEER_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Submissions that wait besides, and go when nothing else waits: half as many, so that what anybody hands in takes no
/// room of votes and blocks.
pub const PEER_SPARE_FRAMES_MAX: usize = PEER_QUEUE_FRAMES_MAX / 2;
/// Bytes of the same.
pub const PEER_SPARE_BYTES_MAX: usize = PEER_QUEUE_BYTES_MAX / 2;
/// Bytes that one validator may send in a second; more is read later. Ten of
/// the largest blocks.
pub const PEER_BYTES_PER_SECOND_MAX: usize = 80 * 1024 * 1024;
/// Bytes that each of its frames counts for besides its own: handling one costs too.
pub const PEER_FRAME_OVERHEAD_BYTES: usize = 256;
/// Connections at once that have not proven a validator's key; a network has at most fifteen others. Where one more
/// comes, another has to go.
pub const PEER_HANDSHAKES_MAX: usize = 32;
/// Handshakes with strangers that go on at once, and as many with each address of a validator: all others of a network,
/// also where they are on one machine.
pub const PEER_HANDSHAKES_AT_ONCE: u32 = 16;
/// How often another one is begun after these: each costs a signature of the consensus key. A token makes some tens in
/// a second, and most are for votes.
pub const PEER_HANDSHAKE_EVERY: Duration = Duration::from_millis(125);
/// Handshakes that have not ended, since the key does not answer: those of connections that came, of ours with all
/// others, and some that were given up meanwhile.
pub const PEER_HANDSHAKES_UNENDED_MAX: usize = 2 * PEER_HANDSHAKES_MAX;
/// How long a handshake may take.
pub const PEER_HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long one frame may take, in or out: the largest at 2.5 megabits a
/// second.
pub const PEER_FRAME_TIME_MAX: Duration = Duration::from_secs(30);
/// How often a link with nothing to say says so.
pub const PEER_KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long a link may say nothing at all.
pub const PEER_SILENCE_MAX: Duration = Duration::from_secs(15);
/// The first pause between two attempts to reach a validator.
pub const PEER_REDIAL_AFTER_MIN: Duration = Duration::from_millis(100);
/// The longest: how late one that comes back may be noticed.
pub const PEER_REDIAL_AFTER_MAX: Duration = Duration::from_secs(5);
/// Records of changes of the validator set in one answer, some 5 KB each at most; whoever misses more asks
/// again.
pub const TRUST_CHANGES_MAX: usize = 64;
/// How long a validator is held off that did wrong again and again: what it costs us falls to nothing, and
/// where it was mended it is back soon. One of four that is away stops nobody.
pub const PEER_HELD_OFF_FOR: Duration = Duration::from_secs(60);
/// Frames of one validator that wait for the node's thread. A block brings some ten from each.
pub const INBOX_FRAMES_PER_PEER_MAX: usize = 4_096;
/// Bytes of the same: a few blocks.
pub const INBOX_BYTES_PER_PEER_MAX: usize = 32 * 1024 * 1024;
/// Submissions with side bodies of one validator that wait for the disk, besides: those of two whole requests, which
/// take it some seconds.
pub const INTAKE_SUBMISSIONS_PER_PEER_MAX: usize = INBOX_FRAMES_PER_PEER_MAX / 2;
/// Bytes of the same: as many as the largest request has.
pub const INTAKE_BYTES_PER_PEER_MAX: usize = INBOX_BYTES_PER_PEER_MAX / 2;
/// Bytes of one side body of somebody who is not admitted, or suspended: whom to write to, in the largest field that a form has for it,
/// twice over.
pub const SIDE_OF_STRANGER_BYTES_MAX: u64 = 8 * 1024;
/// Bytes of all side bodies of strangers, and of each who is suspended, in a window of the quota: as many as the ledger lets them write.
pub const SIDES_OF_STRANGERS_BYTES_MAX: u64 = contracts::quota::STRANGER_LIMITS.state_bytes_max;
/// Heights after its block in which a side body is taken that comes late, from a line that is slow or over a disk that
/// is: minutes under load.
pub const SIDE_LATE_HEIGHTS_MAX: u64 = 256;
/// Heights above our own of which signatures are kept that came early.
pub const VOTES_AHEAD_HEIGHTS_MAX: u64 = 64;
/// The newest signatures of each validator that the others remember, for one that comes back without them:
/// some may be of heights that we have not committed yet.
pub const REMEMBERED_SIGNATURES_MAX: usize = 4;
/// Seals that are read for the same when a node starts; of each some validators are left out.
pub const REMEMBERED_SEALS: u64 = 64;
/// How often validators say how far they are.
pub const STATUS_EVERY: Duration = Duration::from_millis(500);
/// How often one that is behind is told that we do not have what it misses.
pub const LACKING_EVERY: Duration = Duration::from_secs(5);
/// How long that holds: of several times that it is said, one may be lost with a link.
pub const LACKING_FOR: Duration = Duration::from_secs(20);
/// How long nothing may come of a validator until it is taken to be away: four of what it says twice a second.
pub const UNHEARD_AFTER: Duration = Duration::from_secs(2);
/// Transactions that are waiting and are sent to a validator that comes back: half of what one block takes.
pub const HANDED_ON_TRANSACTIONS_MAX: usize = 1_000;
/// Bytes of the same: what a link of a megabit a second takes in some ten seconds.
pub const HANDED_ON_BYTES_MAX: usize = 1024 * 1024;
/// How long a height may be at work, or its signatures be missing, until a validator says that it makes no
/// blocks: some rounds that failed.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);
/// How long a node whose key cannot sign waits before it tries again: a token that was put back is noticed at once,
/// and one that is away is not kept busy.
pub const SIGNER_RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long a node whose key does not open waits before it tries again: a passphrase that is wrong costs as much memory
/// and time as the right one.
pub const OPEN_RETRY_EVERY: Duration = Duration::from_secs(5);
/// How often a node that waits for its key says so again.
pub const SIGNER_WARN_EVERY: Duration = Duration::from_secs(60);
/// Heights whose missing signatures are asked for at once.
pub const WANTED_SEALS_MAX: usize = 16;
/// Heights that are committed and whose signatures are missing, until no more are begun: a second of a busy network.
/// Each is in memory with all that became of its transactions, and one that votes and does not sign must not make
/// that grow.
pub const UNSEALED_HEIGHTS_MAX: usize = 64;
/// Who asks for blocks that it was just given, or for more signatures than that, is given them after so long: half
/// of the time after which an honest one asks again.
pub const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// How long what is due waits for what others send: a block that was proposed in time is executed in it, and what
/// is due is a matter of seconds.
pub const DUE_WAIT_MAX: Duration = Duration::from_millis(50);
/// How long a reader is kept waiting for the newest block's signatures.
pub const SETTLED_WAIT: Duration = Duration::from_secs(1);

const _: () = assert!(UNHEARD_AFTER.as_millis() >= 4 * STATUS_EVERY.as_millis());
const _: () = assert!(INBOX_BYTES_PER_PEER_MAX >= 2 * PEER_FRAME_BYTES_MAX);
const _: () = assert!(PEER_QUEUE_BYTES_MAX >= 2 * PEER_FRAME_BYTES_MAX);
const _: () = assert!(INTAKE_SUBMISSIONS_PER_PEER_MAX >= 2 * SUBMISSIONS_PER_REQUEST_MAX);
const _: () = assert!(INTAKE_BYTES_PER_PEER_MAX >= REQUEST_BYTES_MAX);
const _: () = assert!(VOTING_BYTES_MAX - VOTING_RECORDS_BYTES >= 16 * contracts::limits::BLOCK_BYTES_MAX as u64);
const _: () = assert!(ORDERING_MESSAGE_BYTES_MAX >= 200 * contracts::limits::VALIDATORS_MAX + 64);
const _: () = assert!(REQUESTS_MAX < CONNECTIONS_MAX);
const _: () = assert!(ANSWERS_BYTES_PER_CONNECTION_MAX >= 2 * FOLLOW_BYTES_MAX + contracts::limits::BLOCK_BYTES_MAX);
const _: () = assert!(8 * ANSWERS_BYTES_PER_CONNECTION_MAX <= ANSWERS_BYTES_MAX);
const _: () = assert!(ANSWER_FRAME_BYTES > ANSWER_SHORT_BYTES_MAX);
const _: () = assert!(PROPOSAL_TRANSACTIONS_MAX <= contracts::limits::BLOCK_TRANSACTIONS_MAX);
const _: () = assert!(REQUEST_BYTES_MAX >= contracts::limits::BLOCK_BYTES_MAX);
const _: () = assert!(BUNDLE_RELATED_MAX < crate::bundle::RECORDS_MAX);
/// Heights between two stations, at which all nodes can hand on the same snapshot: whoever wants one of several nodes
/// has as long as the next takes, two seconds under full load.
pub const STATION_EVERY: u64 = 64;
/// Bytes of one of the 256 chunks of a snapshot, which is held in memory to be checked: some fifty million records in
/// all.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a snapshot is offered to others besides the one who asked for it first.
pub const SNAPSHOT_OFFERED_FOR: Duration = Duration::from_secs(600);
/// How long after the last chunk was read nobody is taken to need more of them.
pub const SNAPSHOT_IDLE_AFTER: Duration = Duration::from_secs(60);
/// Chunks that a node which joins fetches and checks at the same time.
pub const SNAPSHOT_CHUNKS_AT_ONCE: usize = 4;
/// Bytes that stay free on a disk beside a copy that is made there, of a snapshot, a segment or a whole directory: what
/// a store under full load writes until the copy is done, and as many as its buffers hold.
pub const COPY_SPARE_BYTES: u64 = 256 * 1024 * 1024;
/// Headers in one answer, 300 bytes each.
pub const BLOCK_HEADERS_MAX: usize = 2_048;
/// Blocks of which the archive has the transactions in one file: tens of megabytes under full load.
pub const ARCHIVE_SEGMENT_BLOCKS: u64 = 1_024;
/// How often a node looks whether there is a segment to be archived.
pub const PRUNE_LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how long a node tries again to archive what could not be archived: an attempt may read a whole segment.
pub const PRUNE_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Bytes of a segment that are sent to a bucket, or read back, by one request. More than the 5 MiB that S3 wants of a
/// part; the largest segment, [`ARCHIVE_SEGMENT_BLOCKS`] of the largest blocks, has fewer than the 10,000 parts that it
/// allows. Three times as many are in memory at most, with the largest block.
pub const ARCHIVE_PART_BYTES: usize = 8 * 1024 * 1024;
/// How long one request to a bucket may take, with a part or a whole block; and with those that follow where it fails.
pub const BUCKET_TIME_MAX: Duration = Duration::from_secs(60);
/// Attempts after the first one that failed, all begun within [`BUCKET_TIME_MAX`].
pub const BUCKET_RETRIES_MAX: usize = 3;
/// How long giving up an upload may keep a node that stops.
pub const ARCHIVE_ABORT_TIME_MAX: Duration = Duration::from_secs(5);
/// Reads of old blocks from a bucket at once, each of one window or one block in memory; more are told to come back.
pub const ARCHIVE_READS_MAX: usize = 8;
/// How long a read may wait for its turn among them.
pub const ARCHIVE_TURN_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long reading a block from a bucket may take: less than clients wait for an answer.
pub const ARCHIVE_READ_TIME_MAX: Duration = Duration::from_secs(15);
/// Bytes that are read of an object from the wanted block on, in which mostly the next ones are: under full load some
/// twenty, otherwise hundreds.
pub const ARCHIVE_AHEAD_BYTES: u64 = 1024 * 1024;
/// Such windows that are held.
pub const ARCHIVE_RECENT_WINDOWS: usize = 8;
/// Tables of objects that are held, 8 KiB each.
pub const ARCHIVE_RECENT_TABLES: usize = 16;
/// How long either is held: whoever reads on comes sooner, and what is deleted in the bucket is gone here after that.
pub const ARCHIVE_RECENT_FOR: Duration = Duration::from_secs(10);
/// After how long a page of blocks is answered with those that it has, where reading old ones takes its time.
pub const FOLLOW_READ_TIME_MAX: Duration = Duration::from_secs(5);
/// Heights after which the room of what was pruned is given back once more: by then a node has let go of the station
/// that was in view, and kept its rows on the disk.
pub const RECLAIM_AFTER_BLOCKS: u64 = 5 * STATION_EVERY;
/// Bytes of a trust policy: keys, addresses and comments of some hundred logs and witnesses.
pub const POLICY_BYTES_MAX: usize = 64 * 1024;
/// Logs in a trust policy; as many witnesses, and as many groups. C2SP asks for 32 of each; every validator
/// of a network is a log of its own, and the sets of several eras may stand in one policy.
pub const POLICY_OF_A_KIND_MAX: usize = 128;
/// Hashes in the consistency proof of an `add-checkpoint` request (C2SP tlog-witness, "add-checkpoint").
pub const ADD_CHECKPOINT_HASHES_MAX: usize = 63;
/// Bytes of such a request: `old` with the longest number, that many hashes of 44 digits, a blank line, and
/// the longest note.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = 25 + 45 * ADD_CHECKPOINT_HASHES_MAX + 1 + crate::note::NOTE_BYTES_MAX;
/// Log keys that one witness knows. Of each log a checkpoint is held in memory, 64 MiB if all are of the longest.
pub const WITNESS_LOG_KEYS_MAX: usize = 1_024;
/// How old what a witness knows of its key and its disk may be when somebody asks for its health: a trial signs and syncs.
pub const WITNESS_TRY_EVERY: Duration = Duration::from_secs(10);
/// How long a connection to a witness may take to come about.
pub const WITNESS_CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a witness may take for an answer: it verifies, signs, and waits for its disk.
pub const WITNESS_ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a service that speaks TLS itself looks whether its certificate was renewed: reading two small files.
pub const TLS_LOOK_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a file with certificates, or with their key: long chains of long keys have some tens of KiB.
pub const TLS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// From when on before its end a certificate is warned of: those who renew by themselves do so weeks earlier.
pub const TLS_ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const _: () = assert!(ARCHIVE_PART_BYTES >= 5 * 1024 * 1024);
const _: () =
    assert!(ARCHIVE_SEGMENT_BLOCKS as usize * 2 * contracts::limits::BLOCK_BYTES_MAX < 10_000 * ARCHIVE_PART_BYTES);
const _: () = assert!(ARCHIVE_READ_TIME_MAX.as_secs() + FOLLOW_READ_TIME_MAX.as_secs() < 15 + SUBMIT_WAIT_MS / 1_000);
