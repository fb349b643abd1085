// Records of the state tree, by the tag that their keys begin with.

import { amount, boolean, hexadecimal, optional, sequence, struct, tagged, text, u16, u32, u64, u8, words } from './borsh.mjs';
import { basisKind, classification, consent, consentState, content, country, currency, id, keyUse, listing, onward, price, proposalState, purpose, revocationReason, roles, standing, stated, terms } from './words.mjs';

export const validator = struct({ name: text, consensus: id, log: id, cosigner: id });
const validatorSet = struct({ validators: sequence(validator) });
const ballot = struct({ validator: u8, signature: hexadecimal(64) });
const testimony = struct({
  said: tagged('kind', {
    0: ['prevote', { block: optional(id) }],
    1: ['precommit', { block: optional(id) }],
    2: ['proposal', { block: id, since: optional(u32) }],
  }),
  signature: hexadecimal(64),
});
const parameters = struct({ quota: struct({ count_max: u64, bytes_max: u64, state_bytes_max: u64 }) });

/** Tag of the key, word for the kind, value. */
export const RECORDS = {
  1: ['party', struct({
    name: text,
    kind: words('city third-sector business citizens academic other-city authority'),
    jurisdiction: country,
    standing,
    roles,
    keys: sequence(struct({ key: id, usage: keyUse, since: u64, revoked: optional(u64) })),
    side: optional(id),
  })],
  2: ['quota', struct({ window: u64, count: u64, bytes: u64, state_bytes: u64 })],
  3: ['dataset', struct({
    publisher: id, catalogue: text, identifier: text, revision: u32, jacket: id, side: optional(id),
    listing, classification, versions: u32,
  })],
  4: ['jacket', struct({
    title: text, source_publisher: optional(text),
    variables: sequence(struct({
      name: text,
      kind: words('number integer text flag date time place code unknown'),
      unit: optional(text),
      meaning: optional(text),
    })),
    types: sequence(words('table time-series text image graph movie sound log map service other')),
    formats: sequence(text), keywords: sequence(text), themes: sequence(text),
    collection: stated(words('survey sensors records observation simulation derived')),
    collection_cost: stated(words('low medium high')),
    sharing: stated(words('free negotiation members purchase not-shared')),
    expected_uses: sequence(purpose), licence: optional(text), landing_page: optional(text),
    distributions: sequence(struct({ title: optional(text), link: text, download: boolean, media_type: optional(text) })),
    languages: sequence(text), modified: optional(text), issued: optional(text), classification,
  })],
  5: ['version', struct({
    dataset: id, number: u32, content, parents: sequence(id), excludes: sequence(consent),
  })],
  6: ['offer', struct({ dataset: id, provider: id, revision: u32, withdrawn: boolean })],
  7: ['offer revision', struct({ terms, text: id, price })],
  8: ['used quote', struct({ agreement: id })],
  9: ['agreement', struct({
    buyer: id, provider: id, dataset: id, offer: id, revision: u32, terms: id, onward,
    purpose, paid: amount, currency: optional(currency), start_ms: u64, end_ms: optional(u64),
    revoked: optional(revocationReason), justification: optional(id),
  })],
  10: ['holding', struct({ agreement: id, count: u32 })],
  11: ['delivery', struct({ agreement: id, version: id, gateway: id, time_ms: u64 })],
  12: ['consent', struct({
    controller: id, dataset: id, since_version: u32, purposes: sequence(purpose), state: consentState,
    notice: id, from_ms: u64, until_day: u32, record: id, excluded_in: optional(u32),
  })],
  13: ['consent scope', struct({
    required: u32, outstanding: u32, pending: u32, clean_from: u32, ends: sequence(struct({ day: u32, count: u32 })),
  })],
  14: ['legal basis', struct({
    kind: basisKind, jurisdiction: country, reference: text, controller: id, controls: sequence(text),
    ended: boolean,
  })],
  15: ['group', struct({ owner: id, name: text, members: sequence(id) })],
  16: ['account', struct({ balance: amount })],
  17: ['supply', struct({ minted: amount, burned: amount })],
  18: ['bank booking', struct({ party: id, amount, currency, minted: boolean })],
  19: ['validator set', validatorSet],
  20: ['parameters', parameters],
  21: ['side body owner', struct({ owner: id })],
  22: ['anchored content', struct({ number: u32 })],
  23: ['proposal', struct({
    change: tagged('change', {
      0: ['validators', { set: validatorSet, compromised: sequence(u8) }],
      1: ['parameters', { parameters }],
      2: ['party', { party: id, standing, roles }],
      3: ['protocol', { version: u16, from: u64 }],
    }),
    base: id, until_ms: u64, state: proposalState, ballots: sequence(ballot), ready: sequence(ballot),
  })],
  24: ['governance', struct({ changes: u32, in_force: optional(id), pending: optional(id) })],
  25: ['misconduct', struct({ name: text, height: u64, round: u32, first: testimony, second: testimony })],
  26: ['protocol', struct({ version: u16, from: u64, before: u16 })],
  27: ['protests', struct({
    name: text,
    protests: sequence(struct({ by: id, height: u64, round: u32, proposed: testimony, signature: hexadecimal(64) })),
  })],
  28: ['party decision', struct({ proposal: id })],
  29: ['compromised key', struct({ proposal: id })],
  30: ['consent start', struct({ version: u32 })],
  31: ['side body taken down', struct({ by: id, height: u64 })],
};
