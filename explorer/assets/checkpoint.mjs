// The newest checkpoint: a C2SP signed note, cosigned by a quorum. It says how fresh everything is.

import { base64, must, same, unbase64, utf8 } from './bytes.mjs';
import { sha256, verifySignature } from './crypto.mjs';
import { cosignedMessage, logOrigin } from './receipt.mjs';
import { quorum } from './trust.mjs';

const NOTE_BYTES_MAX = 64 * 1024;
export const STALE_MINUTES = 10;

const [LOG_KEY, COSIGNER_KEY] = [1, 4];
const keyId = async (name, type, key) => (await sha256(utf8(name), [0x0a, type], key)).subarray(0, 4);

/** Verifies a note by the anchor's validators. Returns its size, root and newest time. */
export async function verifyCheckpoint(note, { network, validators }) {
  must(note.length <= NOTE_BYTES_MAX, 'longer than any checkpoint');
  const blank = note.lastIndexOf('\n\n');
  must(blank >= 0 && note.endsWith('\n'), 'not a signed note');
  const text = note.slice(0, blank + 1);
  const [origin, size, root, ...rest] = text.split('\n');
  must(origin === logOrigin(network) && /^(0|[1-9][0-9]{0,18})$/.test(size) && rest.join() === '', 'not a checkpoint of this network');
  must(rest.length === 1 && unbase64(root).length === 32, 'not a checkpoint of this network');
  const found = { signed: new Set(), logged: false, time_s: 0n };
  for (const line of note.slice(blank + 2, -1).split('\n')) {
    const parts = /^— (\S+) (\S+)$/.exec(line);
    must(parts, 'a signature line that is none');
    await takeSignature(found, parts[1], unbase64(parts[2]), { origin, text, validators });
  }
  const needed = quorum(validators);
  must(found.logged && found.signed.size >= needed, `a signature is missing: ${found.signed.size} of ${needed} cosigners signed`);
  return { size: BigInt(size), root: base64(unbase64(root)), signed_ms: Number(found.time_s) * 1000 };
}

/** Counts a signature of a validator; those of others, who may sign too, are passed over. */
async function takeSignature(found, name, bytes, { origin, text, validators }) {
  for (const [number, one] of validators.entries()) {
    if (name === origin && bytes.length === 68 && same(bytes.subarray(0, 4), await keyId(name, LOG_KEY, one.log))) {
      await verifySignature(one.log, utf8(text), bytes.subarray(4), `the log signature of ${one.name}`);
      found.logged = true;
    }
    if (name === `${origin}/${one.name}` && bytes.length === 76 && same(bytes.subarray(0, 4), await keyId(name, COSIGNER_KEY, one.cosigner))) {
      const time = bytes.subarray(4, 12).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      await verifySignature(one.cosigner, cosignedMessage(time, text), bytes.subarray(12), `the cosignature of ${one.name}`);
      found.signed.add(number);
      if (time > found.time_s) found.time_s = time;
    }
  }
}

/** How old a checkpoint is, in minutes; a time in the future is no age. */
export function age(signed_ms, now_ms) {
  const minutes = (now_ms - signed_ms) / 60_000;
  return minutes < -1 ? null : Math.max(0, minutes);
}
