// Evidence bundles: what the ledger says of one record at one height, with everything that proves it.
//
// The parts are raw bytes in hexadecimal. What stands beside them for people is made again from
// them, and the file must come out byte for byte: nothing in it is beyond proof, nothing left over.

import { decode, pretty } from './borsh.mjs';
import { Doubt, hex, must, same, unhex, utf8, utf8Text, wrong } from './bytes.mjs';
import { historyLeaf } from './facts.mjs';
import { readReceipt, verifyReceipt, verifyRead } from './receipt.mjs';
import { RECORDS } from './records.mjs';
import { splitRecord, verifyHistory, verifyState } from './state.mjs';
import { Trust } from './trust.mjs';

const FORMAT = 'lonja-bundle/v1';
export const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
const RECORDS_MAX = 10_000;

function member(value, name, kind) {
  const found = value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? value[name] : undefined;
  must(kind === 'list' ? Array.isArray(found) : typeof found === kind && found !== null, `'${name}' is missing or wrong`);
  return found;
}

function parse(bytes) {
  must(bytes.length <= BUNDLE_BYTES_MAX, 'longer than any bundle');
  try {
    return JSON.parse(utf8Text(bytes));
  } catch (error) {
    throw error instanceof Doubt ? error : wrong('not JSON');
  }
}

const rawOf = (value) => unhex(member(value, 'raw', 'string'));

/**
 * Verifies the file of a bundle from the anchor down. Returns what it proves; throws a Doubt at the
 * first thing that does not hold. `step` hears of each step that held.
 */
export async function verifyBundle(bytes, anchor, step = () => {}) {
  const file = parse(bytes);
  must(member(file, 'format', 'string') === FORMAT, `not of format ${FORMAT}`);
  const trust = new Trust(anchor);
  const changes = member(file, 'trust', 'list').map((change) => unhex(change));
  for (const change of changes) await trust.extend(change);
  step(changes.length === 0 ? 'The set of validators is the anchor’s.' : `Changes of the set of validators since the anchor: ${changes.length}, each signed by a quorum of the set before it.`);
  const height = readReceipt(rawOf(member(file, 'height', 'object')));
  must(height.says.entry === 'block', 'the height is not proven by a block entry');
  const sealed = await verifyRead(height, trust, step);
  const records = await verifyRecords(member(file, 'records', 'list'), unhex(height.says.state_root), step);
  const receipts = await verifyReceipts(member(file, 'receipts', 'list'), { trust, height, records }, step);
  requireShown(bytes, { changes, height, records, receipts });
  step('What the file shows is what its proofs say, byte for byte.');
  const [subject] = records;
  return {
    ...sealed,
    kind: subject.shown.kind,
    key: subject.shown.key,
    exists: subject.shown.raw !== null,
    network: hex(height.network),
    height: height.says.height,
    time_ms: Number(height.says.time_ms),
    records: records.length,
    history: subject.events.map((event) => event.height),
    events: records.reduce((sum, { events }) => sum + events.length, 0),
    receipts: receipts.length,
  };
}

async function verifyRecords(list, root, step) {
  must(list.length >= 1 && list.length <= RECORDS_MAX, `a bundle has 1 to ${RECORDS_MAX} records`);
  const records = [];
  for (const one of list) records.push(await verifyRecord(one, root));
  const [subject, ...related] = records.map(({ shown }) => shown);
  must((subject.raw === null) === (subject.history === null), 'the subject comes with all its events, if it exists');
  const names = related.map(({ key }) => key);
  must(names.every((name, at) => at === 0 || names[at - 1] < name), 'related records are out of order');
  must(!names.includes(subject.key), 'the subject stands there twice');
  step(subject.raw === null ? `There is no ${subject.kind} of this key in the state at that height.` : `The ${subject.kind} is in the state at that height, and these are all its events: ${subject.history.length}.`);
  if (related.length > 0) step(`Related records in the same state, or proven absent from it: ${related.length}.`);
  return records;
}

async function verifyRecord(file, root) {
  const key = unhex(member(file, 'key', 'string'));
  must(key.length > 0 && Object.hasOwn(RECORDS, key[0]), `a record of unknown kind: ${hex(key)}`);
  const [kind, valueKind] = RECORDS[key[0]];
  const [raw, proof] = [file.raw === null ? null : rawOf(file), unhex(member(file, 'proof', 'string'))];
  await verifyState(root, key, raw, proof);
  let [history, events] = [null, []];
  if (file.history !== null) {
    must(raw !== null, 'there is no record, so it has no history');
    const leaves = member(file, 'history', 'list').map(rawOf);
    await verifyHistory(raw, leaves);
    events = leaves.map((leaf) => decode(historyLeaf, leaf));
    history = events.map((event, at) => ({ ...event, height: String(event.height), raw: hex(leaves[at]) }));
  }
  const value = raw === null ? null : decode(valueKind, splitRecord(raw).value);
  return { shown: { kind, key: hex(key), value, raw: raw && hex(raw), proof: hex(proof), history }, events };
}

async function verifyReceipts(list, { trust, height, records }, step) {
  const named = [...new Set(records.flatMap(({ events }) => events.map((event) => event.transaction)))];
  const receipts = [];
  let next = 0;
  for (const one of list) {
    const receipt = readReceipt(rawOf(one));
    await verifyRead(receipt, trust);
    must(receipt.size <= height.size, 'a receipt is of a later height than the bundle’s');
    must(receipt.says.entry === 'transaction', 'receipts beside the height’s are of transactions');
    // The search goes on where it stopped, so receipts stand in that order, none twice.
    next = named.indexOf(receipt.says.transaction, next) + 1;
    must(next > 0, 'a receipt is of a transaction that no event names in its place');
    receipts.push(receipt);
  }
  if (receipts.length > 0) step(`Receipts of transactions that the events name, each under a seal of its own: ${receipts.length}.`);
  return receipts;
}

const showReceipt = ({ index, says, size, root, raw }) => ({ index: String(index), says, log_size: String(size), log_root: hex(root), raw: hex(raw) });

/** Makes the file again from what was proven, and compares. */
function requireShown(bytes, { changes, height, records, receipts }) {
  const shown = records.map((record) => record.shown);
  const events = records.reduce((sum, record) => sum + record.events.length, 0);
  const again = utf8(`${pretty({
    format: FORMAT,
    network: hex(height.network),
    subject: { kind: shown[0].kind, key: shown[0].key },
    as_of: { height: String(height.says.height), time_ms: String(height.says.time_ms) },
    counts: { changes: changes.length, records: shown.length, events, receipts: receipts.length },
    trust: changes.map(hex),
    height: showReceipt(height),
    records: shown,
    receipts: receipts.map(showReceipt),
  })}\n`);
  if (same(again, bytes)) return;
  const at = again.findIndex((byte, place) => byte !== bytes[place]);
  throw wrong(`from byte ${at < 0 ? again.length : at} on the file is not what its own proofs say`);
}

/** Verifies a receipt or a bundle, whichever it is: a bundle begins with a brace. */
export async function verifyFile(bytes, anchor, step) {
  const bundle = bytes[0] === 0x7b;
  const proven = bundle ? await verifyBundle(bytes, anchor, step) : await verifyReceipt(bytes, anchor, step);
  return { bundle, ...proven };
}
