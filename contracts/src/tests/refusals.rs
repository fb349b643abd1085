//! One case for each refusal: who does what, and the word that comes back.

use super::{governance::GOVERNANCE, misconduct::MISCONDUCT, protocols::PROTOCOLS, sets::SETS, sides::SIDES};
use crate::{
    agreement::{Buy, Renew, RevocationReason, Revoke},
    basis::{BasisKind, StateBasis},
    consent::Give,
    dataset::{List, Listing, ListingReason, Revise},
    delivery::Deliver,
    group::SetGroup,
    id::*,
    jacket::{Access, Classification},
    limits::{AMOUNT_MAX, CONSENT_DAYS_MAX, PARTY_KEYS_MAX},
    offer::{MakeOffer, ReviseOffer, WithdrawOffer},
    party::{AddKey, Admit, Apply, Country, KeyUse, PartyKind, RevokeKey, Roles, Suspend, SuspensionReason},
    provenance::{Activity, RecordStep},
    quote::Quote,
    rejection::Rejection,
    settlement::{Burn, Mint},
    terms::{Allowed, Terms},
    testing::*,
    version::AddVersion,
    vocabulary::*,
};
use std::collections::BTreeSet;

pub(super) type Case = (&'static str, fn(&mut Market, Goods) -> Rejection);

/// Codes that no transaction can earn, each with the reason.
const UNREACHABLE: &[(&str, &str)] = &[(
    "OutcomeTooLarge",
    "a const assertion in `limits` keeps the largest outcome below the bound; the refusal guards rules to come",
)];

#[test]
fn every_refusal_is_earned() {
    let (market, goods) = Market::trading();
    let mut earned = BTreeSet::new();
    for (name, run) in PARTIES
        .iter()
        .chain(DATASETS)
        .chain(OFFERS)
        .chain(AGREEMENTS)
        .chain(CONSENTS)
        .chain(MONEY)
        .chain(GOVERNANCE)
        .chain(MISCONDUCT)
        .chain(SETS)
        .chain(PROTOCOLS)
        .chain(SIDES)
    {
        let rejection = run(&mut market.clone(), goods);
        assert_eq!(Rejection::name_of(rejection.code()), Some(*name), "{rejection}");
        assert!(!rejection.to_string().is_empty());
        earned.insert(*name);
    }
    for (code, name) in Rejection::CODES {
        let unreachable = UNREACHABLE.iter().any(|(known, _)| known == name);
        assert_eq!(earned.contains(name), !unreachable, "refusal {code} {name}: a case earns it, or says why none can");
    }
}

const PARTIES: &[Case] = &[
    ("PartyUnknown", |m, _| m.no(OPERATOR, Admit { party: party(STRANGER), roles: Roles::default() })),
    ("PartyExists", |m, _| m.no(BUYER, apply())),
    ("PartyNotActive", |m, _| {
        m.ok(OPERATOR, suspend(PROVIDER));
        m.no(PROVIDER, publish("x", open()))
    }),
    ("PartyNotActive", |m, _| {
        m.ok(STRANGER, apply());
        m.no(STRANGER, publish("x", open()))
    }),
    ("PartyNotActive", |m, _| {
        m.ok(STRANGER, apply());
        m.no(OPERATOR, suspend(STRANGER))
    }),
    ("RoleMissing", |m, _| m.no(BUYER, publish("x", open()))),
    ("RoleMissing", |m, _| m.no(PROVIDER, Admit { party: party(BUYER), roles: Roles::default() })),
    ("RoleMissing", |m, _| m.no(PROVIDER, suspend(BUYER))),
    ("OperatorWouldLockItselfOut", |m, _| m.no(OPERATOR, suspend(OPERATOR))),
    ("OperatorWouldLockItselfOut", |m, _| m.no(OPERATOR, Admit { party: party(OPERATOR), roles: Roles::default() })),
    ("KeyProofWrong", |m, _| {
        let proof = add_key(PROVIDER, STRANGER, KeyUse::Sign).proof;
        m.no(BUYER, AddKey { key: key(STRANGER), usage: KeyUse::Sign, proof })
    }),
    ("KeyKnown", |m, _| m.no(BUYER, add_key(BUYER, BUYER + 100, KeyUse::Sign))),
    ("KeyUnknown", |m, _| m.no(BUYER, revoke_key(STRANGER))),
    ("KeyUnknown", |m, _| {
        m.ok(BUYER, revoke_key(BUYER + 100));
        m.no(BUYER, revoke_key(BUYER + 100))
    }),
    ("LastKey", |m, _| m.no(BUYER, revoke_key(BUYER))),
    ("TooManyKeys", |m, _| {
        let new = |n: usize| add_key(BUYER, 500 + n as u16, KeyUse::Price);
        for n in 2..PARTY_KEYS_MAX {
            m.ok(BUYER, new(n));
        }
        m.no(BUYER, new(PARTY_KEYS_MAX))
    }),
    ("GroupUnknown", |m, _| m.no(PROVIDER, group(Some(GroupId([9; 32]))))),
    ("GroupUnknown", |m, _| {
        let theirs = GroupId(m.ok(OTHER_PROVIDER, group(None)).0);
        m.no(PROVIDER, group(Some(theirs)))
    }),
];

const DATASETS: &[Case] = &[
    ("DatasetUnknown", |m, _| m.no(PROVIDER, revise(DatasetId([9; 32]), 1, open()))),
    ("DatasetExists", |m, _| m.no(PROVIDER, publish("rain", open()))),
    ("NotThePublisher", |m, g| m.no(OTHER_PROVIDER, revise(g.dataset, 1, open()))),
    ("NotThePublisher", |m, g| m.no(OTHER_PROVIDER, add_version(g.dataset, 2))),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Suspended));
        m.no(PROVIDER, MakeOffer { dataset: g.dataset, terms: terms(), price: one_off(1) })
    }),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Suspended));
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Suspended));
        m.no(PROVIDER, deliver(g.agreement, g.version))
    }),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Withdrawn));
        m.no(PROVIDER, list(g.dataset, Listing::Listed))
    }),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Withdrawn));
        m.no(PROVIDER, add_version(g.dataset, 2))
    }),
    ("DatasetNotListed", |m, g| {
        m.ok(PROVIDER, list(g.dataset, Listing::Withdrawn));
        m.no(PROVIDER, revise(g.dataset, 1, open()))
    }),
    ("RevisionMoved", |m, g| m.no(PROVIDER, revise(g.dataset, 2, open()))),
    ("RevisionMoved", |m, g| m.no(PROVIDER, revise_offer(g.offer, 2))),
    ("RevisionMoved", |m, g| {
        m.ok(PROVIDER, revise_offer(g.offer, 1));
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("RevisionMoved", |m, g| {
        let quote = Some(quote(m, PROVIDER, g.offer, 500));
        m.no(BUYER, Buy { revision: 7, quote, ..buy(g.offer, 500) })
    }),
    ("ClassificationIncomplete", |m, _| {
        let dataset = m.publish(PROVIDER, "gaps", Classification::default());
        m.no(PROVIDER, MakeOffer { dataset, terms: terms(), price: one_off(1) })
    }),
    ("VersionNumber", |m, g| m.no(PROVIDER, add_version(g.dataset, 3))),
    ("VersionNumber", |m, g| m.no(CUSTODIAN, Give { since_version: 0, ..give(g.dataset, 1) })),
    ("VersionNumber", |m, g| m.no(CUSTODIAN, Give { since_version: 3, ..give(g.dataset, 1) })),
    ("VersionUnknown", |m, g| m.no(PROVIDER, step(g.dataset, vec![VersionId([9; 32])]))),
    ("VersionUnknown", |m, g| m.no(PROVIDER, deliver(g.agreement, VersionId([9; 32])))),
    ("UpstreamLicence", |m, g| derive(m, g.version)),
    ("UpstreamLicence", |m, g| {
        let onward = crate::terms::Onward::Prohibited;
        let offer =
            m.ok(PROVIDER, MakeOffer { dataset: g.dataset, terms: Terms { onward, ..terms() }, price: one_off(1) });
        m.mint(OTHER_PROVIDER, 10);
        m.ok(OTHER_PROVIDER, buy(OfferId(offer.0), 1));
        derive(m, g.version)
    }),
    ("UpstreamLicence", |m, g| {
        m.mint(OTHER_PROVIDER, 500);
        m.ok(OTHER_PROVIDER, buy(g.offer, 500));
        m.wait_days(366);
        derive(m, g.version)
    }),
    ("ContentClosed", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.ok(CUSTODIAN, crate::testing::withdraw(consent));
        let same = AddVersion { content: content(1), excludes: vec![consent], ..add_version(g.personal, 2) };
        m.no(PROVIDER, same)
    }),
];

const OFFERS: &[Case] = &[
    ("OfferUnknown", |m, _| m.no(BUYER, buy(OfferId([9; 32]), 1))),
    ("NotTheProvider", |m, g| m.no(OTHER_PROVIDER, revise_offer(g.offer, 1))),
    ("NotTheProvider", |m, g| m.no(OTHER_PROVIDER, WithdrawOffer { offer: g.offer })),
    ("OfferWithdrawn", |m, g| {
        m.ok(PROVIDER, WithdrawOffer { offer: g.offer });
        m.no(PROVIDER, WithdrawOffer { offer: g.offer })
    }),
    ("OfferWithdrawn", |m, g| {
        m.ok(PROVIDER, WithdrawOffer { offer: g.offer });
        m.no(PROVIDER, revise_offer(g.offer, 1))
    }),
    ("OfferIsWithdrawn", |m, g| {
        m.ok(PROVIDER, WithdrawOffer { offer: g.offer });
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("ClosedIsNotTraded", |m, _| {
        let dataset = m.publish(PROVIDER, "closed", closed());
        m.no(PROVIDER, MakeOffer { dataset, terms: terms(), price: one_off(1) })
    }),
    ("ClosedIsNotTraded", |m, g| {
        m.ok(PROVIDER, revise(g.dataset, 1, closed()));
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("NotOpen", |m, _| {
        let dataset = m.publish(PROVIDER, "open", open());
        m.no(PROVIDER, MakeOffer { dataset, terms: open_terms(), price: one_off(1) })
    }),
    ("Periods", |m, g| m.no(BUYER, Buy { periods: 2, ..buy(g.offer, 1_000) })),
    ("QuoteSignature", |m, g| {
        let mut forged = quote(m, PROVIDER, g.offer, 500);
        forged.quote.amount = amount(1);
        m.no(BUYER, Buy { quote: Some(forged), ..buy(g.offer, 1) })
    }),
    ("QuoteKey", |m, g| {
        let quote = sign_quote(PROVIDER, quote(m, PROVIDER, g.offer, 1).quote);
        m.no(BUYER, Buy { quote: Some(quote), ..buy(g.offer, 1) })
    }),
    ("QuoteKey", |m, g| {
        let quote = quote(m, PROVIDER, g.offer, 1);
        m.ok(PROVIDER, revoke_key(PROVIDER + 100));
        m.no(BUYER, Buy { quote: Some(quote), ..buy(g.offer, 1) })
    }),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.buyer = party(OTHER_PROVIDER))),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.offer = OfferId([9; 32]))),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.revision = 2)),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.periods = 2)),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.currency = Some("USD".parse().unwrap()))),
    ("QuoteForAnother", |m, g| other_quote(m, g, |quote| quote.currency = None)),
    ("QuoteExpired", |m, g| {
        let quote = quote(m, PROVIDER, g.offer, 1);
        m.wait_days(1);
        m.no(BUYER, Buy { quote: Some(quote), ..buy(g.offer, 1) })
    }),
    ("QuoteUsed", |m, g| {
        let quote = Some(quote(m, PROVIDER, g.offer, 1));
        m.ok(BUYER, Buy { quote: quote.clone(), ..buy(g.offer, 1) });
        m.no(BUYER, Buy { quote, ..buy(g.offer, 1) })
    }),
];

const AGREEMENTS: &[Case] = &[
    ("AgreementUnknown", |m, g| m.no(PROVIDER, deliver(AgreementId([9; 32]), g.version))),
    ("AgreementUnknown", |m, _| m.no(BUYER, renew(AgreementId([9; 32]), 1))),
    ("AgreementOver", |m, g| {
        m.wait_days(365);
        m.no(PROVIDER, deliver(g.agreement, g.version))
    }),
    ("AgreementOver", |m, g| {
        m.ok(BUYER, revoke(g.agreement, RevocationReason::ByBuyer));
        m.no(PROVIDER, revoke(g.agreement, RevocationReason::Breach))
    }),
    ("AgreementOver", |m, g| {
        let agreement = subscribe(m, g);
        m.ok(PROVIDER, revoke(agreement, RevocationReason::Breach));
        m.no(BUYER, renew(agreement, 10))
    }),
    ("NotAParty", |m, g| m.no(OTHER_PROVIDER, renew(g.agreement, 500))),
    ("NotAParty", |m, g| m.no(PROVIDER, revoke(g.agreement, RevocationReason::ByBuyer))),
    ("NotAParty", |m, g| m.no(BUYER, revoke(g.agreement, RevocationReason::Breach))),
    ("AccessRestricted", |m, g| {
        let parties = vec![party(OTHER_PROVIDER)];
        m.ok(PROVIDER, revise(g.dataset, 1, limited(Access::Specific { parties })));
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("AccessRestricted", |m, g| {
        let id = GroupId(m.ok(PROVIDER, group(None)).0);
        m.ok(PROVIDER, revise(g.dataset, 1, limited(Access::Group { group: id })));
        m.ok(BUYER, buy(g.offer, 500));
        m.ok(PROVIDER, SetGroup { members: vec![party(OTHER_PROVIDER)], ..group(Some(id)) });
        m.no(BUYER, buy(g.offer, 500))
    }),
    ("PurposeNotAllowed", |m, g| {
        let purposes = Allowed::Only { purposes: vec![Purpose::Planning] };
        let action = ReviseOffer { terms: Terms { purposes, ..terms() }, ..revise_offer(g.offer, 1) };
        m.ok(PROVIDER, action);
        m.no(BUYER, Buy { revision: 2, ..buy(g.offer, 500) })
    }),
    ("JustificationMissing", |m, g| m.no(BUYER, Buy { justification: None, ..buy(g.personal_offer, 700) })),
    ("VersionNotCovered", |m, g| m.no(PROVIDER, deliver(g.agreement, g.personal_version))),
    ("NotASubscription", |m, g| m.no(BUYER, renew(g.agreement, 500))),
    ("PriceIsAnother", |m, g| m.no(BUYER, buy(g.offer, 499))),
    ("PriceIsAnother", |m, g| {
        let agreement = subscribe(m, g);
        m.no(BUYER, renew(agreement, 11))
    }),
    ("SelfDealing", |m, _| {
        let dataset = m.publish(OTHER_PROVIDER, "mine", shared(PersonalStatus::None));
        let offer = m.offer(OTHER_PROVIDER, dataset, one_off(1));
        m.mint(OTHER_PROVIDER, 1);
        m.no(OTHER_PROVIDER, buy(offer, 1))
    }),
];

const CONSENTS: &[Case] = &[
    ("NoGround", |m, g| m.no(BUYER, buy(g.personal_offer, 700))),
    ("NoGround", |m, g| {
        m.ok(PROVIDER, basis(g.personal, false));
        m.ok(PROVIDER, basis(g.personal, true));
        m.no(BUYER, buy(g.personal_offer, 700))
    }),
    ("ConsentEnded", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.ok(BUYER, buy(g.personal_offer, 700));
        m.ok(CUSTODIAN, withdraw(consent));
        m.no(BUYER, buy(g.personal_offer, 700))
    }),
    ("ConsentEnded", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        let agreement = AgreementId(m.ok(BUYER, buy(g.personal_offer, 700)).0);
        m.ok(GATEWAY, deliver(agreement, g.personal_version));
        m.ok(CUSTODIAN, withdraw(consent));
        m.no(GATEWAY, deliver(agreement, g.personal_version))
    }),
    ("ConsentExpired", |m, g| m.no(CUSTODIAN, Give { until_day: TODAY, ..give(g.personal, 1) })),
    ("ConsentExpired", |m, g| {
        m.consent(CUSTODIAN, g.personal, 1);
        m.wait_days(365);
        m.no(BUYER, buy(g.personal_offer, 700))
    }),
    ("ConsentKnown", |m, g| {
        m.consent(CUSTODIAN, g.personal, 1);
        m.no(OTHER_CUSTODIAN, give(g.personal, 1))
    }),
    ("ConsentUnknown", |m, _| m.no(CUSTODIAN, withdraw(ConsentId([9; 16])))),
    ("ConsentUnknown", |m, g| {
        m.no(PROVIDER, AddVersion { excludes: vec![ConsentId([9; 16])], ..add_version(g.personal, 2) })
    }),
    ("ConsentOver", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.ok(CUSTODIAN, withdraw(consent));
        m.no(CUSTODIAN, withdraw(consent))
    }),
    ("NotTheController", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.no(OTHER_CUSTODIAN, withdraw(consent))
    }),
    ("ConsentNotExcludable", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.no(PROVIDER, AddVersion { excludes: vec![consent], ..add_version(g.dataset, 2) })
    }),
    ("ConsentNotExcludable", |m, g| {
        let consent = m.consent(CUSTODIAN, g.personal, 1);
        m.ok(PROVIDER, AddVersion { excludes: vec![consent], ..add_version(g.personal, 2) });
        m.no(PROVIDER, AddVersion { excludes: vec![consent], ..add_version(g.personal, 3) })
    }),
    ("TooManyConsents", |m, g| {
        let one = |n: usize| {
            let mut consent = ConsentId([0; 16]);
            consent.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
            Give { consent, until_day: TODAY + 1 + n as u32, ..give(g.personal, 0) }
        };
        for n in 0..CONSENT_DAYS_MAX {
            m.ok(CUSTODIAN, one(n));
        }
        m.no(CUSTODIAN, one(CONSENT_DAYS_MAX))
    }),
];

const MONEY: &[Case] = &[
    ("BalanceTooSmall", |m, g| m.no(OTHER_PROVIDER, buy(g.offer, 500))),
    ("BalanceTooSmall", |m, _| m.no(AGENT, burn(BUYER, 1_000_000))),
    ("AmountOverflow", |m, _| m.no(AGENT, mint(BUYER, AMOUNT_MAX, 9))),
    ("AmountOverflow", |m, g| {
        let offer = m.offer(PROVIDER, g.dataset, subscription(AMOUNT_MAX / 2 + 1));
        m.no(BUYER, Buy { periods: 2, ..buy(offer, AMOUNT_MAX) })
    }),
    ("BankReferenceUsed", |m, _| {
        m.ok(AGENT, mint(BUYER, 1, 9));
        m.no(AGENT, mint(BUYER, 1, 9))
    }),
    ("PartyNotActive", |m, _| {
        m.ok(OPERATOR, suspend(BUYER));
        m.no(AGENT, mint(BUYER, 1, 9))
    }),
    ("PartyUnknown", |m, _| m.no(AGENT, mint(STRANGER, 1, 9))),
];

#[test]
fn somebody_suspended_is_paid_out() {
    let (mut market, _) = Market::trading();
    market.ok(OPERATOR, suspend(BUYER));
    market.ok(AGENT, burn(BUYER, 1));
}

pub(super) fn apply() -> Apply {
    Apply { name: "Stranger".into(), kind: PartyKind::Business, jurisdiction: Country(*b"FR"), side: None }
}

pub(super) fn suspend(seed: u16) -> Suspend {
    Suspend { party: party(seed), reason: SuspensionReason::Breach }
}

pub(super) fn revoke_key(seed: u16) -> RevokeKey {
    RevokeKey { key: key(seed), compromised: false }
}

pub(super) fn group(group: Option<GroupId>) -> SetGroup {
    SetGroup { group, name: "Partners".into(), members: vec![party(BUYER)] }
}

pub(super) fn revise(dataset: DatasetId, follows: u32, classification: Classification) -> Revise {
    Revise { dataset, follows, jacket: jacket(classification), side: None }
}

pub(super) fn list(dataset: DatasetId, listing: Listing) -> List {
    List { dataset, listing, reason: ListingReason::Quality }
}

pub(super) fn step(dataset: DatasetId, inputs: Vec<VersionId>) -> RecordStep {
    RecordStep {
        dataset,
        activity: Activity::Process,
        run: [4; 16],
        job: "clean".into(),
        tool: "cleaner 1.0".into(),
        started_ms: 1,
        ended_ms: 2,
        inputs,
        note: String::new(),
    }
}

pub(super) fn revise_offer(offer: OfferId, follows: u32) -> ReviseOffer {
    ReviseOffer { offer, follows, terms: terms(), price: one_off(500) }
}

pub(super) fn closed() -> Classification {
    Classification { spectrum: Stated::said(Spectrum::Closed), ..open() }
}

pub(super) fn limited(access: Access) -> Classification {
    Classification { access: Stated::said(access), ..shared(PersonalStatus::None) }
}

pub(super) fn deliver(agreement: AgreementId, version: VersionId) -> Deliver {
    Deliver { agreement, version }
}

pub(super) fn renew(agreement: AgreementId, minor: u64) -> Renew {
    Renew { agreement, periods: 1, amount: amount(minor) }
}

pub(super) fn revoke(agreement: AgreementId, reason: RevocationReason) -> Revoke {
    Revoke { agreement, reason }
}

pub(super) fn basis(dataset: DatasetId, ended: bool) -> StateBasis {
    StateBasis {
        dataset,
        purpose: Purpose::Research,
        kind: BasisKind::PublicTask,
        jurisdiction: Country(*b"ES"),
        reference: "LO 3/2018, art. 8".into(),
        controller: party(PROVIDER),
        controls: vec!["access log".into()],
        ended,
    }
}

pub(super) fn mint(seed: u16, minor: u64, reference: u8) -> Mint {
    Mint { party: party(seed), amount: amount(minor), currency: eur(), reference: BankReference([reference; 32]) }
}

pub(super) fn burn(seed: u16, minor: u64) -> Burn {
    Burn { party: party(seed), amount: amount(minor), currency: eur(), reference: BankReference([8; 32]) }
}

/// A subscription at 10 cents a period that the buyer holds.
pub(super) fn subscribe(market: &mut Market, goods: Goods) -> AgreementId {
    let offer = market.offer(PROVIDER, goods.dataset, subscription(10));
    AgreementId(market.ok(BUYER, buy(offer, 10)).0)
}

/// Another provider builds on `parent`.
fn derive(market: &mut Market, parent: VersionId) -> Rejection {
    let dataset = market.publish(OTHER_PROVIDER, "derived", shared(PersonalStatus::None));
    market.no(OTHER_PROVIDER, AddVersion { parents: vec![parent], ..add_version(dataset, 1) })
}

/// Buys with a genuine quote that says something else than what is bought.
fn other_quote(market: &mut Market, goods: Goods, change: impl FnOnce(&mut Quote)) -> Rejection {
    let mut quoted = quote(market, PROVIDER, goods.offer, 1).quote;
    change(&mut quoted);
    let quote = Some(sign_quote(PROVIDER + 100, quoted));
    market.no(BUYER, Buy { quote, ..buy(goods.offer, 1) })
}
