// Bytes, and reading them in order. Every module of the verifier begins here.
//
// The verifier is these modules: bytes, crypto, borsh, words, facts, records, trust, receipt,
// checkpoint, state, bundle. They need a browser's or node's WebCrypto and nothing else, know no page,
// and throw a Doubt at the first thing that does not hold.

/** Why something is not verified: `failed` is known to be wrong, `unchecked` could not be checked. */
export class Doubt extends Error {
  constructor(state, message) {
    super(message);
    this.state = state;
  }
}

export const wrong = (message) => new Doubt('failed', message);
export const unsure = (message) => new Doubt('unchecked', message);

/** Refuses with `message` unless `holds`. */
export function must(holds, message) {
  if (!holds) throw wrong(message);
}

export const utf8 = (text) => new TextEncoder().encode(text);
export const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Text from UTF-8; a byte order mark is text like any other, and what is not UTF-8 is refused. */
export function utf8Text(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw wrong('text that is not UTF-8');
  }
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hex(bytes) {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/** Bytes from lower-case hexadecimal, of exactly `length` bytes where that is given. */
export function unhex(text, length) {
  must(typeof text === 'string' && text.length % 2 === 0 && /^[0-9a-f]*$/.test(text), 'not lower-case hexadecimal');
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  must(length === undefined || bytes.length === length, `not ${length} bytes in hexadecimal`);
  return bytes;
}

export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** Bytes from base64 in its one usual form. */
export function unbase64(text) {
  let bytes = new Uint8Array();
  try {
    bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw wrong('not base64');
  }
  must(base64(bytes) === text, 'not base64 in its usual form');
  return bytes;
}

export function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

/** A whole number as `length` bytes, the least significant first. */
export const littleEndian = (number, length) => Uint8Array.from({ length }, (_, at) => Number((BigInt(number) >> BigInt(8 * at)) & 0xffn));

/** Are numbers strictly ascending? */
export const ascending = (numbers) => numbers.every((number, at) => at === 0 || numbers[at - 1] < number);

/** Reads bytes in order and never beyond their end. */
export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(length) {
    must(this.at + length <= this.bytes.length, 'the bytes end too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** A number of at most six bytes, which JavaScript holds exactly. */
  number(length) {
    return this.take(length).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  u64() {
    return this.take(8).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  list(most, read) {
    const count = this.number(4);
    must(count <= most, `a list of ${count}, at most ${most} are allowed`);
    const items = [];
    for (let number = 0; number < count; number += 1) items.push(read(this));
    return items;
  }

  end() {
    must(this.at === this.bytes.length, 'bytes are left over');
  }
}
