// Receipts: an entry of the log, its path to a checkpoint, and the seal of a quorum under that.
//
// A receipt is: 00, network (32), index (u64), entry, path (u32 count, 32 each), checkpoint (u64 size,
// 32 root), log signature (64), cosignatures (u32 count; each u8 validator, u64 seconds, 64).

import { struct, u64, u8 } from './borsh.mjs';
import { Reader, ascending, base64, hex, must, same, utf8 } from './bytes.mjs';
import { sha256, verifySignature } from './crypto.mjs';
import { entry } from './facts.mjs';
import { Trust, VALIDATORS_MAX, quorum, setDigest } from './trust.mjs';

const PATH_MAX = 64;
const RECEIPT_BYTES_MAX = 4 * 1024;
const TIME_MAX = 2n ** 63n - 1n;

export const logOrigin = (network) => `lonja.${hex(network)}`;
export const cosignedMessage = (time, text) => utf8(`cosignature/v1\ntime ${time}\n${text}`);

const cosignature = struct({ validator: u8, time_s: u64, signature: (reader) => reader.take(64) });

/** Reads a receipt. Nothing of it is to be believed before `verifyReceipt`. */
export function readReceipt(bytes) {
  must(bytes.length <= RECEIPT_BYTES_MAX, 'longer than any receipt');
  const reader = new Reader(bytes);
  must(u8(reader) === 0, 'an unknown format of receipt');
  const [network, index, begin] = [reader.take(32), reader.u64(), reader.at];
  const says = entry(reader);
  const receipt = { raw: bytes, network, index, says, entryBytes: bytes.subarray(begin, reader.at) };
  receipt.path = reader.list(PATH_MAX, () => reader.take(32));
  receipt.size = reader.u64();
  receipt.root = reader.take(32);
  receipt.log = reader.take(64);
  receipt.cosignatures = reader.list(Math.floor((VALIDATORS_MAX * 2) / 3) + 1, cosignature);
  reader.end();
  return receipt;
}

/** The root that `path` gives for a leaf at `index` of `size` (RFC 9162, 2.1.3.2). */
export async function rootOfPath(leaf, index, size, path) {
  must(index < size, 'the entry lies beyond the checkpoint');
  let [node, last, hash, at] = [index, size - 1n, leaf, 0];
  for (; last > 0n; node >>= 1n, last >>= 1n) {
    const right = (node & 1n) === 1n;
    if (!right && node === last) continue;
    must(at < path.length, 'the path is too short');
    hash = right ? await sha256([1], path[at], hash) : await sha256([1], hash, path[at]);
    at += 1;
  }
  must(at === path.length, 'the path is too long');
  return hash;
}

/**
 * Verifies a receipt that was read, under the sets of `trust`. Returns who sealed it and when; throws
 * a Doubt at the first thing that does not hold. `step` hears of each step that held.
 */
export async function verifyRead(receipt, trust, step = () => {}) {
  const { says, index, size, root, path } = receipt;
  must(same(receipt.network, trust.network), 'the receipt is of another network than the anchor');
  step('The receipt is well formed and of the anchor’s network.');
  const found = await rootOfPath(await sha256([0], receipt.entryBytes), index, size, path);
  must(same(found, root), 'the path does not lead from the entry to the checkpoint');
  must((index === size - 1n) === (says.entry === 'block'), 'the entry cannot stand at this place of the log');
  step(`Entry ${index} is in the log of ${size} entries, by a path of ${path.length} to the checkpoint’s root.`);
  const validators = trust.setAt(size);
  if (says.entry === 'block') must(says.validators === hex(await setDigest(validators)), 'the block names another set of validators');
  const names = await verifySeal(receipt, trust, validators);
  step(`${names.length} of ${validators.length} validators signed that checkpoint (${names.join(', ')}); a quorum is ${quorum(validators)}.`);
  const sealed_s = receipt.cosignatures.reduce((most, { time_s }) => (time_s > most ? time_s : most), 0n);
  return { receipt, names, sealed_ms: Number(sealed_s) * 1000 };
}

async function verifySeal({ network, size, root, log, cosignatures }, trust, validators) {
  must(cosignatures.length === quorum(validators), `${cosignatures.length} signatures, a quorum of this set is ${quorum(validators)}; if validators changed since the anchor, check an evidence bundle, which carries the changes`);
  const numbers = cosignatures.map(({ validator }) => validator);
  must(ascending(numbers) && numbers.every((number) => number < validators.length), 'signatures are out of order, or of nobody in the set');
  const text = `${logOrigin(network)}\n${size}\n${base64(root)}\n`;
  for (const { validator, time_s, signature } of cosignatures) {
    const one = validators[validator];
    must(time_s <= TIME_MAX, 'a signature carries no time');
    trust.requireSound(one);
    await verifySignature(one.cosigner, cosignedMessage(time_s, text), signature, `the cosignature of ${one.name}`);
  }
  const first = validators[numbers[0]];
  await verifySignature(first.log, utf8(text), log, `the log signature of ${first.name}`);
  return numbers.map((number) => validators[number].name);
}

/** Reads and verifies a receipt from the anchor alone. */
export const verifyReceipt = async (bytes, anchor, step) => verifyRead(readReceipt(bytes), new Trust(anchor), step);
