// The single-file verifier: files and an anchor, nothing from any server.

const by = (id) => document.getElementById(id);
let receiptBytes = null;
let anchorText = '';

async function check() {
  const box = by('verdict');
  if (!receiptBytes || !anchorText.trim()) {
    showVerdict(box, { state: 'unchecked', title: 'Nothing was checked yet.', text: receiptBytes ? 'The anchor is missing.' : 'A receipt is missing.' });
    return;
  }
  const steps = [];
  try {
    const anchor = readAnchor(anchorText);
    const verified = await verifyReceipt(receiptBytes, anchor, (words) => steps.push([true, words]));
    const text = `It was so at ${when(verified.sealed_ms)}: ${entryWords(verified)}. It does not say what happened since.`;
    showVerdict(box, { state: 'verified', title: 'Verified against your anchor.', text, steps });
  } catch (error) {
    const state = error instanceof Doubt ? error.state : 'unchecked';
    steps.push([state === 'failed' ? false : null, error.message]);
    showVerdict(box, { state, title: state === 'failed' ? 'Does not hold.' : 'Not checked.', text: '', steps });
  }
}

async function take(file) {
  if (file.size > 16 * 1024 * 1024) return;
  if (file.name.endsWith('.json')) {
    anchorText = await file.text();
    by('anchor').value = anchorText;
  } else {
    receiptBytes = new Uint8Array(await file.arrayBuffer());
    by('receipt-name').textContent = `${file.name}, ${file.size} bytes`;
  }
  await check();
}

by('files').addEventListener('change', async ({ target }) => { for (const file of target.files) await take(file); });
by('anchor').addEventListener('input', ({ target }) => { anchorText = target.value; check(); });
const drop = by('drop');
drop.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', async (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  for (const file of event.dataTransfer.files) await take(file);
});
