#!/usr/bin/env node
// Changes one byte of a file, many times over, and expects the pages' verifier to refuse each.
//
//     node page_mutations.mjs ANCHOR FILE COUNT
//
// Walks through the file so that every byte is changed when COUNT allows it, to a value that depends on
// its place. Exits 0 only if the file itself holds and each mutation is refused as wrong: a verifier that
// fails in another way, or finds nothing to check, does not count as refusing.

import { readFile } from 'node:fs/promises';
import { webcrypto } from 'node:crypto';
import { Doubt } from '../../explorer/assets/bytes.mjs';
import { verifyFile } from '../../explorer/assets/bundle.mjs';
import { readAnchor } from '../../explorer/assets/trust.mjs';

globalThis.crypto ??= webcrypto;

const [anchorName, name, countText] = process.argv.slice(2);
const count = Number(countText);
const anchor = readAnchor(await readFile(anchorName, 'utf8'));
const data = new Uint8Array(await readFile(name));
await verifyFile(data, anchor);

const step = count >= data.length ? 1 : data.length / count;
let accepted = 0;
for (let number = 0; number < count; number += 1) {
  const at = Math.floor(number * step) % data.length;
  // Another bit each time round, so that no two mutations are the same before all eight were tried.
  const bit = (Math.floor(number / data.length) + number) % 8;
  const changed = data.slice();
  changed[at] ^= 1 << bit;
  try {
    await verifyFile(changed, anchor);
    console.error(`byte ${at}, bit ${bit}: accepted`);
  } catch (error) {
    if (error instanceof Doubt && error.state === 'failed') continue;
    console.error(`byte ${at}, bit ${bit}: ${error.stack}`);
  }
  accepted += 1;
}
console.log(`${count} mutations of ${name}, ${accepted} accepted`);
process.exit(accepted > 0 ? 1 : 0);
