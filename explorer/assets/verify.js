// Verifies receipts and checkpoints of a lonja ledger with WebCrypto alone (SHA-256, Ed25519).
//
// A receipt is: 00, network (32), index (u64), entry, path (u32 count, 32 each), checkpoint (u64 size,
// 32 root), log signature (64), cosignatures (u32 count; each u8 validator, u64 seconds, 64).
// Integers are little-endian. Everything is bounded, nothing may be left over, and nothing counts as
// verified unless each step was. A verdict says `verified`, `failed`, or `unchecked` with a reason.

const PATH_MAX = 64;
const VALIDATORS_MAX = 16;
const RECEIPT_BYTES_MAX = 8 * 1024;
const NOTE_BYTES_MAX = 64 * 1024;
export const STALE_MINUTES = 10;

/** Why something is not verified: `failed` is known to be wrong, `unchecked` could not be checked. */
export class Doubt extends Error {
  constructor(state, message) {
    super(message);
    this.state = state;
  }
}
const wrong = (message) => new Doubt('failed', message);
const open = (message) => new Doubt('unchecked', message);

const utf8 = new TextEncoder();
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

export function unhex(text, length) {
  if (typeof text !== 'string' || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) throw wrong(`not ${2 * length} hexadecimal digits`);
  return Uint8Array.from({ length }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

export function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

export const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw open('this browser gives no WebCrypto here: it needs HTTPS, localhost or a file');
  return found;
}

export const sha256 = async (...parts) => new Uint8Array(await subtle().digest('SHA-256', join(...parts)));

async function ed25519(key, signature, message) {
  let imported;
  try {
    imported = await subtle().importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
  } catch {
    throw open('this browser does not know Ed25519');
  }
  return subtle().verify({ name: 'Ed25519' }, imported, signature, message);
}

/** Reads bytes in order and never beyond their end. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  take(length) {
    if (this.at + length > this.bytes.length) throw wrong('the bytes end too early');
    this.at += length;
    return this.bytes.slice(this.at - length, this.at);
  }
  number(length) {
    return this.take(length).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  u8() { return this.take(1)[0]; }
  u32() { return Number(this.number(4)); }
  u64() { return this.number(8); }
  list(most, read) {
    const count = this.u32();
    if (count > most) throw wrong(`a list of ${count}, at most ${most} are allowed`);
    return Array.from({ length: count }, () => read());
  }
  end() {
    if (this.at !== this.bytes.length) throw wrong('bytes are left over');
  }
}

function readEntry(reader) {
  const start = reader.at;
  const tag = reader.u8();
  let entry;
  if (tag === 1) {
    entry = { kind: 'transaction', transaction: reader.take(32), digest: reader.take(32) };
    const outcome = reader.u8();
    if (outcome > 1) throw wrong('an outcome that is neither applied nor refused');
    entry.outcome = outcome === 0 ? 'applied' : 'refused';
    if (outcome === 1) entry.code = reader.u8();
    entry.events = reader.take(32);
  } else if (tag === 2) {
    entry = { kind: 'block', height: reader.u64(), time_ms: reader.u64(), parent: reader.take(32), round: reader.u32(), transactions: reader.u32() };
    for (const field of ['log_root_before', 'state_root', 'validators', 'next_validators', 'replay']) entry[field] = reader.take(32);
  } else {
    throw wrong('an entry of an unknown kind');
  }
  entry.bytes = reader.bytes.slice(start, reader.at);
  return entry;
}

/** Reads a receipt. Nothing of it is to be believed before `verifyReceipt`. */
export function readReceipt(bytes) {
  if (bytes.length > RECEIPT_BYTES_MAX) throw wrong('longer than any receipt');
  const reader = new Reader(bytes);
  if (reader.u8() !== 0) throw wrong('an unknown format of receipt');
  const receipt = { network: reader.take(32), index: reader.u64(), entry: readEntry(reader) };
  receipt.path = reader.list(PATH_MAX, () => reader.take(32));
  receipt.size = reader.u64();
  receipt.root = reader.take(32);
  receipt.log = reader.take(64);
  receipt.cosignatures = reader.list(VALIDATORS_MAX, () => ({ validator: reader.u8(), time_s: reader.u64(), signature: reader.take(64) }));
  reader.end();
  return receipt;
}

/** Reads a trust anchor from its JSON text: network id and first validator set. */
export function readAnchor(text) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong('the anchor is not JSON');
  }
  const list = json?.set?.validators;
  if (!Array.isArray(list) || list.length === 0 || list.length > VALIDATORS_MAX) throw wrong('an anchor names 1 to 16 validators');
  const validators = list.map(({ name, log, cosigner }) => {
    if (typeof name !== 'string' || !/^[^\s+]+$/.test(name)) throw wrong('a validator of the anchor has no usable name');
    return { name, log: unhex(log, 32), cosigner: unhex(cosigner, 32) };
  });
  const keys = validators.flatMap(({ log, cosigner }) => [hex(log), hex(cosigner)]);
  if (new Set(keys).size !== keys.length) throw wrong('a key stands in the anchor twice');
  return { network: unhex(json.network, 32), validators, quorum: Math.floor((validators.length * 2) / 3) + 1 };
}

/** The root that `path` gives for a leaf at `index` of `size` (RFC 9162, 2.1.3.2). */
export async function rootOfPath(leaf, index, size, path) {
  if (index >= size) throw wrong('the entry lies beyond the checkpoint');
  let [node, last, hash, at] = [index, size - 1n, leaf, 0];
  while (last > 0n) {
    if ((node & 1n) === 1n || node < last) {
      if (at >= path.length) throw wrong('the path is too short');
      const sibling = path[at];
      at += 1;
      hash = (node & 1n) === 1n ? await sha256([1], sibling, hash) : await sha256([1], hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (at !== path.length) throw wrong('the path is too long');
  return hash;
}

const origin = (anchor) => `lonja.${hex(anchor.network)}`;
const checkpointText = (anchor, size, root) => `${origin(anchor)}\n${size}\n${base64(root)}\n`;
const cosignedMessage = (time, text) => utf8.encode(`cosignature/v1\ntime ${time}\n${text}`);

/**
 * Verifies a receipt from the anchor down. Returns what it proves; throws a Doubt at the first thing
 * that does not hold. `step` hears of each step that held.
 */
export async function verifyReceipt(bytes, anchor, step = () => {}) {
  const receipt = readReceipt(bytes);
  if (!same(receipt.network, anchor.network)) throw wrong('the receipt is of another network than the anchor');
  step('The receipt is well formed and of the anchor’s network.');
  const root = await rootOfPath(await sha256([0], receipt.entry.bytes), receipt.index, receipt.size, receipt.path);
  if (!same(root, receipt.root)) throw wrong('the path does not lead from the entry to the checkpoint');
  if ((receipt.index === receipt.size - 1n) !== (receipt.entry.kind === 'block')) throw wrong('the entry cannot stand at this place of the log');
  step(`Entry ${receipt.index} is in the log of ${receipt.size} entries: ${receipt.path.length} hashes lead to the checkpoint’s root.`);
  const names = await verifySeal(receipt, anchor);
  step(`${names.length} of ${anchor.validators.length} validators signed that checkpoint (${names.join(', ')}); a quorum is ${anchor.quorum}.`);
  const sealed_s = receipt.cosignatures.reduce((most, { time_s }) => (time_s > most ? time_s : most), 0n);
  return { receipt, names, sealed_ms: Number(sealed_s) * 1000 };
}

async function verifySeal(receipt, anchor) {
  const { cosignatures } = receipt;
  if (cosignatures.length !== anchor.quorum) throw wrong(`${cosignatures.length} signatures, a quorum of this anchor is ${anchor.quorum}; if validators changed since, check with \`lonja verify\``);
  const text = checkpointText(anchor, receipt.size, receipt.root);
  let last = -1;
  for (const { validator, time_s, signature } of cosignatures) {
    if (validator <= last || validator >= anchor.validators.length) throw wrong('signatures are out of order, or of nobody in the set');
    if (time_s > 0x7fffffffffffffffn) throw wrong('a signature carries no time');
    last = validator;
    const { name, cosigner } = anchor.validators[validator];
    if (!(await ed25519(cosigner, signature, cosignedMessage(time_s, text)))) throw wrong(`the cosignature of ${name} does not verify`);
  }
  const first = anchor.validators[cosignatures[0].validator];
  if (!(await ed25519(first.log, receipt.log, utf8.encode(text)))) throw wrong(`the log signature of ${first.name} does not verify`);
  return cosignatures.map(({ validator }) => anchor.validators[validator].name);
}

/** Verifies a C2SP checkpoint note by a quorum of cosigners. Returns its size, root and newest time. */
export async function verifyCheckpoint(note, anchor) {
  if (note.length > NOTE_BYTES_MAX) throw wrong('longer than any checkpoint');
  const blank = note.lastIndexOf('\n\n');
  if (blank < 0 || !note.endsWith('\n')) throw wrong('not a signed note');
  const text = note.slice(0, blank + 1);
  const lines = text.split('\n');
  if (lines.length !== 4 || lines[0] !== origin(anchor) || !/^(0|[1-9][0-9]*)$/.test(lines[1])) throw wrong('not a checkpoint of this network');
  const signed = new Set();
  let logged = false;
  let time_s = 0n;
  for (const line of note.slice(blank + 2, -1).split('\n')) {
    const parts = /^— (\S+) (\S+)$/.exec(line);
    if (!parts) throw wrong('a signature line that is none');
    const bytes = Uint8Array.from(atob(parts[2]), (char) => char.charCodeAt(0));
    for (const [number, { name, log, cosigner }] of anchor.validators.entries()) {
      if (parts[1] === origin(anchor) && bytes.length === 68 && same(bytes.slice(0, 4), await keyId(parts[1], 1, log))) {
        if (!(await ed25519(log, bytes.slice(4), utf8.encode(text)))) throw wrong(`the log signature of ${name} does not verify`);
        logged = true;
      }
      if (parts[1] === `${origin(anchor)}/${name}` && bytes.length === 76 && same(bytes.slice(0, 4), await keyId(parts[1], 4, cosigner))) {
        const time = bytes.slice(4, 12).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
        if (!(await ed25519(cosigner, bytes.slice(12), cosignedMessage(time, text)))) throw wrong(`the cosignature of ${name} does not verify`);
        signed.add(number);
        if (time > time_s) time_s = time;
      }
    }
  }
  if (!logged || signed.size < anchor.quorum) throw wrong(`a signature is missing: ${signed.size} of ${anchor.quorum} cosigners signed`);
  return { size: BigInt(lines[1]), root: lines[2], signed_ms: Number(time_s) * 1000 };
}

const keyId = async (name, type, key) => (await sha256(utf8.encode(name), [0x0a, type], key)).slice(0, 4);

/** How old a checkpoint is, in minutes; a time in the future is no age. */
export function age(signed_ms, now_ms) {
  const minutes = (now_ms - signed_ms) / 60_000;
  return minutes < -1 ? null : Math.max(0, minutes);
}

/** The verdict as an element: `state` is verified, stale, failed or unchecked. Only `verified` is green. */
export function showVerdict(box, { state, title, text, steps = [] }) {
  box.className = `verdict ${state}`;
  box.dataset.verdict = state;
  const head = document.createElement('p');
  const strong = document.createElement('b');
  strong.textContent = `${title} `;
  head.append(strong, text);
  const list = document.createElement('ol');
  for (const [held, words] of steps) {
    const item = document.createElement('li');
    item.className = held === true ? 'ok' : held === false ? 'no' : 'open';
    item.textContent = words;
    list.append(item);
  }
  box.replaceChildren(head, ...(steps.length > 0 ? [list] : []));
}

export const when = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** What a verified entry says, in words. */
export function entryWords({ receipt }) {
  const { entry } = receipt;
  if (entry.kind === 'block') return `block ${entry.height} of ${when(Number(entry.time_ms))}`;
  return `transaction ${hex(entry.transaction)}, ${entry.outcome}${entry.outcome === 'refused' ? ` with code ${entry.code}` : ''}`;
}
