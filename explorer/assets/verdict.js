// How a verdict is shown: `verified`, `stale`, `failed` or `unchecked`. Only `verified` is green.

import { Doubt } from './bytes.mjs';
import { STALE_MINUTES, age } from './checkpoint.mjs';

/** Puts a verdict into its box. A step is what was checked, with true, false, or null for open. */
export function showVerdict(box, { state, title, text, steps = [] }) {
  box.className = `verdict ${state}`;
  box.dataset.verdict = state;
  const head = document.createElement('p');
  const strong = document.createElement('b');
  strong.textContent = `${title} `;
  head.append(strong, text);
  const list = document.createElement('ol');
  for (const [held, words] of steps) {
    const item = document.createElement('li');
    item.className = held === true ? 'ok' : held === false ? 'no' : 'open';
    item.textContent = words;
    list.append(item);
  }
  box.replaceChildren(head, ...(steps.length > 0 ? [list] : []));
}

/** The verdict on what was thrown: a fault of the checker itself is no failure of the proof. */
export function doubtVerdict(error, steps, { failed = '', unchecked = '' } = {}) {
  const wrong = error instanceof Doubt && error.state === 'failed';
  return {
    state: wrong ? 'failed' : 'unchecked',
    title: wrong ? 'Does not hold.' : 'Not checked here.',
    text: wrong ? failed : unchecked,
    steps: [...steps, [wrong ? false : null, error.message]],
  };
}

/**
 * The verdict on a file that holds. A receipt tells of the past, and a log only grows. A bundle tells
 * how things stood, so an old one is not green: what happened since is not in it.
 */
export function fileVerdict(proven, steps, note) {
  if (!proven.bundle) return { state: 'verified', title: 'Verified.', text: `It was so at ${when(proven.sealed_ms)}: ${entryWords(proven)}. ${note}`, steps };
  const minutes = age(proven.sealed_ms, Date.now());
  const fresh = minutes !== null && minutes <= STALE_MINUTES;
  const late = minutes === null ? 'It was signed at a time that is still to come: clocks differ.' : `It was signed ${agoWords(minutes)} ago; what happened since is not in it.`;
  return {
    state: fresh ? 'verified' : 'stale',
    title: fresh ? 'Verified.' : 'Proven as of then, not as of now.',
    text: `${bundleWords(proven)} ${note}`,
    steps: fresh ? steps : [...steps, [null, late]],
  };
}

export const when = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

const agoWords = (minutes) => {
  const [unit, count] = minutes < 120 ? ['minutes', minutes] : minutes < 2880 ? ['hours', minutes / 60] : ['days', minutes / 1440];
  return `${Math.floor(count)} ${unit}`;
};

const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** What a verified entry says, in words. */
export function entryWords({ receipt: { says } }) {
  if (says.entry === 'block') return `block ${says.height} of ${when(Number(says.time_ms))}`;
  const { outcome, code } = says.outcome;
  return `transaction ${says.transaction}, ${outcome}${outcome === 'refused' ? ` with code ${code}` : ''}`;
}

/** What a verified bundle says, in words. */
export function bundleWords({ kind, key, exists, height, time_ms, records, events, receipts }) {
  const there = exists ? 'is there' : 'is not there';
  return `The ${kind} ${key.slice(2)} ${there} at block ${height} of ${when(time_ms)}: ${counted(records, 'record')}, ${counted(events, 'event')}, ${counted(receipts, 'receipt')}.`;
}
