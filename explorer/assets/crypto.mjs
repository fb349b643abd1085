// SHA-256 and Ed25519 by WebCrypto. Without it nothing is checked, and nothing counts as checked.

import { join, must, unsure, wrong } from './bytes.mjs';

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw unsure('this browser gives no WebCrypto here: it needs HTTPS, localhost or a file');
  return found;
}

export const sha256 = async (...parts) => new Uint8Array(await subtle().digest('SHA-256', join(...parts)));

const FIELD = 2n ** 255n - 19n;

/** The curve's constant, −121665/121666 in the field (RFC 8032, 5.1). */
const CURVE_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * Is this the one encoding of a point that is not of small order? Under a point of small order one
 * signature fits many messages, and implementations differ about it. Doubles three times by y alone:
 * y(2P) = (y² + x²) / (2 − y² + x²), with x² = (y² − 1) / (dy² + 1) from the curve, as a fraction.
 */
export function isSoundPoint(bytes) {
  const y = bytes.reduceRight((sum, byte, at) => (sum << 8n) | BigInt(at === 31 ? byte & 0x7f : byte), 0n);
  if (bytes.length !== 32 || y >= FIELD) return false;
  let [above, below] = [y, 1n];
  for (let doubling = 0; doubling < 3; doubling += 1) {
    const [aa, bb] = [(above * above) % FIELD, (below * below) % FIELD];
    const [x, scale] = [bb * (aa - bb), CURVE_D * aa + bb];
    [above, below] = [(aa * scale + x) % FIELD, ((2n * bb - aa) * scale + x) % FIELD];
  }
  return (above - below) % FIELD !== 0n;
}

const keys = new Map();
const KEYS_MAX = 256;

/** The imported key; each is looked at once. */
async function imported(key) {
  const name = key.join();
  if (keys.has(name)) return keys.get(name);
  must(isSoundPoint(key), 'not a usable Ed25519 key');
  const crypto = subtle();
  let made;
  try {
    made = await crypto.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
  } catch {
    throw unsure('this browser does not know Ed25519');
  }
  if (keys.size < KEYS_MAX) keys.set(name, made);
  return made;
}

/** Refuses, naming `what`, unless `signature` over `message` is that of `key`. */
export async function verifySignature(key, message, signature, what) {
  const made = await imported(key);
  const holds = signature.length === 64 && isSoundPoint(signature.subarray(0, 32)) && (await subtle().verify({ name: 'Ed25519' }, made, signature, message));
  if (holds !== true) throw wrong(`${what} does not verify`);
}
