// From the trust anchor on: the sets of validators that were in force, each change signed by the last.

import { struct, u32, u64, u8 } from './borsh.mjs';
import { Reader, ascending, hex, join, littleEndian, must, unhex, utf8, wrong } from './bytes.mjs';
import { isSoundPoint, sha256, verifySignature } from './crypto.mjs';
import { validator } from './records.mjs';

export const VALIDATORS_MAX = 16;
const CHANGES_MAX = 1024;
const NAME_BYTES_MAX = 160;

export const quorum = (validators) => Math.floor((validators.length * 2) / 3) + 1;

const KEYS = ['consensus', 'log', 'cosigner'];

/** A set as it is hashed: a list of name and three keys. */
function setBytes(validators) {
  const one = ({ name, ...set }) => join(littleEndian(utf8(name).length, 4), utf8(name), ...KEYS.map((key) => set[key]));
  return join(littleEndian(validators.length, 4), ...validators.map(one));
}

export const setDigest = (validators) => sha256(utf8('lonja/validators/v1\0'), setBytes(validators));

function checkSet(validators) {
  must(validators.length >= 1 && validators.length <= VALIDATORS_MAX, 'a set has 1 to 16 validators');
  const keys = validators.flatMap((one) => KEYS.map((key) => one[key]));
  const twice = (list) => new Set(list).size !== list.length;
  must(!twice(keys.map(hex)) && !twice(validators.map(({ name }) => name)), 'a name or key stands twice in a set');
  for (const { name } of validators) {
    const bytes = utf8(name).length;
    must(bytes > 0 && bytes <= NAME_BYTES_MAX, 'a validator’s name has 1 to 160 bytes');
    must(!/[\s+]/u.test(name), 'a validator’s name has no spaces and no `+`');
  }
  for (const key of keys) must(isSoundPoint(key), `${hex(key)} is not a usable Ed25519 key`);
}

const exactly = (value, names) => value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).sort().join() === names;

/** Reads a trust anchor from its JSON text: network id and first set of validators. */
export function readAnchor(text) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong('the anchor is not JSON');
  }
  must(exactly(json, 'network,set') && exactly(json.set, 'validators'), 'an anchor is `network` and `set`, with `validators` in it');
  const list = json.set.validators;
  must(Array.isArray(list) && list.length <= VALIDATORS_MAX, 'an anchor names 1 to 16 validators');
  const validators = list.map((one) => {
    must(exactly(one, 'consensus,cosigner,log,name') && typeof one.name === 'string', 'a validator of the anchor is `name`, `consensus`, `log` and `cosigner`');
    return { name: one.name, ...Object.fromEntries(KEYS.map((key) => [key, unhex(one[key], 32)])) };
  });
  checkSet(validators);
  return { network: unhex(json.network, 32), validators };
}

const signatures = struct({ validator: u8, signature: (reader) => reader.take(64) });

/** The sets that were in force, as far as they were followed from an anchor. */
export class Trust {
  constructor({ network, validators }) {
    this.network = network;
    this.eras = [{ after: 0n, validators }];
    this.compromised = new Set();
  }

  /** The set that seals a log of `size` entries. */
  setAt(size) {
    return (this.eras.findLast(({ after }) => after < size) ?? this.eras[0]).validators;
  }

  /** Follows one change of the set, from its bytes. */
  async extend(bytes) {
    const reader = new Reader(bytes);
    const [number, after] = [u32(reader), u64(reader)];
    const set = reader.list(VALIDATORS_MAX, validator).map(({ name, ...keys }) => ({ name, ...Object.fromEntries(KEYS.map((key) => [key, unhex(keys[key], 32)])) }));
    const compromised = reader.list(VALIDATORS_MAX, u8);
    const unsigned = bytes.subarray(0, reader.at);
    const signed = reader.list(VALIDATORS_MAX, signatures);
    reader.end();
    const last = this.eras.at(-1);
    must(this.eras.length <= CHANGES_MAX, `a trust chain has at most ${CHANGES_MAX} changes`);
    must(number === this.eras.length, `change ${this.eras.length} of the set comes next, not ${number}`);
    must(after > last.after, `change ${number} begins before the one before it`);
    checkSet(set);
    for (const numbers of [compromised, signed.map((one) => one.validator)]) {
      must(ascending(numbers) && numbers.every((one) => one < last.validators.length), `change ${number} names validators out of order, or of no set`);
    }
    must(signed.length >= quorum(last.validators), `change ${number} is not signed by a quorum of the set before it`);
    const message = join(utf8('lonja/sign/trust/v1\0'), this.network, await setDigest(last.validators), unsigned);
    for (const { validator: one, signature } of signed) {
      await verifySignature(last.validators[one].consensus, message, signature, `the signature of validator ${one} under change ${number}`);
    }
    for (const one of compromised) for (const key of ['log', 'cosigner']) this.compromised.add(hex(last.validators[one][key]));
    this.eras.push({ after, validators: set });
  }

  /** Refuses a validator whose keys may be in other hands. */
  requireSound(one) {
    must(!this.compromised.has(hex(one.log)) && !this.compromised.has(hex(one.cosigner)), `a key of ${one.name} may be in other hands`);
  }
}
