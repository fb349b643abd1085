// The verify page: pinning an anchor, and checking a receipt or bundle from a file or by transaction.

import { verifyFile } from './bundle.mjs';
import { hex } from './bytes.mjs';
import { anchorInForce, pin, pinned, sameAnchor, unpin } from './pin.js';
import { checkTransaction } from './proof.js';
import { readAnchor } from './trust.mjs';
import { doubtVerdict, fileVerdict, showVerdict } from './verdict.js';

const by = (id) => document.getElementById(id);
const served = by('served-anchor').textContent;

function showPin(message = '') {
  const own = pinned();
  let text = 'No anchor is pinned in this browser: proofs are checked against the one that this explorer offers.';
  if (own) {
    const anchor = readAnchor(own.text);
    text = `Pinned on ${own.since.slice(0, 10)}: network ${hex(anchor.network)}, ${anchor.validators.length} validator(s).`;
    if (!sameAnchor(anchor, readAnchor(served))) text += ' This explorer offers ANOTHER anchor: it is of another network, or it changed. Find out which before you trust it.';
  }
  by('pin-state').textContent = `${message} ${text}`.trim();
  by('unpin').disabled = !own;
}

function setPin(text) {
  try {
    const before = pinned();
    const next = readAnchor(text);
    const change = before && !sameAnchor(readAnchor(before.text), next);
    pin(text);
    showPin(change ? 'You replaced the pinned anchor by another one.' : 'Pinned.');
  } catch (error) {
    showPin(`Not pinned: ${error.message}.`);
  }
}

async function checkFile(file) {
  const steps = [];
  let verdict;
  try {
    const { anchor, note, changed } = await anchorInForce();
    const proven = await verifyFile(new Uint8Array(await file.arrayBuffer()), anchor, (words) => steps.push([true, words]));
    verdict = fileVerdict(proven, steps, note);
    if (changed) verdict = { ...verdict, state: 'stale', title: 'The anchor changed.' };
  } catch (error) {
    verdict = doubtVerdict(error, steps);
  }
  showVerdict(by('verdict'), verdict);
}

by('pin').hidden = false;
by('checker').hidden = false;
by('pin-own').addEventListener('click', () => setPin(by('own-anchor').value));
by('pin-served').addEventListener('click', () => setPin(served));
by('unpin').addEventListener('click', () => { unpin(); showPin('Forgotten.'); });
by('proof-file').addEventListener('change', ({ target }) => { if (target.files[0]) checkFile(target.files[0]); });
by('receipt-fetch').addEventListener('click', () => {
  const id = by('receipt-id').value.trim().toLowerCase();
  if (/^[0-9a-f]{64}$/.test(id)) checkTransaction(by('verdict'), id);
  else showVerdict(by('verdict'), { state: 'unchecked', title: 'Not checked.', text: 'A transaction id has 64 hexadecimal digits.' });
});
showPin();
