// The state tree and the histories in it: a record is there or is not, and these are all its events.

import { Reader, hex, join, must, same, utf8 } from './bytes.mjs';
import { sha256 } from './crypto.mjs';

const DEPTH_MAX = 256;
const [LEAF, INNER, EMPTY] = ['JMT::LeafNode', 'JMT::IntrnalNode', 'SPARSE_MERKLE_PLACEHOLDER_HASH__'].map(utf8);
const [PRESENT, OTHER, NOTHING] = [0, 1, 2];

const bit = (hash, depth) => (hash[depth >> 3] >> (7 - (depth & 7))) & 1;

/** In how many of their first bits two hashes agree. */
function commonBits(one, other) {
  let depth = 0;
  while (depth < DEPTH_MAX && bit(one, depth) === bit(other, depth)) depth += 1;
  return depth;
}

/**
 * Refuses unless `proof` leads to `root` for the record `value` under `key`, or, where `value` is
 * null, for there being none: the place is empty, or another record stands where it would be.
 */
export async function verifyState(root, key, value, proof) {
  const reader = new Reader(proof);
  const end = reader.number(1);
  must(end <= NOTHING, 'a state proof ends in nothing we know');
  const [otherKey, otherValue] = end === OTHER ? [reader.take(32), reader.take(32)] : [null, null];
  const siblings = reader.list(DEPTH_MAX, () => reader.take(32));
  reader.end();
  const keyHash = await sha256(key);
  let hash;
  if (value !== null) {
    must(end === PRESENT, 'the proof says that there is no such record');
    hash = await sha256(LEAF, keyHash, await sha256(value));
  } else if (end === NOTHING) {
    hash = EMPTY;
  } else {
    must(end === OTHER && !same(otherKey, keyHash), 'the proof says that there is a record');
    must(commonBits(keyHash, otherKey) >= siblings.length, 'the other record that the proof names lies elsewhere');
    hash = await sha256(LEAF, otherKey, otherValue);
  }
  // Siblings come from the leaf up.
  for (const [above, sibling] of siblings.entries()) {
    const right = bit(keyHash, siblings.length - 1 - above) === 1;
    hash = right ? await sha256(INNER, sibling, hash) : await sha256(INNER, hash, sibling);
  }
  must(same(hash, root), 'the state proof leads to another root');
}

/** What a record's bytes begin with: its history as a count and peaks. The value follows. */
export function splitRecord(bytes) {
  const reader = new Reader(bytes);
  const count = reader.u64();
  const peaks = reader.list(64, () => reader.take(32));
  must(peaks.length === [...count.toString(2)].filter((digit) => digit === '1').length, 'peaks and count of a history disagree');
  return { count, peaks, value: bytes.subarray(reader.at) };
}

/** Refuses unless `leaves` are all the events of the record, in their order (RFC 6962). */
export async function verifyHistory(record, leaves) {
  const { count, peaks } = splitRecord(record);
  const again = [];
  for (const [number, leaf] of leaves.entries()) {
    let hash = await sha256([0], leaf);
    for (let left = number; left & 1; left >>= 1) hash = await sha256([1], again.pop(), hash);
    again.push(hash);
  }
  must(count === BigInt(leaves.length) && hex(join(...again)) === hex(join(...peaks)), 'these are not all events of the record');
}
