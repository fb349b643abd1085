// The reader's own anchor, kept in this browser. Changing it is said, never silent.

import { hex } from './bytes.mjs';
import { readAnchor } from './trust.mjs';

const KEY = 'lonja.anchor';

/** The pinned anchor: `{ text, since }`, or null. */
export function pinned() {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export function pin(text) {
  readAnchor(text);
  localStorage.setItem(KEY, JSON.stringify({ text, since: new Date().toISOString() }));
}

export const unpin = () => localStorage.removeItem(KEY);

/** Two anchors are the same when everything that verification reads is the same. */
export function sameAnchor(one, other) {
  const words = ({ network, validators }) => JSON.stringify([hex(network), validators.map(({ name, consensus, log, cosigner }) => [name, hex(consensus), hex(log), hex(cosigner)])]);
  return words(one) === words(other);
}

/** The anchor to check against, and what is to be said of it. */
export async function anchorInForce() {
  const answer = await fetch('/anchor.json');
  const servedText = answer.ok ? await answer.text() : null;
  const own = pinned();
  if (own) {
    const anchor = readAnchor(own.text);
    const changed = servedText !== null && !sameAnchor(anchor, readAnchor(servedText));
    return { anchor, changed, note: changed ? 'This explorer now offers another anchor than the one that you pinned. Checked against yours.' : `Checked against the anchor that you pinned on ${own.since.slice(0, 10)}.` };
  }
  if (servedText === null) throw new Error('no anchor is at hand');
  return { anchor: readAnchor(servedText), changed: false, note: 'Checked against the anchor that this explorer offers: pin your own under Verify to be independent of it.' };
}
