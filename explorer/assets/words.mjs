// The market's words: tags of enumerations in their order, and the values that are made of them.

import { amount, capitals, hexadecimal, optional, sequence, struct, tagged, text, u16, u32, u64, words } from './borsh.mjs';
import { must } from './bytes.mjs';

/** Every identifier, key and digest but a consent's has 32 bytes. */
export const id = hexadecimal(32);
export const consent = hexadecimal(16);
export const currency = capitals(3);
export const country = capitals(2);

export const purpose = words('infrastructure business planning maintenance environment safety research public-service innovation');
const ROLES = 'operator provider buyer settlement-agent regulator custodian gateway';
export const role = words(ROLES);

/** A set of roles: one bit for each. */
export function roles(reader) {
  const bits = u16(reader);
  const names = ROLES.split(' ');
  must(bits >> names.length === 0, 'a bit of roles that names none');
  return names.filter((_, number) => (bits >> number) & 1);
}

export const onward = words('prohibited derived-only same-terms free');
export const standing = words('applied active suspended');
export const proposalState = words('open passed in-force');
export const listing = words('listed suspended withdrawn');
export const listingReason = words('ready quality legal ended');
export const suspensionReason = words('own-request breach key-compromise dissolved');
export const revocationReason = words('by-buyer breach legal quality');
export const consentState = words('given withdrawn revoked invalidated objected expired');
export const basisKind = words('contract legal-obligation vital-interests public-task legitimate-interests');
export const activity = words('collect refresh calibrate process anonymise archive delete');
export const keyUse = words('sign price');
export const gap = words('framework_class spectrum access categories insight_levels roles processing usage structure quadrant sensitivity personal spatial temporal refresh');
export const price = tagged('kind', {
  0: ['free', {}],
  1: ['one-off', { amount, currency }],
  2: ['subscription', { amount, currency, period_days: u32, periods_max: u32 }],
});
export const allowed = tagged('kind', { 0: ['any', {}], 1: ['only', { purposes: sequence(purpose) }] });
export const terms = struct({ purposes: allowed, duration_days: optional(u32), onward, attribution: optional(text) });
export const content = struct({ blake3: id, sha256: id, bytes: u64, media_type: text });
const rule = words('dcat-access-level media-type accrual-periodicity dcat-temporal dcat-spatial spectrum-sensitivity publisher-quadrant refresh-usage keyword-category category-insight keyword-framework described-by system-of-records importer-role');

/** A classification: stated by somebody, inferred by a named rule, or not stated. */
export const stated = (kind) => tagged('origin', {
  0: ['not-stated', {}],
  1: ['stated', { value: kind }],
  2: ['inferred', { value: kind, rule }],
});

const access = tagged('kind', {
  0: ['specific', { parties: sequence(id) }],
  1: ['group', { group: id }],
  2: ['public', {}],
});
export const classification = struct({
  framework_class: stated(words('metadata reference thematic')),
  spectrum: stated(words('closed shared open')),
  access: stated(access),
  categories: stated(sequence(words('characteristics consumption movement presence production status supply use'))),
  insight_levels: stated(sequence(words('operational critical analytical strategic'))),
  roles: stated(sequence(words('data-creator data-owner data-custodian primary-publisher secondary-publisher user'))),
  processing: stated(words('raw processed archived')),
  usage: stated(words('static temporal versioned')),
  structure: stated(words('structured semi-structured unstructured semantic analogue real-time')),
  quadrant: stated(words('open restricted traded regulated')),
  sensitivity: stated(words('public internal-use sensitive protected restricted')),
  personal: stated(words('none anonymised personal')),
  spatial: stated(text),
  temporal: stated(text),
  refresh: stated(text),
});
