#!/usr/bin/env python3
"""Checks lonja receipts and evidence bundles from a trust anchor, with no lonja code.

    python3 lonja_verify.py --anchor anchor.json [--later later.json] FILE [FILE ...]

A receipt alone does not say how the set of validators has changed since, or whose keys may be in other
hands: a file that `lonja verify --keep-later` wrote does, and has the later checkpoint that such a
receipt needs. It asks no node for one.

Needs Python 3.9 or later and the package `cryptography` (pip install cryptography). Exits 0 only if
every file holds; 1 if one does not, naming what failed; 2 if it was called wrongly.

It is the second implementation of what the modules `log`, `tree`, `note`, `receipt` and `bundle` of
the crate `ledger` document, written from their descriptions: borsh, RFC 6962, C2SP checkpoints and
cosignatures, the Jellyfish Merkle state proof, and Ed25519. Whatever it does not know, it refuses.
"""

import argparse
import base64
import functools
import hashlib
import json
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit("this needs the package cryptography: pip install cryptography")

VALIDATORS_MAX = 16
PATH_MAX = 64
STATE_DEPTH_MAX = 256
RECEIPT_BYTES_MAX = 4 * 1024
BUNDLE_BYTES_MAX = 64 * 1024 * 1024
RECORDS_MAX = 10_000
TIME_MAX = 2**63 - 1
BUNDLE_FORMAT = "lonja-bundle/v1"
LATER_FORMAT = "lonja-later/v1"
LATER_FILE_BYTES_MAX = 16 * 1024 * 1024


class Refused(Exception):
    """Something does not hold; the text says what."""


def require(holds, text):
    if not holds:
        raise Refused(text)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ---------------------------------------------------------------------------------------- borsh


class Reader:
    """borsh from bytes: integers little-endian, lists after a 32-bit length, nothing left over."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        require(self.at + count <= len(self.data), "the bytes end too early")
        part = self.data[self.at : self.at + count]
        self.at += count
        return part

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def length(self, most):
        count = self.number(4)
        require(count <= most, f"a list of {count}, at most {most} are allowed")
        return count

    def end(self):
        require(self.at == len(self.data), "bytes are left over")


def decode(kind, data):
    reader = Reader(data)
    value = kind(reader)
    reader.end()
    return value


# Each kind of value is a function from a Reader to what JSON shows of it.

def u(size):
    return lambda reader: reader.number(size)


u8, u16, u32, u64 = u(1), u(2), u(4), u(8)


def boolean(reader):
    byte = reader.number(1)
    require(byte in (0, 1), "a truth value is 0 or 1")
    return byte == 1


def hexadecimal(size):
    return lambda reader: reader.take(size).hex()


def text(reader):
    data = reader.take(reader.length(len(reader.data)))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("text that is not UTF-8") from None


def letters(count):
    def read(reader):
        data = reader.take(count)
        require(all(65 <= byte <= 90 for byte in data), "a code of capital letters has something else in it")
        return data.decode("ascii")
    return read


def amount(reader):
    return str(reader.number(8))


def octets(count):
    return lambda reader: list(reader.take(count))


def optional(kind):
    return lambda reader: kind(reader) if boolean(reader) else None


def sequence(kind):
    return lambda reader: [kind(reader) for _ in range(reader.length(len(reader.data)))]


def struct(**fields):
    return lambda reader: {name: kind(reader) for name, kind in fields.items()}


def words(names):
    """An enumeration without fields; tags count from 0."""
    names = names.split()

    def read(reader):
        tag = reader.number(1)
        require(tag < len(names), f"unknown tag {tag}, known are {names}")
        return names[tag]
    return read


def tagged(label, variants):
    """An enumeration with fields: {tag: (name, fields)}; JSON puts the name under `label` first."""
    def read(reader):
        tag = reader.number(1)
        require(tag in variants, f"unknown tag {tag} of `{label}`")
        name, fields = variants[tag]
        value = {label: name}
        value.update((field, kind(reader)) for field, kind in fields.items())
        return value
    return read


# ------------------------------------------------------------------------------- the market's words

digest = hexadecimal(32)
party = dataset = version = offer = agreement = delivery = group = side = blake3 = bank = digest
transaction = public_key = proposal = digest
consent = hexadecimal(16)
currency = letters(3)
country = letters(2)

purpose = words("infrastructure business planning maintenance environment safety research public-service innovation")
role = words("operator provider buyer settlement-agent regulator custodian gateway")
ROLES = "operator provider buyer settlement-agent regulator custodian gateway".split()


def roles(reader):
    bits = reader.number(2)
    require(bits >> len(ROLES) == 0, "a bit of roles that names none")
    return [name for number, name in enumerate(ROLES) if bits >> number & 1]


onward = words("prohibited derived-only same-terms free")
listing = words("listed suspended withdrawn")
standing = words("applied active suspended")
proposal_state = words("open passed in-force")
listing_reason = words("ready quality legal ended")
suspension_reason = words("own-request breach key-compromise dissolved")
revocation_reason = words("by-buyer breach legal quality")
consent_state = words("given withdrawn revoked invalidated objected expired")
basis_kind = words("contract legal-obligation vital-interests public-task legitimate-interests")
activity = words("collect refresh calibrate process anonymise archive delete")
key_use = words("sign price")
gap = words(
    "framework_class spectrum access categories insight_levels roles processing usage structure quadrant "
    "sensitivity personal spatial temporal refresh"
)
price = tagged("kind", {
    0: ("free", {}),
    1: ("one-off", dict(amount=amount, currency=currency)),
    2: ("subscription", dict(amount=amount, currency=currency, period_days=u32, periods_max=u32)),
})
allowed = tagged("kind", {0: ("any", {}), 1: ("only", dict(purposes=sequence(purpose)))})
terms = struct(purposes=allowed, duration_days=optional(u32), onward=onward, attribution=optional(text))
content = struct(blake3=blake3, sha256=digest, bytes=u64, media_type=text)
rule = words(
    "dcat-access-level media-type accrual-periodicity dcat-temporal dcat-spatial spectrum-sensitivity "
    "publisher-quadrant refresh-usage keyword-category category-insight keyword-framework described-by "
    "system-of-records importer-role"
)


def stated(kind):
    return tagged("origin", {
        0: ("not-stated", {}),
        1: ("stated", dict(value=kind)),
        2: ("inferred", dict(value=kind, rule=rule)),
    })


access = tagged("kind", {
    0: ("specific", dict(parties=sequence(party))),
    1: ("group", dict(group=group)),
    2: ("public", {}),
})
classification = struct(
    framework_class=stated(words("metadata reference thematic")),
    spectrum=stated(words("closed shared open")),
    access=stated(access),
    categories=stated(sequence(words("characteristics consumption movement presence production status supply use"))),
    insight_levels=stated(sequence(words("operational critical analytical strategic"))),
    roles=stated(sequence(words(
        "data-creator data-owner data-custodian primary-publisher secondary-publisher user"
    ))),
    processing=stated(words("raw processed archived")),
    usage=stated(words("static temporal versioned")),
    structure=stated(words("structured semi-structured unstructured semantic analogue real-time")),
    quadrant=stated(words("open restricted traded regulated")),
    sensitivity=stated(words("public internal-use sensitive protected restricted")),
    personal=stated(words("none anonymised personal")),
    spatial=stated(text),
    temporal=stated(text),
    refresh=stated(text),
)

rejection = tagged("kind", {
    1: ("party-unknown", dict(party=party)),
    2: ("party-exists", dict(party=party)),
    3: ("party-not-active", dict(party=party)),
    4: ("role-missing", dict(party=party, role=role)),
    5: ("operator-would-lock-itself-out", {}),
    6: ("key-proof-wrong", dict(key=public_key)),
    7: ("key-known", dict(key=public_key)),
    8: ("key-unknown", dict(key=public_key)),
    9: ("last-key", {}),
    10: ("too-many-keys", {}),
    11: ("group-unknown", dict(group=group)),
    20: ("dataset-unknown", dict(dataset=dataset)),
    21: ("dataset-exists", dict(dataset=dataset)),
    22: ("not-the-publisher", dict(dataset=dataset)),
    23: ("dataset-not-listed", dict(dataset=dataset)),
    24: ("revision-moved", dict(now=u32)),
    25: ("classification-incomplete", dict(missing=sequence(gap))),
    26: ("version-number", dict(next=u32)),
    27: ("version-unknown", dict(version=version)),
    28: ("upstream-licence", dict(parent=version)),
    29: ("no-side-body", dict(dataset=dataset)),
    30: ("side-body-of-another", dict(side=side)),
    31: ("content-closed", dict(number=u32)),
    40: ("offer-unknown", dict(offer=offer)),
    41: ("not-the-provider", dict(offer=offer)),
    42: ("offer-withdrawn", dict(offer=offer)),
    43: ("offer-is-withdrawn", {}),
    44: ("closed-is-not-traded", {}),
    45: ("not-open", {}),
    46: ("periods", dict(most=u32)),
    47: ("quote-signature", {}),
    48: ("quote-key", dict(key=public_key)),
    49: ("quote-for-another", {}),
    50: ("quote-expired", dict(expired_ms=u64)),
    51: ("quote-used", {}),
    60: ("agreement-unknown", dict(agreement=agreement)),
    61: ("agreement-over", dict(agreement=agreement)),
    62: ("not-a-party", dict(agreement=agreement)),
    63: ("access-restricted", {}),
    64: ("purpose-not-allowed", dict(purpose=purpose)),
    65: ("justification-missing", {}),
    66: ("version-not-covered", dict(version=version)),
    67: ("not-a-subscription", {}),
    68: ("price-is-another", dict(amount=amount)),
    69: ("self-dealing", {}),
    80: ("no-ground", dict(purpose=purpose)),
    81: ("consent-ended", dict(clean_from=u32)),
    82: ("consent-expired", {}),
    83: ("consent-known", dict(consent=consent)),
    84: ("consent-unknown", dict(consent=consent)),
    85: ("consent-over", dict(consent=consent)),
    86: ("not-the-controller", dict(consent=consent)),
    87: ("consent-not-excludable", dict(consent=consent)),
    88: ("too-many-consents", {}),
    100: ("balance-too-small", dict(balance=amount, amount=amount, currency=currency)),
    101: ("amount-overflow", {}),
    102: ("bank-reference-used", dict(reference=bank)),
    120: ("outcome-too-large", dict(bytes=u32)),
    140: ("not-a-validator", dict(number=u8)),
    141: ("ballot-wrong", dict(number=u8)),
    142: ("ballot-twice", dict(number=u8)),
    143: ("proposal-unknown", dict(proposal=proposal)),
    144: ("proposal-exists", dict(proposal=proposal)),
    145: ("proposal-moved", dict(now=proposal_state)),
    146: ("proposal-of-another-set", {}),
    147: ("proposal-expired", dict(until_ms=u64)),
    148: ("proposal-time", dict(most_ms=u64)),
    149: ("nothing-changes", {}),
    150: ("set-change-under-way", {}),
    151: ("not-ready-now", dict(height=u64)),
    152: ("set-changes-used-up", {}),
    153: ("no-consensus-key", dict(key=public_key)),
    154: ("accused-already", dict(number=u8)),
    155: ("testimony-wrong", dict(number=u8)),
    156: ("protocol-version", dict(next=u16)),
    157: ("protocol-height", dict(least=u64)),
    158: ("protested-already", dict(number=u8, by=u8)),
    159: ("party-decided", dict(party=party, proposal=proposal)),
    160: ("role-of-a-quorum", dict(party=party, role=role)),
    161: ("key-compromised", dict(key=public_key)),
    162: ("name-keeps-its-keys", dict(number=u8)),
    163: ("side-body-unknown", dict(side=side)),
    164: ("side-body-gone", dict(side=side)),
})

event = tagged("event", {
    0: ("refused", dict(sender=party, action=u8, rejection=rejection)),
    1: ("party-applied", dict(party=party, name=text, key=public_key)),
    2: ("party-admitted", dict(party=party, roles=roles, by=party)),
    3: ("party-suspended", dict(party=party, reason=suspension_reason, by=party)),
    4: ("key-added", dict(party=party, key=public_key, usage=key_use)),
    5: ("key-revoked", dict(party=party, key=public_key, compromised=boolean)),
    6: ("group-set", dict(group=group, owner=party, members=u32)),
    10: ("dataset-published", dict(dataset=dataset, publisher=party, jacket=digest, side=optional(side))),
    11: ("dataset-revised", dict(dataset=dataset, revision=u32, jacket=digest, side=optional(side))),
    12: ("dataset-listed", dict(dataset=dataset, listing=listing, reason=listing_reason)),
    13: ("version-added", dict(
        dataset=dataset, version=version, number=u32, blake3=blake3, sha256=digest, bytes=u64,
        parents=sequence(version),
    )),
    14: ("step-recorded", dict(dataset=dataset, by=party, activity=activity, run=octets(16))),
    20: ("offer-made", dict(offer=offer, dataset=dataset, revision=u32, price=price, terms=digest)),
    21: ("offer-withdrawn", dict(offer=offer, dataset=dataset)),
    30: ("bought", dict(
        agreement=agreement, buyer=party, provider=party, dataset=dataset, offer=offer, revision=u32,
        purpose=purpose, amount=amount, currency=optional(currency), end_ms=optional(u64),
    )),
    31: ("renewed", dict(agreement=agreement, dataset=dataset, amount=amount, currency=currency, end_ms=u64)),
    32: ("revoked", dict(agreement=agreement, dataset=dataset, reason=revocation_reason, by=party)),
    40: ("delivered", dict(
        delivery=delivery, agreement=agreement, dataset=dataset, version=version, buyer=party, gateway=party,
    )),
    50: ("consent-changed", dict(consent=consent, dataset=dataset, controller=party, state=consent_state)),
    51: ("consent-excluded", dict(consent=consent, dataset=dataset, number=u32)),
    52: ("basis-stated", dict(dataset=dataset, purpose=purpose, kind=basis_kind, controller=party, ended=boolean)),
    53: ("side-taken-down", dict(side=side, dataset=dataset, by=party)),
    60: ("minted", dict(party=party, amount=amount, currency=currency, reference=bank)),
    61: ("burned", dict(party=party, amount=amount, currency=currency, reference=bank)),
    62: ("paid", {"from": party, "to": party, "amount": amount, "currency": currency}),
    70: ("proposed", dict(proposal=proposal, validator=u8, until_ms=u64)),
    71: ("approved", dict(proposal=proposal, validator=u8)),
    72: ("set-passed", dict(proposal=proposal, set=digest, validators=u8)),
    73: ("set-ready", dict(proposal=proposal, validator=u8, height=u64)),
    74: ("set-changed", dict(proposal=proposal, number=u32, set=digest)),
    75: ("parameters-changed", dict(proposal=proposal)),
    76: ("party-decided", dict(proposal=proposal, party=party, standing=standing, roles=roles)),
    77: ("accused", dict(validator=u8, key=public_key, height=u64, round=u32)),
    78: ("protocol-decided", {"proposal": proposal, "version": u16, "from": u64}),
    79: ("protested", dict(
        validator=u8, key=public_key, by=u8, height=u64, round=u32, protests=u8, established=boolean,
    )),
    80: ("side-body-taken-down", dict(side=side, owner=party, by=party)),
})

validator = struct(name=text, consensus=public_key, log=public_key, cosigner=public_key)
validator_set = struct(validators=sequence(validator))
ballot = struct(validator=u8, signature=hexadecimal(64))
testimony = struct(
    said=tagged("kind", {
        0: ("prevote", dict(block=optional(digest))),
        1: ("precommit", dict(block=optional(digest))),
        2: ("proposal", dict(block=digest, since=optional(u32))),
    }),
    signature=hexadecimal(64),
)
parameters = struct(quota=struct(count_max=u64, bytes_max=u64, state_bytes_max=u64))

# Kinds of records: tag of the key, word, value.
RECORDS = {
    1: ("party", struct(
        name=text,
        kind=words("city third-sector business citizens academic other-city authority"),
        jurisdiction=country,
        standing=standing,
        roles=roles,
        keys=sequence(struct(key=public_key, usage=key_use, since=u64, revoked=optional(u64))),
        side=optional(side),
    )),
    2: ("quota", struct(window=u64, count=u64, bytes=u64, state_bytes=u64)),
    3: ("dataset", struct(
        publisher=party, catalogue=text, identifier=text, revision=u32, jacket=digest, side=optional(side),
        listing=listing, classification=classification, versions=u32,
    )),
    4: ("jacket", struct(
        title=text, source_publisher=optional(text),
        variables=sequence(struct(
            name=text,
            kind=words("number integer text flag date time place code unknown"),
            unit=optional(text),
            meaning=optional(text),
        )),
        types=sequence(words("table time-series text image graph movie sound log map service other")),
        formats=sequence(text), keywords=sequence(text), themes=sequence(text),
        collection=stated(words("survey sensors records observation simulation derived")),
        collection_cost=stated(words("low medium high")),
        sharing=stated(words("free negotiation members purchase not-shared")),
        expected_uses=sequence(purpose), licence=optional(text), landing_page=optional(text),
        distributions=sequence(struct(title=optional(text), link=text, download=boolean, media_type=optional(text))),
        languages=sequence(text), modified=optional(text), issued=optional(text), classification=classification,
    )),
    5: ("version", struct(
        dataset=dataset, number=u32, content=content, parents=sequence(version), excludes=sequence(consent),
    )),
    6: ("offer", struct(dataset=dataset, provider=party, revision=u32, withdrawn=boolean)),
    7: ("offer revision", struct(terms=terms, text=digest, price=price)),
    8: ("used quote", struct(agreement=agreement)),
    9: ("agreement", struct(
        buyer=party, provider=party, dataset=dataset, offer=offer, revision=u32, terms=digest, onward=onward,
        purpose=purpose, paid=amount, currency=optional(currency), start_ms=u64, end_ms=optional(u64),
        revoked=optional(revocation_reason), justification=optional(side),
    )),
    10: ("holding", struct(agreement=agreement, count=u32)),
    11: ("delivery", struct(agreement=agreement, version=version, gateway=party, time_ms=u64)),
    12: ("consent", struct(
        controller=party, dataset=dataset, since_version=u32, purposes=sequence(purpose), state=consent_state,
        notice=digest, from_ms=u64, until_day=u32, record=digest, excluded_in=optional(u32),
    )),
    13: ("consent scope", struct(
        required=u32, outstanding=u32, pending=u32, clean_from=u32, ends=sequence(struct(day=u32, count=u32)),
    )),
    14: ("legal basis", struct(
        kind=basis_kind, jurisdiction=country, reference=text, controller=party, controls=sequence(text),
        ended=boolean,
    )),
    15: ("group", struct(owner=party, name=text, members=sequence(party))),
    16: ("account", struct(balance=amount)),
    17: ("supply", struct(minted=amount, burned=amount)),
    18: ("bank booking", struct(party=party, amount=amount, currency=currency, minted=boolean)),
    19: ("validator set", validator_set),
    20: ("parameters", parameters),
    21: ("side body owner", struct(owner=party)),
    22: ("anchored content", struct(number=u32)),
    23: ("proposal", struct(
        change=tagged("change", {
            0: ("validators", dict(set=validator_set, compromised=sequence(u8))),
            1: ("parameters", dict(parameters=parameters)),
            2: ("party", dict(party=party, standing=standing, roles=roles)),
            3: ("protocol", {"version": u16, "from": u64}),
        }),
        base=digest, until_ms=u64, state=proposal_state, ballots=sequence(ballot), ready=sequence(ballot),
    )),
    24: ("governance", struct(changes=u32, in_force=optional(proposal), pending=optional(proposal))),
    25: ("misconduct", struct(name=text, height=u64, round=u32, first=testimony, second=testimony)),
    26: ("protocol", struct(**{"version": u16, "from": u64, "before": u16})),
    27: ("protests", struct(
        name=text,
        protests=sequence(struct(
            by=public_key, height=u64, round=u32, proposed=testimony, signature=hexadecimal(64),
        )),
    )),
    28: ("party decision", struct(proposal=proposal)),
    29: ("compromised key", struct(proposal=proposal)),
    30: ("consent start", struct(version=u32)),
    31: ("side body taken down", struct(by=party, height=u64)),
}

outcome = tagged("outcome", {0: ("applied", {}), 1: ("refused", dict(code=u8))})
entry = tagged("entry", {
    1: ("transaction", dict(transaction=transaction, digest=digest, outcome=outcome, events=digest)),
    2: ("block", dict(
        height=u64, time_ms=u64, parent=digest, round=u32, transactions=u32, log_root_before=digest,
        state_root=digest, validators=digest, next_validators=digest, replay=digest,
    )),
})
history_leaf = struct(height=u64, transaction=transaction, number=u16, event=event)


# ------------------------------------------------------------------------------ RFC 6962 and Ed25519


def leaf_hash(data):
    return sha256(b"\x00", data)


def node_hash(left, right):
    return sha256(b"\x01", left, right)


def root_of_inclusion(leaf, index, size, path):
    """RFC 9162, 2.1.3.2, with the length that index and size call for."""
    require(index < size, f"entry {index} lies outside a log of {size}")
    at, last, value = index, size - 1, leaf
    for sibling in path:
        require(last > 0, "the path is longer than index and size call for")
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0, "the path is shorter than index and size call for")
    return value


def verify_consistency(old_size, old_root, new_size, new_root, proof):
    """RFC 9162, 2.1.4.2: the log of the old root is the beginning of the log of the new one."""
    require(0 < old_size < new_size, "a later log is longer")
    proof = ([old_root] if old_size & (old_size - 1) == 0 else []) + proof
    require(proof, "a consistency proof is not empty")
    at, last, old, new = old_size - 1, new_size - 1, proof[0], proof[0]
    while at & 1:
        at, last = at >> 1, last >> 1
    for sibling in proof[1:]:
        require(last > 0, "the consistency proof is longer than the sizes call for")
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    require(last == 0, "the consistency proof is shorter than the sizes call for")
    require(old == old_root and new == new_root, "the later checkpoint does not continue the receipt's")


def frontier_append(peaks, count, leaf):
    while count & 1:
        leaf, count = node_hash(peaks.pop(), leaf), count >> 1
    peaks.append(leaf)


P = 2**255 - 19


@functools.lru_cache(maxsize=1024)
def is_usable_key(key):
    """A point of the curve in its one encoding, and not one of the eight of small order."""
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    return y < P and not has_small_order(y)


def has_small_order(y):
    """Doubles three times, by y alone: y(2P) = (y² + x²) / (2 - y² + x²), with x² from the curve."""
    d = -121665 * pow(121666, P - 2, P) % P
    for _ in range(3):
        x2 = (y * y - 1) * pow(d * y * y + 1, P - 2, P) % P
        y = (y * y + x2) * pow(2 - y * y + x2, P - 2, P) % P
    return y == 1


def verify_signature(key, message, signature, what):
    require(is_usable_key(key), f"{what}: not a usable Ed25519 key")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Refused(f"{what} does not verify") from None


# ---------------------------------------------------------------------------------------- trust


def set_bytes(validators):
    data = len(validators).to_bytes(4, "little")
    for one in validators:
        name = one["name"].encode("utf-8")
        data += len(name).to_bytes(4, "little") + name
        data += b"".join(bytes.fromhex(one[key]) for key in ("consensus", "log", "cosigner"))
    return data


def set_digest(validators):
    return sha256(b"lonja/validators/v1\0", set_bytes(validators))


def quorum(validators):
    return len(validators) * 2 // 3 + 1


def check_set(validators):
    require(1 <= len(validators) <= VALIDATORS_MAX, "a set has 1 to 16 validators")
    names = [one["name"] for one in validators]
    keys = [one[key] for one in validators for key in ("consensus", "log", "cosigner")]
    require(len(set(names)) == len(names) and len(set(keys)) == len(keys), "a name or key stands twice in the set")
    for name in names:
        require(0 < len(name.encode()) <= 160, "a validator's name has 1 to 160 bytes")
        require(not any(c.isspace() or c == "+" for c in name), "a validator's name has no spaces and no `+`")
    for key in keys:
        require(is_usable_key(bytes.fromhex(key)), f"{key} is not a usable Ed25519 key")


class Trust:
    """The sets that were in force, as far as they were followed."""

    def __init__(self, network, validators):
        check_set(validators)
        self.network, self.eras, self.compromised = network, [(0, validators)], set()

    def number_at(self, size):
        return max(sum(after < size for after, _ in self.eras), 1) - 1

    def set_at(self, size):
        return self.eras[self.number_at(size)][1]

    def lost(self, size, seal):
        """The first validator under the seal whose key may be in other hands, or None."""
        validators = self.set_at(size)
        signers = [validators[number] for number, _, _ in seal.cosignatures if number < len(validators)]
        return next((one for one in signers if {one["log"], one["cosigner"]} & self.compromised), None)

    def extend(self, data):
        reader = Reader(data)
        number, after = u32(reader), u64(reader)
        validators = [validator(reader) for _ in range(reader.length(VALIDATORS_MAX))]
        compromised = [u8(reader) for _ in range(reader.length(VALIDATORS_MAX))]
        unsigned = data[: reader.at]
        signatures = [(u8(reader), reader.take(64)) for _ in range(reader.length(VALIDATORS_MAX))]
        reader.end()
        before_after, before = self.eras[-1]
        require(number == len(self.eras), f"change {len(self.eras)} of the set comes next, not {number}")
        require(after > before_after, f"change {number} begins before the one before it")
        check_set(validators)
        for numbers, what in ((compromised, "compromised"), ([one for one, _ in signatures], "signers")):
            ascending = all(a < b for a, b in zip(numbers, numbers[1:]))
            require(ascending and all(one < len(before) for one in numbers), f"change {number}: {what} out of order")
        require(len(signatures) >= quorum(before), f"change {number} is not signed by a quorum")
        message = b"lonja/sign/trust/v1\0" + self.network + set_digest(before) + unsigned
        for one, signature in signatures:
            key = bytes.fromhex(before[one]["consensus"])
            verify_signature(key, message, signature, f"the signature of validator {one} under change {number}")
        for one in compromised:
            self.compromised |= {before[one]["log"], before[one]["cosigner"]}
        self.eras.append((after, validators))


# -------------------------------------------------------------------------------------- receipts


class Seal:
    def __init__(self, reader):
        self.log_signature = reader.take(64)
        most = VALIDATORS_MAX * 2 // 3 + 1
        self.cosignatures = [(u8(reader), u64(reader), reader.take(64)) for _ in range(reader.length(most))]

    def verify(self, trust, size, root):
        validators = trust.set_at(size)
        numbers = [number for number, _, _ in self.cosignatures]
        require(len(numbers) == quorum(validators), f"a seal of this set has {quorum(validators)} signatures")
        require(all(a < b for a, b in zip(numbers, numbers[1:])), "cosigners are out of order")
        require(all(number < len(validators) for number in numbers), "a cosigner is not in the set")
        lost = trust.lost(size, self)
        require(lost is None, f"a key of {lost and lost['name']} may be in other hands; a later checkpoint is needed")
        body = f"lonja.{trust.network.hex()}\n{size}\n{base64.b64encode(root).decode()}\n"
        for number, time, signature in self.cosignatures:
            one = validators[number]
            require(time <= TIME_MAX, f"validator {number} signed at no time")
            message = f"cosignature/v1\ntime {time}\n{body}".encode()
            key = bytes.fromhex(one["cosigner"])
            verify_signature(key, message, signature, f"the cosignature of validator {number} ({one['name']})")
        first = validators[numbers[0]]
        key = bytes.fromhex(first["log"])
        verify_signature(key, body.encode(), self.log_signature, f"the log signature of {first['name']}")


class Later:
    """A checkpoint of a later set, and that its log continues the one of a receipt."""

    def __init__(self, data):
        reader = Reader(data)
        self.size, self.root = u64(reader), reader.take(32)
        self.proof = [reader.take(32) for _ in range(reader.length(2 * PATH_MAX))]
        self.seal = Seal(reader)
        reader.end()

    def verify(self, trust, receipt):
        is_later = trust.number_at(self.size) > trust.number_at(receipt.size)
        require(is_later, "the later checkpoint is under the same set of validators as the receipt's")
        verify_consistency(receipt.size, receipt.root, self.size, self.root, self.proof)
        self.seal.verify(trust, self.size, self.root)


class Receipt:
    def __init__(self, data):
        require(len(data) <= RECEIPT_BYTES_MAX, "longer than any receipt")
        reader = Reader(data)
        require(u8(reader) == 0, "an unknown format of receipt")
        self.network = reader.take(32)
        self.index = u64(reader)
        begin = reader.at
        self.entry = entry(reader)
        self.entry_bytes = data[begin : reader.at]
        self.path = [reader.take(32) for _ in range(reader.length(PATH_MAX))]
        self.size, self.root = u64(reader), reader.take(32)
        self.seal = Seal(reader)
        reader.end()
        self.raw = data

    def verify(self, trust, laters=()):
        """By its own seal or, where a key under that was lost, through one of the later checkpoints."""
        require(self.network == trust.network, "the receipt is of another network")
        leaf = leaf_hash(self.entry_bytes)
        root = root_of_inclusion(leaf, self.index, self.size, self.path)
        require(root == self.root, "the entry is not in the tree of the checkpoint")
        is_block = self.entry["entry"] == "block"
        require(is_block == (self.index == self.size - 1), "the entry cannot stand at this place of the log")
        if is_block:
            named = self.entry["validators"]
            require(named == set_digest(trust.set_at(self.size)).hex(), "the block names another validator set")
        if not laters or trust.lost(self.size, self.seal) is None:
            return self.seal.verify(trust, self.size, self.root)
        refused = None
        for later in laters:
            try:
                return later.verify(trust, self)
            except Refused as error:
                refused = error
        raise refused

    def show(self):
        return {
            "index": str(self.index),
            "says": self.entry,
            "log_size": str(self.size),
            "log_root": self.root.hex(),
            "raw": self.raw.hex(),
        }


# ---------------------------------------------------------------------------------- state and history


def verify_state(root, key, value, data):
    """A proof of presence (value is bytes) or of absence (None) in the Jellyfish Merkle tree."""
    reader = Reader(data)
    end = u8(reader)
    require(end in (0, 1, 2), "a state proof ends in nothing we know")
    other = (reader.take(32), reader.take(32)) if end == 1 else None
    siblings = [reader.take(32) for _ in range(reader.length(STATE_DEPTH_MAX))]
    reader.end()
    key_hash = sha256(key)
    bits = int.from_bytes(key_hash, "big")
    leaf = lambda key_hash, value_hash: sha256(b"JMT::LeafNode", key_hash, value_hash)
    if value is not None:
        require(end == 0, "the proof says that there is no such record")
        found = leaf(key_hash, sha256(value))
    elif end == 2:
        found = b"SPARSE_MERKLE_PLACEHOLDER_HASH__"
    else:
        require(end == 1 and other[0] != key_hash, "the proof says that there is a record")
        difference = bits ^ int.from_bytes(other[0], "big")
        require(256 - difference.bit_length() >= len(siblings), "the other record that the proof names lies elsewhere")
        found = leaf(*other)
    for above, sibling in enumerate(siblings):
        depth = len(siblings) - 1 - above
        pair = (sibling, found) if bits >> (255 - depth) & 1 else (found, sibling)
        found = sha256(b"JMT::IntrnalNode", *pair)
    require(found == root, "the state proof leads to another root")


def split_record(data):
    """The frontier of a record's history, and the bytes of its value."""
    reader = Reader(data)
    count = u64(reader)
    peaks = [reader.take(32) for _ in range(reader.length(64))]
    require(len(peaks) == bin(count).count("1"), "peaks and count of a history disagree")
    return count, peaks, data[reader.at :]


def verify_history(data, leaves):
    count, peaks, _ = split_record(data)
    recomputed = []
    for number, leaf in enumerate(leaves):
        frontier_append(recomputed, number, leaf_hash(leaf))
    require((count, peaks) == (len(leaves), recomputed), "these are not all events of the record")


# -------------------------------------------------------------------------------------- bundles


def no_duplicates(pairs):
    found = dict(pairs)
    require(len(found) == len(pairs), "a key stands there twice")
    return found


def parse_json(data):
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from None


def unhex(value):
    require(isinstance(value, str) and value == value.lower(), "raw bytes are lower-case hexadecimal")
    try:
        data = bytes.fromhex(value)
    except ValueError:
        raise Refused("raw bytes are lower-case hexadecimal") from None
    require(data.hex() == value, "raw bytes are lower-case hexadecimal")
    return data


def member(value, name, kind):
    require(isinstance(value, dict) and name in value and isinstance(value[name], kind), f"`{name}` is missing or wrong")
    return value[name]


def raw_of(value):
    return unhex(member(value, "raw", str))


def kind_of(key):
    require(key and key[0] in RECORDS, f"a record of unknown kind: {key.hex()}")
    return RECORDS[key[0]]


def verify_bundle(data, trust):
    require(len(data) <= BUNDLE_BYTES_MAX, "longer than any bundle")
    file = parse_json(data)
    require(member(file, "format", str) == BUNDLE_FORMAT, f"not of format {BUNDLE_FORMAT}")
    changes = [unhex(change) for change in member(file, "trust", list)]
    for change in changes:
        trust.extend(change)
    height = Receipt(raw_of(member(file, "height", dict)))
    require(height.entry["entry"] == "block", "the height is not proven by a block entry")
    height.verify(trust)
    root = bytes.fromhex(height.entry["state_root"])

    raw_records = member(file, "records", list)
    require(1 <= len(raw_records) <= RECORDS_MAX, "a bundle has 1 to 10000 records")
    records, keys, events = [], [], []
    for raw_record in raw_records:
        shown, key, leaves = verify_record(raw_record, root)
        records.append(shown)
        keys.append(key)
        events.extend(leaves)
    require((records[0]["raw"] is None) == (records[0]["history"] is None), "the subject comes with all its events")
    require(all(a < b for a, b in zip(keys[1:], keys[2:])), "related records are out of order")
    require(keys[0] not in keys[1:], "the subject stands there twice")

    receipts = [Receipt(raw_of(one)) for one in member(file, "receipts", list)]
    named = iter(dict.fromkeys(event["transaction"] for event in events))
    for receipt in receipts:
        receipt.verify(trust)
        require(receipt.size <= height.size, "a receipt is of a later height than the bundle's")
        require(receipt.entry["entry"] == "transaction", "receipts beside the height's are of transactions")
        wanted = receipt.entry["transaction"]
        require(any(name == wanted for name in named), "a receipt is of a transaction that no event names in its place")

    # Nothing may be shown that was not proven: the file is made again from what was.
    again = {
        "format": BUNDLE_FORMAT,
        "network": height.network.hex(),
        "subject": {"kind": records[0]["kind"], "key": keys[0].hex()},
        "as_of": {"height": str(height.entry["height"]), "time_ms": str(height.entry["time_ms"])},
        "counts": {
            "changes": len(changes), "records": len(records), "events": len(events), "receipts": len(receipts),
        },
        "trust": [change.hex() for change in changes],
        "height": height.show(),
        "records": records,
        "receipts": [receipt.show() for receipt in receipts],
    }
    expected = (json.dumps(again, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    if expected != data:
        at = next((n for n, (a, b) in enumerate(zip(expected, data)) if a != b), min(len(expected), len(data)))
        raise Refused(f"from byte {at} on the file is not what its own proofs say")
    existence = "exists" if records[0]["raw"] is not None else "does not exist"
    return (
        f"{records[0]['kind']} {keys[0].hex()} {existence} at height {height.entry['height']}; "
        f"{len(records)} records, {len(events)} events, {len(receipts)} receipts"
    )


def verify_record(file, root):
    key = unhex(member(file, "key", str))
    word, value_kind = kind_of(key)
    raw = file.get("raw")
    data = None if raw is None else unhex(raw)
    proof = unhex(member(file, "proof", str))
    verify_state(root, key, data, proof)
    history, events = file.get("history"), []
    if history is not None:
        require(isinstance(history, list) and data is not None, "there is no record, so it has no history")
        leaves = [raw_of(leaf) for leaf in history]
        verify_history(data, leaves)
        events = [decode(history_leaf, leaf) for leaf in leaves]
        history = [
            {**shown, "height": str(shown["height"]), "raw": leaf.hex()} for shown, leaf in zip(events, leaves)
        ]
    shown = {
        "kind": word,
        "key": key.hex(),
        "value": None if data is None else decode(value_kind, split_record(data)[2]),
        "raw": raw,
        "proof": proof.hex(),
        "history": history,
    }
    return shown, key, events


# -------------------------------------------------------------------------------------- command


def read_anchor(data):
    """Network id and first validator set, as `lonja network create` writes them."""
    anchor = parse_json(data)
    require(isinstance(anchor, dict) and set(anchor) == {"network", "set"}, "an anchor is `network` and `set`")
    validators = member(member(anchor, "set", dict), "validators", list)
    require(set(anchor["set"]) == {"validators"}, "`set` holds `validators` and nothing else")
    for one in validators:
        require(isinstance(one, dict) and set(one) == {"name", "consensus", "log", "cosigner"}, "a validator is wrong")
        require(isinstance(one["name"], str), "a validator's name is text")
        for key in ("consensus", "log", "cosigner"):
            require(len(unhex(one[key])) == 32, "a key has 32 bytes")
    network = unhex(member(anchor, "network", str))
    require(len(network) == 32, "a network id has 32 bytes")
    return network, validators


def read_later(data):
    """The changes of the set, and the later checkpoints, that `lonja verify --keep-later` wrote."""
    require(len(data) <= LATER_FILE_BYTES_MAX, "longer than any file of later checkpoints")
    file = parse_json(data)
    require(isinstance(file, dict) and set(file) == {"format", "trust", "later"}, "it is `format`, `trust` and `later`")
    require(file["format"] == LATER_FORMAT, f"not of format {LATER_FORMAT}")
    changes = [unhex(change) for change in member(file, "trust", list)]
    return changes, [Later(unhex(later)) for later in member(file, "later", list)]


def verify_receipt(data, trust, later):
    changes, laters = later
    for change in changes:
        trust.extend(change)
    receipt = Receipt(data)
    receipt.verify(trust, laters)
    if receipt.entry["entry"] == "block":
        return f"block {receipt.entry['height']} is entry {receipt.index} of the log, under a quorum's seal"
    said = receipt.entry["outcome"]
    words_ = said["outcome"] + (f" (code {said['code']})" if "code" in said else "")
    return f"transaction {receipt.entry['transaction']} is entry {receipt.index} of the log: {words_}"


def verify_file(data, anchor, later=((), ())):
    """Checks one receipt or bundle; returns what it proves, or raises Refused. A bundle has the changes of the set."""
    trust = Trust(*anchor)
    return verify_bundle(data, trust) if data[:1] == b"{" else verify_receipt(data, trust, later)


def main():
    parser = argparse.ArgumentParser(description="Checks lonja receipts and evidence bundles from a trust anchor.")
    parser.add_argument("--anchor", required=True, help="the trust anchor (JSON)")
    parser.add_argument("--later", help="later checkpoints that `lonja verify --keep-later` kept; no node is asked for one")
    parser.add_argument("files", nargs="+", help="receipts (binary) and bundles (JSON)")
    arguments = parser.parse_args()
    try:
        with open(arguments.anchor, "rb") as file:
            anchor = read_anchor(file.read(1 << 20))
        Trust(*anchor)
    except (OSError, Refused) as error:
        print(f"{arguments.anchor}: {error}", file=sys.stderr)
        return 2
    later = (), ()
    if arguments.later:
        try:
            with open(arguments.later, "rb") as file:
                later = read_later(file.read(LATER_FILE_BYTES_MAX + 1))
        except (OSError, Refused) as error:
            print(f"{arguments.later}: REFUSED: {error}", file=sys.stderr)
            return 1
    failed = False
    for name in arguments.files:
        try:
            with open(name, "rb") as file:
                data = file.read(BUNDLE_BYTES_MAX + 1)
            print(f"{name}: holds: {verify_file(data, anchor, later)}")
        except (OSError, Refused) as error:
            print(f"{name}: REFUSED: {error}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
