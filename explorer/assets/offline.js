// The single-file verifier: a file and an anchor, nothing from any server.

import { BUNDLE_BYTES_MAX, verifyFile } from './bundle.mjs';
import { readAnchor } from './trust.mjs';
import { doubtVerdict, fileVerdict, showVerdict } from './verdict.js';

const by = (id) => document.getElementById(id);
let proofBytes = null;
let anchorText = '';

async function checkBoth() {
  const box = by('verdict');
  if (!proofBytes || !anchorText.trim()) {
    showVerdict(box, { state: 'unchecked', title: 'Nothing was checked yet.', text: proofBytes ? 'The anchor is missing.' : 'A receipt or bundle is missing.' });
    return;
  }
  const steps = [];
  try {
    const proven = await verifyFile(proofBytes, readAnchor(anchorText), (words) => steps.push([true, words]));
    showVerdict(box, fileVerdict(proven, steps, 'Checked against your anchor.'));
  } catch (error) {
    showVerdict(box, doubtVerdict(error, steps));
  }
}

/** An anchor is the JSON file that has a `set`; whatever else is a proof, sound or not. */
function isAnchor(text) {
  try {
    return Object.hasOwn(JSON.parse(text), 'set');
  } catch {
    return false;
  }
}

async function take(file) {
  if (file.size > BUNDLE_BYTES_MAX) {
    showVerdict(by('verdict'), { state: 'unchecked', title: 'Not checked here.', text: `${file.name} is longer than any bundle.` });
    return;
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = bytes[0] === 0x7b ? new TextDecoder().decode(bytes) : '';
  if (isAnchor(text)) {
    anchorText = text;
    by('anchor').value = text;
  } else {
    proofBytes = bytes;
    by('proof-name').textContent = `${file.name}, ${file.size} bytes`;
  }
  await checkBoth();
}

by('files').addEventListener('change', async ({ target }) => { for (const file of target.files) await take(file); });
by('anchor').addEventListener('input', ({ target }) => { anchorText = target.value; checkBoth(); });
const drop = by('drop');
drop.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', async (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  for (const file of event.dataTransfer.files) await take(file);
});
