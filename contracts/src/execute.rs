//! The execution loop: state before, context and transactions in, outcomes and changes out.
//!
//! A pure function: no clock, no chance, no order but that of the block. Whoever runs it on the
//! same input gets the same bytes, so that blocks are executed before they are voted on and
//! audited from genesis by anybody.

use crate::{
    action::{Action, Call},
    event::Event,
    founding::Parameters,
    governance::protocol,
    id::{Digest, Height, NetworkId, PartyId, TimeMs, TransactionId},
    limits::{OUTCOME_BYTES_MAX, VALIDITY_BLOCKS_MAX},
    money::Amount,
    outcome::{Outcome, TransactionEntry},
    party::{KeyUse, Party, Standing},
    quota::{Quota, QuotaExceeded, STRANGER_LIMITS},
    rejection::{Rejection, Stop},
    settlement::{Account, Supply},
    state::{Fault, Finished, Key, Overlay, Reading, Record, Subject, View},
    transaction::Checked,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a block says about where and when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The network.
    pub network: NetworkId,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time_ms: TimeMs,
}

/// Why a transaction may not be in this block. Refused at the door; a block that holds one is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// Its time is over.
    #[error("the transaction was valid up to height {last_valid}, this is height {height}: sign it anew")]
    Expired {
        /// Last height at which it was valid.
        last_valid: Height,
        /// Height of the block.
        height: Height,
    },
    /// Valid for longer than ids are remembered.
    #[error("the transaction is valid up to height {last_valid}, at most {most} is allowed at height {height}")]
    ValidTooLong {
        /// Last height at which it would be valid.
        last_valid: Height,
        /// Most that is allowed.
        most: Height,
        /// Height of the block.
        height: Height,
    },
    /// It is in the ledger, or in this block, already.
    #[error("transaction {0} is in the ledger already")]
    Replayed(TransactionId),
    /// The sender has not applied, and this is no application by the key that names it.
    #[error("party {0} is not known: it applies first")]
    UnknownParty(PartyId),
    /// The signing key is not one of the sender's, or was revoked.
    #[error("the key is not one that party {0} signs transactions with")]
    UnknownKey(PartyId),
    /// The sender has used up its quota.
    #[error("{0}")]
    Quota(#[from] QuotaExceeded),
}

/// Why a block could not be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// A transaction may not be in it.
    #[error("transaction {index} of the block: {reason}")]
    Inadmissible {
        /// Its place in the block.
        index: usize,
        /// Why.
        reason: Inadmissible,
    },
    /// It is of a version of the rules that these are not.
    #[error(
        "blocks from height {height} on go by version {version} of the rules, which this lonja does not know: install \
         a release that does, and start it on the same directory"
    )]
    ProtocolUnknown {
        /// Which.
        version: u16,
        /// Height of the block.
        height: Height,
    },
    /// The state could not be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Accounts and supply do not agree: a rule is wrong, and the block must not be committed.
    #[error("in {currency} the accounts changed by {accounts}, minted less burned by {supply}")]
    MoneyOutOfBalance {
        /// In which currency.
        currency: String,
        /// By how much the accounts changed.
        accounts: i128,
        /// By how much the supply changed.
        supply: i128,
    },
}

/// What one transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The log's word on it.
    pub entry: TransactionEntry,
    /// The facts.
    pub events: Vec<Event>,
    /// Subject, index in its history, number of the event: where histories point to.
    pub histories: Vec<(Key, u64, u16)>,
}

/// What a block does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// One for each transaction, in order.
    pub done: Vec<Done>,
    /// All records that it writes, in key order.
    pub changes: BTreeMap<Key, Vec<u8>>,
}

/// May `transaction` be in a block at `context`, as far as its sender and time go?
///
/// Replay of earlier blocks is the caller's to check: it keeps the set of recent ids. Returns the
/// party's quota after the transaction.
///
/// # Errors
/// `Ok(Err)` says why not; `Err` is a fault of the store.
pub fn admissible(
    view: &dyn View,
    context: &Context,
    transaction: &Checked,
) -> Result<Result<(Key, Quota), Inadmissible>, Fault> {
    let body = transaction.body();
    let (height, last_valid) = (context.height, body.last_valid);
    if last_valid < height {
        return Ok(Err(Inadmissible::Expired { last_valid, height }));
    }
    let most = height.saturating_add(VALIDITY_BLOCKS_MAX);
    if last_valid > most {
        return Ok(Err(Inadmissible::ValidTooLong { last_valid, most, height }));
    }
    let stranger = matches!(body.action, Action::Apply(_)) && PartyId::of_first_key(&body.key) == body.sender;
    let party: Option<Party> = view.value(&Party::key(&body.sender))?;
    match &party {
        None if !stranger => return Ok(Err(Inadmissible::UnknownParty(body.sender))),
        Some(party) if !party.may_use(&body.key, KeyUse::Sign) => {
            return Ok(Err(Inadmissible::UnknownKey(body.sender)));
        }
        _ => {}
    }
    let (account, limits) = match party.map(|party| party.standing) {
        Some(Standing::Active) => {
            let parameters: Parameters = view.value(&Parameters::key())?.unwrap_or_default();
            (body.sender, parameters.quota)
        }
        // It hands ballots in and changes its keys, and nothing else. For that there is room, which no stranger takes, and for no more.
        Some(Standing::Suspended) => (body.sender, STRANGER_LIMITS),
        // An applicant is no member yet: it draws on what strangers share, so nobody floods by applying.
        Some(Standing::Applied) | None => (PartyId::STRANGERS, STRANGER_LIMITS),
    };
    let key = Quota::key(&account);
    let quota: Quota = view.value(&key)?.unwrap_or_default();
    Ok(quota.admit(height, transaction.bytes().len() as u64, &limits).map(|next| (key, next)).map_err(Into::into))
}

/// Executes a block.
///
/// # Errors
/// [`ExecuteError`]; nothing of the block may then be committed.
pub fn execute(view: &dyn View, context: &Context, transactions: &[Checked]) -> Result<Executed, ExecuteError> {
    run_all(view, context, transactions.iter(), |index, reason| Err(ExecuteError::Inadmissible { index, reason }))
}

/// What a proposer makes of the transactions at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Those that may be in the block, in order.
    pub transactions: Vec<Checked>,
    /// What they do; equal to what [`execute`] says of them.
    pub executed: Executed,
    /// The others: place among the candidates, and why not.
    pub dropped: Vec<(usize, Inadmissible)>,
}

/// Executes as many of `candidates` as may be in a block, leaving the others out.
///
/// # Errors
/// [`ExecuteError`], never for a candidate that is inadmissible.
pub fn select(view: &dyn View, context: &Context, candidates: Vec<Checked>) -> Result<Selected, ExecuteError> {
    let mut dropped = Vec::new();
    let executed = run_all(view, context, candidates.iter(), |index, reason| {
        dropped.push((index, reason));
        Ok(())
    })?;
    let mut out = dropped.iter().map(|(index, _)| *index).peekable();
    let kept = |(index, candidate)| if out.next_if_eq(&index).is_some() { None } else { Some(candidate) };
    let transactions = candidates.into_iter().enumerate().filter_map(kept).collect();
    Ok(Selected { transactions, executed, dropped })
}

fn run_all<'t>(
    view: &dyn View,
    context: &Context,
    transactions: impl Iterator<Item = &'t Checked>,
    mut inadmissible: impl FnMut(usize, Inadmissible) -> Result<(), ExecuteError>,
) -> Result<Executed, ExecuteError> {
    protocol::known(view, context.height)?;
    let mut block = Overlay::over(view);
    let mut done = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, transaction) in transactions.enumerate() {
        if seen.contains(&transaction.id()) {
            inadmissible(index, Inadmissible::Replayed(transaction.id()))?;
            continue;
        }
        match admissible(&block, context, transaction)? {
            Err(reason) => inadmissible(index, reason)?,
            Ok((quota_key, quota)) => {
                let (one, writes) = run(&block, context, transaction)?;
                let state_bytes = writes.values().map(|value| value.len() as u64).sum::<u64>();
                block.absorb(writes);
                let state_bytes = quota.state_bytes.saturating_add(state_bytes);
                block.put(&quota_key, Quota { state_bytes, ..quota })?;
                seen.insert(transaction.id());
                done.push(one);
            }
        }
    }
    let changes = block.into_writes();
    check_money(view, &changes)?;
    Ok(Executed { done, changes })
}

/// Runs one transaction over `below`; a refusal leaves nothing but its record.
fn run(below: &dyn View, context: &Context, transaction: &Checked) -> Result<(Done, BTreeMap<Key, Vec<u8>>), Fault> {
    let finished = match attempt(below, context, transaction) {
        Ok(finished) => finished,
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Refused(rejection)) => refuse(below, context, transaction, rejection)?,
    };
    let outcome = match finished.events.first() {
        Some(Event::Refused { rejection, .. }) => Outcome::Refused { code: rejection.code() },
        _ => Outcome::Applied,
    };
    let entry = TransactionEntry {
        transaction: transaction.id(),
        digest: transaction.digest(),
        outcome,
        events: Event::digest_all(&finished.events),
    };
    Ok((Done { entry, events: finished.events, histories: finished.histories }, finished.writes))
}

fn attempt(below: &dyn View, context: &Context, transaction: &Checked) -> Result<Finished, Stop> {
    let mut overlay = Overlay::over(below);
    let body = transaction.body();
    let mut call = Call {
        network: context.network,
        sender: body.sender,
        signer: body.key,
        transaction: transaction.id(),
        height: context.height,
        time_ms: context.time_ms,
        state: &mut overlay,
    };
    body.action.apply(&mut call)?;
    let finished = overlay.finish(context.height, transaction.id())?;
    let bytes = borsh::to_vec(&finished.events).expect("writing to memory does not fail").len();
    if bytes > OUTCOME_BYTES_MAX {
        return Err(Rejection::OutcomeTooLarge { bytes: bytes as u32 }.into());
    }
    Ok(finished)
}

/// The record of a refusal, in the history of the sender where it has one.
fn refuse(below: &dyn View, context: &Context, transaction: &Checked, rejection: Rejection) -> Result<Finished, Fault> {
    let body = transaction.body();
    let mut overlay = Overlay::over(below);
    overlay.emit(Event::Refused { sender: body.sender, action: body.action.tag(), rejection });
    overlay.finish(context.height, transaction.id())
}

/// In every currency: change of all accounts = change of what was minted less what was burned.
fn check_money(view: &dyn View, changes: &BTreeMap<Key, Vec<u8>>) -> Result<(), ExecuteError> {
    let mut sums: BTreeMap<String, (i128, i128)> = BTreeMap::new();
    for (key, bytes) in changes {
        let currency = || String::from_utf8_lossy(&key.as_bytes()[key.as_bytes().len() - 3..]).into_owned();
        if key.tag() == Account::TAG {
            let balance = |account: Account| i128::from(account.balance.minor());
            sums.entry(currency()).or_default().0 += delta(view, key, bytes, balance)?;
        } else if key.tag() == Supply::TAG {
            let net = |supply: Supply| net(supply.minted, supply.burned);
            sums.entry(currency()).or_default().1 += delta(view, key, bytes, net)?;
        }
    }
    for (currency, (accounts, supply)) in sums {
        if accounts != supply {
            return Err(ExecuteError::MoneyOutOfBalance { currency, accounts, supply });
        }
    }
    Ok(())
}

fn net(minted: Amount, burned: Amount) -> i128 {
    i128::from(minted.minor()) - i128::from(burned.minor())
}

fn delta<T: Subject>(view: &dyn View, key: &Key, bytes: &[u8], measure: impl Fn(T) -> i128) -> Result<i128, Fault> {
    let after = Record::<T>::decode(bytes).map_err(|reason| Fault::Damaged { key: key.clone(), reason })?;
    let before = view.value::<T>(key)?.map_or(0, &measure);
    Ok(measure(after.value) - before)
}

/// SHA-256 over the bytes of a block's transactions, in order: what a proposal commits to.
pub fn digest_of_transactions(transactions: &[Checked]) -> Digest {
    digest_of_digests(transactions.iter().map(Checked::digest))
}

/// The same from the digests of the transactions' bytes ([`Transaction::digest_of`](crate::transaction::Transaction)).
pub fn digest_of_digests(digests: impl Iterator<Item = Digest>) -> Digest {
    let mut all = Vec::with_capacity(digests.size_hint().0 * 32);
    digests.for_each(|digest| all.extend_from_slice(&digest.0));
    Digest::of(&[b"lonja/transactions/v1\0", &all])
}
