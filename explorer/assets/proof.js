// Checks proofs in the reader's browser: the receipt of the page's transaction, and on demand the
// evidence bundle of what the page is about. Green only if every step held, it is about what the page
// shows, and the newest checkpoint is signed and fresh.

import { Doubt, hex } from './bytes.mjs';
import { verifyBundle } from './bundle.mjs';
import { STALE_MINUTES, age, verifyCheckpoint } from './checkpoint.mjs';
import { anchorInForce } from './pin.js';
import { verifyReceipt } from './receipt.mjs';
import { bundleWords, doubtVerdict, entryWords, showVerdict, when } from './verdict.js';

async function asked(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Doubt('unchecked', `the explorer gave no ${path.split('/')[1]} (${answer.status})`);
  return answer;
}

const bytesOf = async (path) => new Uint8Array(await (await asked(path)).arrayBuffer());

/** Is the newest checkpoint signed, not older than what was proven, and of the last minutes? */
async function freshness(anchor, steps, provenSize) {
  const { size, signed_ms } = await verifyCheckpoint(await (await asked('/checkpoint')).text(), anchor);
  if (size < provenSize) throw new Doubt('failed', 'the newest checkpoint is smaller than the one proven: the log went back');
  const minutes = age(signed_ms, Date.now());
  if (minutes === null) {
    steps.push([null, `The newest checkpoint carries a time in the future (${when(signed_ms)}): clocks differ.`]);
    return false;
  }
  const fresh = minutes <= STALE_MINUTES;
  steps.push([fresh ? true : null, `The newest checkpoint, of ${size} entries, was signed at ${when(signed_ms)}${fresh ? '' : `, ${Math.floor(minutes)} minutes ago: what happened since is not known here`}.`]);
  return fresh;
}

/** Runs `prove`, then asks how fresh it is, and shows the verdict. */
async function check(box, prove, advice) {
  const steps = [];
  try {
    const { anchor, changed, note } = await anchorInForce();
    const { text, size } = await prove(anchor, (words) => steps.push([true, words]));
    const fresh = await freshness(anchor, steps, size);
    const [state, title] = changed ? ['stale', 'The anchor changed.'] : fresh ? ['verified', 'Verified in your browser.'] : ['stale', 'Proven, but not up to date.'];
    showVerdict(box, { state, title, text: `${text} ${note}`, steps });
  } catch (error) {
    showVerdict(box, doubtVerdict(error, steps, advice));
  }
}

export const checkTransaction = (box, id) => check(box, async (anchor, step) => {
  const verified = await verifyReceipt(await bytesOf(`/receipt/${id}`), anchor, step);
  const { says, size } = verified.receipt;
  if (says.entry !== 'transaction' || says.transaction !== id) throw new Doubt('failed', 'the receipt is of another entry than this page');
  const shown = document.querySelector('.badge')?.textContent;
  if (document.body.dataset.page === 'transaction' && shown !== says.outcome.outcome) throw new Doubt('failed', `the page says ${shown}, the receipt ${says.outcome.outcome}`);
  return { size, text: `This entry is in the log: ${entryWords(verified)}, sealed at ${when(verified.sealed_ms)}.` };
}, {
  failed: 'Do not rely on this page; keep the receipt and ask the operator.',
  unchecked: 'Download the receipt and check it with `lonja verify`.',
});

/** The tag with which the key of each kind of record begins. */
const TAGS = { dataset: '03', agreement: '09', consent: '0c', proposal: '17' };

/**
 * Checks the bundle of `kind` and `id`. Where the page says how many events there were at its own
 * height, the bundle must have as many up to there.
 */
export const checkBundle = (box, { kind, id, height, events }) => check(box, async (anchor, step) => {
  const proven = await verifyBundle(await bytesOf(`/bundle/${kind}/${id}`), anchor, step);
  if (proven.key !== TAGS[kind] + id || !proven.exists || proven.network !== hex(anchor.network)) throw new Doubt('failed', 'the bundle is of another record than this page');
  if (proven.height < BigInt(height)) throw new Doubt('unchecked', `the bundle is of block ${proven.height}, this page of a later one: check again`);
  const before = proven.history.filter((one) => one <= BigInt(height)).length;
  if (before !== Number(events)) throw new Doubt('failed', `the page counts ${events} events up to block ${height}, the bundle proves ${before}`);
  step(`Up to block ${height}, of which this page tells, it proves the ${before} events that the page counts.`);
  return { size: proven.receipt.size, text: bundleWords(proven) };
}, {
  failed: 'Do not rely on this page; keep the bundle and ask the operator.',
  unchecked: 'Download the bundle and check it with `lonja verify`.',
});

const section = document.querySelector('[data-proof]');
if (section) checkTransaction(section.querySelector('.verdict'), section.dataset.proof);

for (const bundle of document.querySelectorAll('[data-bundle]')) {
  const [button, box] = [bundle.querySelector('button'), bundle.querySelector('.verdict')];
  button.hidden = false;
  button.addEventListener('click', async () => {
    button.disabled = true;
    box.hidden = false;
    const { bundle: kind, ...shown } = bundle.dataset;
    await checkBundle(box, { kind, ...shown });
    button.disabled = false;
  });
}
