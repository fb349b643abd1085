// Checks the receipt of the page's transaction in the reader's browser. Green only if every step
// held, the entry is the one that the page shows, and the newest checkpoint is signed and fresh.

import { Doubt, STALE_MINUTES, age, entryWords, hex, showVerdict, verifyCheckpoint, verifyReceipt, when } from '/assets/verify.js';
import { anchorInForce } from '/assets/pin.js';

async function bytesOf(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Doubt('unchecked', `the explorer gave no ${path.split('/')[1]} (${answer.status})`);
  return answer;
}

async function freshness(anchor, steps, receipt) {
  const note = await (await bytesOf('/checkpoint')).text();
  const { size, signed_ms } = await verifyCheckpoint(note, anchor);
  if (size < receipt.size) throw new Doubt('failed', 'the newest checkpoint is smaller than the receipt’s: the log went back');
  const minutes = age(signed_ms, Date.now());
  if (minutes === null) {
    steps.push([null, `The newest checkpoint carries a time in the future (${when(signed_ms)}): clocks differ.`]);
    return false;
  }
  const fresh = minutes <= STALE_MINUTES;
  steps.push([fresh ? true : null, `The newest checkpoint, of ${size} entries, was signed at ${when(signed_ms)}${fresh ? '' : `, ${Math.floor(minutes)} minutes ago: what happened since is not known here`}.`]);
  return fresh;
}

export async function checkTransaction(box, id) {
  const steps = [];
  try {
    const { anchor, changed, note } = await anchorInForce();
    const bytes = new Uint8Array(await (await bytesOf(`/receipt/${id}`)).arrayBuffer());
    const verified = await verifyReceipt(bytes, anchor, (words) => steps.push([true, words]));
    const { entry } = verified.receipt;
    if (entry.kind !== 'transaction' || hex(entry.transaction) !== id) throw new Doubt('failed', 'the receipt is of another entry than this page');
    const shown = document.querySelector('.badge')?.textContent;
    if (document.body.dataset.page === 'transaction' && shown !== entry.outcome) throw new Doubt('failed', `the page says ${shown}, the receipt ${entry.outcome}`);
    const fresh = await freshness(anchor, steps, verified.receipt);
    const text = `This entry is in the log: ${entryWords(verified)}, sealed at ${when(verified.sealed_ms)}. ${note}`;
    if (changed) return showVerdict(box, { state: 'stale', title: 'The anchor changed.', text, steps });
    if (!fresh) return showVerdict(box, { state: 'stale', title: 'Proven, but not up to date.', text, steps });
    return showVerdict(box, { state: 'verified', title: 'Verified in your browser.', text, steps });
  } catch (error) {
    const state = error instanceof Doubt ? error.state : 'unchecked';
    steps.push([state === 'failed' ? false : null, error.message]);
    const title = state === 'failed' ? 'Does not hold.' : 'Not checked here.';
    const text = state === 'failed' ? 'Do not rely on this page; keep the receipt and ask the operator.' : 'Download the receipt and check it with `lonja verify`.';
    return showVerdict(box, { state, title, text, steps });
  }
}

const section = document.querySelector('[data-proof]');
if (section) checkTransaction(section.querySelector('.verdict'), section.dataset.proof);
