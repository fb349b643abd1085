//! A market in memory, for tests of the rules: who is who, usual goods, and one way to act.
//!
//! Every action goes the whole way (signed, encoded, decoded, checked, executed in a block of its
//! own), so a test of a rule is a test of what a network would do. Nothing here leaves the tests.

use crate::{
    action::Action,
    agreement::Buy,
    consent::{ConsentState, End, Give},
    dataset::Publish,
    execute::{Context, Done, ExecuteError, Executed, Inadmissible, execute},
    founding::{Founder, FounderKey, Founding, Parameters},
    id::*,
    jacket::{Access, Classification, Jacket},
    key::{Domain, PublicKey, Signature, Signer, TestSigner},
    money::{Amount, Currency},
    offer::{MakeOffer, Price},
    party::{AddKey, Country, KeyUse, PartyKind, Role, Roles},
    quote::{Quote, SignedQuote},
    rejection::Rejection,
    settlement::Mint,
    state::{Key, Overlay, Reading, Subject},
    terms::{Allowed, Onward, Terms},
    transaction::{Body, Checked, Transaction},
    validators::{Validator, ValidatorSet},
    version::{AddVersion, Content},
    vocabulary::*,
};
use std::collections::BTreeMap;

/// The network of all tests.
pub(crate) const NETWORK: NetworkId = NetworkId([7; 32]);
/// A day in milliseconds.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// The day on which a test market begins.
pub(crate) const TODAY: u32 = 20_000;

/// Seeds of the founders' keys; the pricing key of each has seed + 100.
pub(crate) const OPERATOR: u16 = 10;
pub(crate) const AGENT: u16 = 11;
pub(crate) const GATEWAY: u16 = 12;
pub(crate) const PROVIDER: u16 = 13;
pub(crate) const BUYER: u16 = 14;
pub(crate) const CUSTODIAN: u16 = 15;
pub(crate) const OTHER_PROVIDER: u16 = 16;
pub(crate) const OTHER_CUSTODIAN: u16 = 17;
/// A key that no founder has.
pub(crate) const STRANGER: u16 = 99;

const FOUNDERS: [(u16, &[Role]); 8] = [
    (OPERATOR, &[Role::Operator]),
    (AGENT, &[Role::SettlementAgent]),
    (GATEWAY, &[Role::Gateway]),
    (PROVIDER, &[Role::Provider]),
    (BUYER, &[Role::Buyer]),
    (CUSTODIAN, &[Role::Custodian]),
    (OTHER_PROVIDER, &[Role::Provider, Role::Buyer]),
    (OTHER_CUSTODIAN, &[Role::Custodian]),
];

/// The public key of `seed`.
pub(crate) fn key(seed: u16) -> PublicKey {
    TestSigner::of(seed).public()
}

/// The party whose first key has `seed`.
pub(crate) fn party(seed: u16) -> PartyId {
    PartyId::of_first_key(&key(seed))
}

/// An amount that is within the limit.
pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// Euros.
pub(crate) fn eur() -> Currency {
    "EUR".parse().unwrap()
}

/// What the test network is founded with.
pub(crate) fn founding() -> Founding {
    let validator = Validator { name: "v0".into(), consensus: key(1), log: key(2), cosigner: key(3) };
    let founder = |(seed, roles): &(u16, &[Role])| Founder {
        name: format!("Founder {seed}"),
        kind: PartyKind::City,
        jurisdiction: Country(*b"ES"),
        roles: Roles::of(roles),
        keys: vec![
            FounderKey { key: key(*seed), usage: KeyUse::Sign },
            FounderKey { key: key(seed + 100), usage: KeyUse::Price },
        ],
    };
    Founding {
        validators: ValidatorSet { validators: vec![validator] },
        founders: FOUNDERS.iter().map(founder).collect(),
        parameters: Parameters::default(),
    }
}

/// A network in memory: its state and where its next block is.
#[derive(Clone)]
pub(crate) struct Market {
    /// All records.
    pub state: BTreeMap<Key, Vec<u8>>,
    /// Of the next block.
    pub context: Context,
    nonce: u128,
}

impl Market {
    /// The founding state, before block 1.
    pub fn founded() -> Self {
        let context = Context { network: NETWORK, height: 1, time_ms: u64::from(TODAY) * DAY_MS };
        Self { state: founding().state().unwrap(), context, nonce: 0 }
    }

    /// A transaction as a node would let it in.
    pub fn transaction(&mut self, seed: u16, action: impl Into<Action>) -> Checked {
        self.transaction_by(party(seed), seed, action)
    }

    /// The same, for a party whose key is not its first.
    pub fn transaction_by(&mut self, sender: PartyId, seed: u16, action: impl Into<Action>) -> Checked {
        self.nonce += 1;
        let body = Body {
            network: NETWORK,
            sender,
            key: key(seed),
            nonce: self.nonce.to_be_bytes(),
            last_valid: self.context.height + 10,
            action: action.into(),
        };
        let bytes = body.sign(&TestSigner::of(seed)).unwrap().bytes();
        Transaction::decode(&bytes).unwrap().check(&NETWORK).unwrap()
    }

    /// Signed, whatever the action holds.
    pub fn transaction_unchecked(&mut self, action: Action) -> Transaction {
        self.nonce += 1;
        let (sender, nonce, last_valid) = (party(BUYER), self.nonce.to_be_bytes(), self.context.height + 10);
        let body = Body { network: NETWORK, sender, key: key(BUYER), nonce, last_valid, action };
        body.sign(&TestSigner::of(BUYER)).unwrap()
    }

    /// Executes a block and, where it is valid, commits it.
    pub fn commit(&mut self, transactions: &[Checked]) -> Result<Executed, ExecuteError> {
        let executed = execute(&self.state, &self.context, transactions)?;
        self.state.extend(executed.changes.clone());
        self.context.height += 1;
        self.context.time_ms += 1_000;
        Ok(executed)
    }

    /// Commits a block of this one transaction.
    pub fn send(&mut self, transaction: Checked) -> Result<Done, Inadmissible> {
        match self.commit(&[transaction]) {
            Ok(executed) => Ok(executed.done.into_iter().next().unwrap()),
            Err(ExecuteError::Inadmissible { reason, .. }) => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    /// Acts: the transaction's id, or why it was refused.
    pub fn act(&mut self, seed: u16, action: impl Into<Action>) -> Result<TransactionId, Rejection> {
        let transaction = self.transaction(seed, action);
        let done = self.send(transaction).unwrap();
        match done.events.first() {
            Some(crate::event::Event::Refused { rejection, .. }) => Err(rejection.clone()),
            _ => Ok(done.entry.transaction),
        }
    }

    /// Acts, and must not be refused.
    #[track_caller]
    pub fn ok(&mut self, seed: u16, action: impl Into<Action>) -> TransactionId {
        self.act(seed, action).unwrap_or_else(|rejection| panic!("refused: {rejection}"))
    }

    /// Acts, and must be refused.
    #[track_caller]
    pub fn no(&mut self, seed: u16, action: impl Into<Action>) -> Rejection {
        self.act(seed, action).expect_err("this must be refused")
    }

    /// The value under `key`, which must be there.
    #[track_caller]
    pub fn get<T: Subject>(&self, key: &Key) -> T {
        self.state.value(key).unwrap().expect("there is such a record")
    }

    /// Changes a record behind the rules' back, to stand at an edge that years would lead to.
    pub fn set<T: Subject>(&mut self, key: &Key, change: impl FnOnce(&mut T)) {
        let mut value = self.get::<T>(key);
        change(&mut value);
        let mut overlay = Overlay::over(&self.state);
        overlay.put(key, value).unwrap();
        let writes = overlay.into_writes();
        self.state.extend(writes);
    }

    /// Later: by that many days.
    pub fn wait_days(&mut self, days: u64) {
        self.context.time_ms += days * DAY_MS;
    }

    /// Gives `seed` that much.
    pub fn mint(&mut self, seed: u16, minor: u64) {
        let reference = self.fresh();
        self.ok(
            AGENT,
            Mint { party: party(seed), amount: amount(minor), currency: eur(), reference: BankReference(reference) },
        );
    }

    /// 32 bytes that no test has used.
    pub fn fresh(&mut self) -> [u8; 32] {
        self.nonce += 1;
        Digest::of(&[b"fresh", &self.nonce.to_be_bytes()]).0
    }

    /// Publishes as `seed`.
    pub fn publish(&mut self, seed: u16, identifier: &str, classification: Classification) -> DatasetId {
        self.ok(seed, publish(identifier, classification));
        DatasetId::of(&party(seed), "catalogue", identifier)
    }

    /// Offers as `seed`.
    pub fn offer(&mut self, seed: u16, dataset: DatasetId, price: Price) -> OfferId {
        let duration_days = terms().duration_days.filter(|_| !matches!(price, Price::Subscription { .. }));
        OfferId(self.ok(seed, MakeOffer { dataset, terms: Terms { duration_days, ..terms() }, price }).0)
    }

    /// The next version, made from nothing and leaving nobody out.
    pub fn version(&mut self, seed: u16, dataset: DatasetId) -> VersionId {
        let number = self.get::<crate::dataset::Dataset>(&crate::dataset::Dataset::key(&dataset)).versions + 1;
        self.ok(seed, add_version(dataset, number));
        VersionId::of(&dataset, number)
    }

    /// A consent by `seed` from the first version on, for research, for a year.
    pub fn consent(&mut self, seed: u16, dataset: DatasetId, number: u8) -> ConsentId {
        self.ok(seed, give(dataset, number));
        ConsentId([number; 16])
    }

    /// A market with usual goods.
    pub fn trading() -> (Self, Goods) {
        let mut market = Self::founded();
        market.mint(BUYER, 100_000);
        let dataset = market.publish(PROVIDER, "rain", shared(PersonalStatus::None));
        let version = market.version(PROVIDER, dataset);
        let offer = market.offer(PROVIDER, dataset, one_off(500));
        let agreement = AgreementId(market.ok(BUYER, buy(offer, 500)).0);
        let personal = market.publish(PROVIDER, "people", shared(PersonalStatus::Personal));
        let personal_version = market.version(PROVIDER, personal);
        let personal_offer = market.offer(PROVIDER, personal, one_off(700));
        let goods = Goods { dataset, version, offer, agreement, personal, personal_version, personal_offer };
        (market, goods)
    }
}

/// What [`Market::trading`] sells: a dataset with one version, offer and agreement; a personal one
/// with one version and offer, without any ground yet.
#[derive(Clone, Copy)]
pub(crate) struct Goods {
    pub dataset: DatasetId,
    pub version: VersionId,
    pub offer: OfferId,
    pub agreement: AgreementId,
    pub personal: DatasetId,
    pub personal_version: VersionId,
    pub personal_offer: OfferId,
}

macro_rules! into_action {
    ($($variant:ident($rule:ty);)*) => {$(
        impl From<$rule> for Action {
            fn from(rule: $rule) -> Self { Self::$variant(rule) }
        }
    )*};
}

into_action! {
    Apply(crate::party::Apply);
    Admit(crate::party::Admit);
    Suspend(crate::party::Suspend);
    AddKey(AddKey);
    RevokeKey(crate::party::RevokeKey);
    SetGroup(crate::group::SetGroup);
    Publish(Publish);
    Revise(crate::dataset::Revise);
    List(crate::dataset::List);
    AddVersion(AddVersion);
    RecordStep(crate::provenance::RecordStep);
    TakeDown(crate::takedown::TakeDown);
    TakeSideDown(crate::takedown::TakeSideDown);
    MakeOffer(MakeOffer);
    ReviseOffer(crate::offer::ReviseOffer);
    WithdrawOffer(crate::offer::WithdrawOffer);
    Buy(Buy);
    Renew(crate::agreement::Renew);
    Revoke(crate::agreement::Revoke);
    Deliver(crate::delivery::Deliver);
    GiveConsent(Give);
    EndConsent(End);
    StateBasis(crate::basis::StateBasis);
    Mint(Mint);
    Burn(crate::settlement::Burn);
    Propose(crate::governance::Propose);
    Approve(crate::governance::Approve);
    Ready(crate::governance::Ready);
    Accuse(crate::governance::Accuse);
    Protest(crate::governance::Protest);
}

/// A complete classification of shared data for everybody.
pub(crate) fn shared(personal: PersonalStatus) -> Classification {
    Classification {
        framework_class: Stated::said(FrameworkClass::Thematic),
        spectrum: Stated::said(Spectrum::Shared),
        access: Stated::said(Access::Public),
        categories: Stated::said(vec![CollectableCategory::Status]),
        insight_levels: Stated::said(vec![InsightLevel::Analytical]),
        roles: Stated::said(vec![DataRole::PrimaryPublisher]),
        processing: Stated::said(ProcessingState::Raw),
        usage: Stated::said(DataUsage::Static),
        structure: Stated::said(Structure::Structured),
        quadrant: Stated::said(Quadrant::Traded),
        sensitivity: Stated::said(SensitivityClass::Public),
        personal: Stated::said(personal),
        spatial: Stated::said("Palma".into()),
        temporal: Stated::said("2020/2024".into()),
        refresh: Stated::by(InferenceRule::Accrual, "R/P1D".into()),
    }
}

/// A complete classification of open data.
pub(crate) fn open() -> Classification {
    Classification { spectrum: Stated::said(Spectrum::Open), access: Stated::NotStated, ..shared(PersonalStatus::None) }
}

/// A jacket that says little.
pub(crate) fn jacket(classification: Classification) -> Jacket {
    Jacket {
        title: "Rainfall".into(),
        source_publisher: None,
        variables: vec![],
        types: vec![],
        formats: vec![],
        keywords: vec![],
        themes: vec![],
        collection: Stated::NotStated,
        collection_cost: Stated::NotStated,
        sharing: Stated::NotStated,
        expected_uses: vec![],
        licence: None,
        landing_page: None,
        distributions: vec![],
        languages: vec![],
        modified: None,
        issued: None,
        classification,
    }
}

/// Publishes in the catalogue of all tests.
pub(crate) fn publish(identifier: &str, classification: Classification) -> Publish {
    Publish { catalogue: "catalogue".into(), identifier: identifier.into(), jacket: jacket(classification), side: None }
}

/// Terms for any purpose, for a year, results may be passed on.
pub(crate) fn terms() -> Terms {
    Terms { purposes: Allowed::Any, duration_days: Some(365), onward: Onward::DerivedOnly, attribution: None }
}

/// Terms that open data may have.
pub(crate) fn open_terms() -> Terms {
    Terms { purposes: Allowed::Any, duration_days: None, onward: Onward::Free, attribution: None }
}

/// Once, in euro cents.
pub(crate) fn one_off(minor: u64) -> Price {
    Price::OneOff { amount: amount(minor), currency: eur() }
}

/// For each period of 30 days, in euro cents, at most 12 at once.
pub(crate) fn subscription(minor: u64) -> Price {
    Price::Subscription { amount: amount(minor), currency: eur(), period_days: 30, periods_max: 12 }
}

/// Buys for research, with a justification.
pub(crate) fn buy(offer: OfferId, minor: u64) -> Buy {
    Buy {
        offer,
        revision: 1,
        purpose: Purpose::Research,
        periods: 1,
        amount: amount(minor),
        quote: None,
        justification: Some(SideId([5; 32])),
    }
}

/// A quote that `seed` signs with its pricing key, for the usual buyer and an hour.
pub(crate) fn quote(market: &Market, seed: u16, offer: OfferId, minor: u64) -> SignedQuote {
    sign_quote(
        seed + 100,
        Quote {
            buyer: party(BUYER),
            offer,
            revision: 1,
            periods: 1,
            amount: amount(minor),
            currency: Some(eur()),
            expires_ms: market.context.time_ms + 3_600_000,
            nonce: [3; 16],
        },
    )
}

/// Signs a quote with the key of `seed`.
pub(crate) fn sign_quote(seed: u16, quote: Quote) -> SignedQuote {
    let message = Domain::Quote.message(&NETWORK, &quote.message());
    SignedQuote { key: key(seed), signature: TestSigner::of(seed).sign(&message).unwrap(), quote }
}

/// The content of version `number`, different for each.
pub(crate) fn content(number: u32) -> Content {
    let digest = Digest::of(&[b"content", &number.to_be_bytes()]);
    Content { blake3: Blake3(digest.0), sha256: digest, bytes: 10, media_type: "text/csv".into() }
}

/// A version made from nothing that leaves nobody out.
pub(crate) fn add_version(dataset: DatasetId, number: u32) -> AddVersion {
    AddVersion { dataset, number, content: content(number), parents: vec![], excludes: vec![] }
}

/// A consent from the first version on, for research, for a year.
pub(crate) fn give(dataset: DatasetId, number: u8) -> Give {
    Give {
        consent: ConsentId([number; 16]),
        dataset,
        since_version: 1,
        purposes: vec![Purpose::Research],
        notice: Digest([1; 32]),
        until_day: TODAY + 365,
        record: Digest([2; 32]),
    }
}

/// Withdraws.
pub(crate) fn withdraw(consent: ConsentId) -> End {
    End { consent, state: ConsentState::Withdrawn }
}

/// Adds the key of `new` to the party of `seed`, proven by the new key.
pub(crate) fn add_key(seed: u16, new: u16, usage: KeyUse) -> AddKey {
    let message = Domain::Transaction.message(&NETWORK, &AddKey::proof_message(&party(seed), &key(new)));
    let proof: Signature = TestSigner::of(new).sign(&message).unwrap();
    AddKey { key: key(new), usage, proof }
}
