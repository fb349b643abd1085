#!/usr/bin/env node
// Checks receipts and evidence bundles with the modules that the explorer's pages check them with.
//
//     node page_verify.mjs --anchor anchor.json FILE [FILE ...]
//
// The modules run in node's WebCrypto as they do in a browser's. Exits 0 only if every file holds; 1 if
// one does not, naming what failed; 2 if it was called wrongly.

import { readFile } from 'node:fs/promises';
import { webcrypto } from 'node:crypto';
import { Doubt } from '../../explorer/assets/bytes.mjs';
import { verifyFile } from '../../explorer/assets/bundle.mjs';
import { readAnchor } from '../../explorer/assets/trust.mjs';

// Older releases of node have it, and not under its usual name.
globalThis.crypto ??= webcrypto;

const [flag, anchorName, ...names] = process.argv.slice(2);
if (flag !== '--anchor' || names.length === 0) {
  console.error('usage: page_verify.mjs --anchor anchor.json FILE [FILE ...]');
  process.exit(2);
}
const anchor = readAnchor(await readFile(anchorName, 'utf8'));
let failed = false;
for (const name of names) {
  try {
    const { bundle, kind, exists, records, events, receipts, receipt } = await verifyFile(new Uint8Array(await readFile(name)), anchor);
    const said = bundle ? `${kind} ${exists ? 'exists' : 'does not exist'}; ${records} records, ${events} events, ${receipts} receipts` : receipt.says.entry;
    console.log(`${name}: holds: ${said}`);
  } catch (error) {
    // Whatever else is thrown is a fault of the verifier, and ends it.
    if (!(error instanceof Doubt && error.state === 'failed')) throw error;
    console.error(`${name}: REFUSED: ${error.message}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
