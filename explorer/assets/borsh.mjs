// Kinds of values in borsh: each is a function from a Reader to what JSON shows of the value.
//
// Integers are little-endian, lists come after their 32-bit length, tags and truth values are one
// byte. What JSON shows: numbers of 64 bits as BigInt, identifiers in hexadecimal, amounts as text.

import { Reader, hex, must, utf8Text, wrong } from './bytes.mjs';

export const u8 = (reader) => reader.number(1);
export const u16 = (reader) => reader.number(2);
export const u32 = (reader) => reader.number(4);
export const u64 = (reader) => reader.u64();

export function boolean(reader) {
  const byte = u8(reader);
  must(byte <= 1, 'a truth value is 0 or 1');
  return byte === 1;
}

export const hexadecimal = (length) => (reader) => hex(reader.take(length));
export const octets = (length) => (reader) => [...reader.take(length)];
export const text = (reader) => utf8Text(reader.take(reader.number(4)));
export const amount = (reader) => String(reader.u64());

export const capitals = (length) => (reader) => {
  const code = String.fromCharCode(...reader.take(length));
  must(/^[A-Z]*$/.test(code), 'a code of capital letters has something else in it');
  return code;
};

export const optional = (kind) => (reader) => (boolean(reader) ? kind(reader) : null);
export const sequence = (kind) => (reader) => reader.list(reader.bytes.length, kind);
export const struct = (fields) => (reader) => Object.fromEntries(Object.entries(fields).map(([name, kind]) => [name, kind(reader)]));

/** An enumeration without fields; tags count from 0. */
export const words = (list) => {
  const names = list.split(' ');
  return (reader) => {
    const tag = u8(reader);
    must(tag < names.length, `unknown tag ${tag}, known are ${names.join(', ')}`);
    return names[tag];
  };
};

/** An enumeration with fields: `{ tag: [name, fields] }`. JSON puts the name under `label` first. */
export const tagged = (label, variants) => (reader) => {
  const tag = u8(reader);
  const variant = Object.hasOwn(variants, tag) ? variants[tag] : null;
  if (!variant) throw wrong(`unknown tag ${tag} of '${label}'`);
  return { [label]: variant[0], ...struct(variant[1])(reader) };
};

/** The value of `kind` in `bytes`, all of them. */
export function decode(kind, bytes) {
  const reader = new Reader(bytes);
  const value = kind(reader);
  reader.end();
  return value;
}

/** JSON of two-space indentation, as serde_json writes it; BigInt as a number. */
export function pretty(value, indent = '') {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  const inner = `${indent}  `;
  const list = Array.isArray(value);
  const lines = list
    ? value.map((item) => inner + pretty(item, inner))
    : Object.entries(value).map(([name, item]) => `${inner}${JSON.stringify(name)}: ${pretty(item, inner)}`);
  const [open, close] = list ? '[]' : '{}';
  return lines.length === 0 ? open + close : `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}
