//! The book of orders: what was signed, under which key of which caller, and who works on it.

use super::{FAMILIES, Once, Order, OrderError, OrderState};
use crate::{
    limits::{ORDERS_AT_ONCE, ORDERS_RUNNING_MAX, SCAN_ROWS},
    own::Own,
    rows::List,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    action::Action,
    id::{Blake3, Digest, PartyId, TimeMs, TransactionId},
};
use futures_util::{StreamExt, stream};
use ledger::{api::client::Client, store::kv::Batch, submission::Submission};
use parking_lot::Mutex;
use std::{collections::HashSet, future::Future, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(super) const ORDERS: &str = FAMILIES[0];
pub(super) const OPEN: &str = FAMILIES[1];
pub(super) const ONCE: &str = FAMILIES[2];
pub(super) const BY_PARTY: &str = FAMILIES[3];

/// Orders, and what is under way.
#[derive(Clone)]
pub struct Orders(pub(super) Arc<Inner>);

pub(super) struct Inner {
    own: Own,
    pub client: Client,
    /// Under way in this process. What is open in the store but not here is nobody's: it is taken up.
    running: Mutex<HashSet<TransactionId>>,
    /// Looking up a key and writing it is one step.
    taking: Mutex<()>,
    pub tasks: TaskTracker,
    pub stop: CancellationToken,
}

#[derive(BorshSerialize, BorshDeserialize)]
pub(super) struct Row {
    pub order: Order,
    /// The signed bytes; empty once the order is settled.
    pub submission: Vec<u8>,
}

#[derive(BorshSerialize, BorshDeserialize)]
pub(super) struct OnceRow {
    request: Digest,
    pub id: TransactionId,
}

/// The right to hand an order in: one at a time has it. It goes back when it is dropped, whatever
/// happens to the task that holds it.
pub(super) struct Claim {
    orders: Orders,
    id: TransactionId,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.orders.0.running.lock().remove(&self.id);
    }
}

/// What taking an order comes to.
pub(super) enum Taken {
    New(Order, Claim),
    Known(Order),
}

impl Orders {
    /// Orders in `own`.
    pub(crate) fn open(own: Own, client: Client) -> Self {
        let (running, taking, tasks, stop) = Default::default();
        Self(Arc::new(Inner { own, client, running, taking, tasks, stop }))
    }

    /// Takes an order of `party` at most once, and waits until the ledger has decided it.
    ///
    /// `sign` is called only if this `once` is new; with the same `once` the first order's answer
    /// is given again.
    ///
    /// # Errors
    /// [`OrderError`], or what `sign` says.
    pub async fn once<E: From<OrderError>, S: Future<Output = Result<Submission, E>>>(
        &self,
        party: &PartyId,
        once: Option<&Once>,
        now_ms: TimeMs,
        sign: impl FnOnce() -> S,
    ) -> Result<Order, E> {
        if let Some(once) = once
            && let Some(known) = self.again(party, once).await?
        {
            return Ok(known);
        }
        let submission = sign().await?;
        match self.take(party, once, now_ms, &submission)? {
            Taken::New(order, claim) => Ok(self.run(order, submission, true, claim).await?),
            Taken::Known(order) => Ok(self.resume(order).await?),
        }
    }

    /// The answer to a request that was made before; `None` for a new one. Signs nothing.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn again(&self, party: &PartyId, once: &Once) -> Result<Option<Order>, OrderError> {
        match self.recall(party, once)? {
            Some(known) => self.resume(known).await.map(Some),
            None => Ok(None),
        }
    }

    /// The order with this id.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn get(&self, id: &TransactionId) -> Result<Option<Order>, OrderError> {
        Ok(self.row(id)?.map(|row| row.order))
    }

    /// The list of a party's orders, which cursors name.
    pub fn list_of(party: &PartyId) -> List {
        List::of(&[BY_PARTY.as_bytes(), &party.0])
    }

    /// Newest orders of a party, older than `before` where it is given.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn of(
        &self,
        party: &PartyId,
        before: Option<&[u8]>,
        limit: usize,
    ) -> Result<(Vec<Order>, Option<Vec<u8>>), OrderError> {
        let from = [party.0.as_slice(), before.unwrap_or(&[0xff; 41])].concat();
        let mut rows = self.0.own.scan_back(BY_PARTY, &from, &party.0, limit.saturating_add(1))?;
        let next = (rows.len() > limit).then(|| rows[limit].0[32..].to_vec());
        rows.truncate(limit);
        let one = |(key, _): &(Vec<u8>, Vec<u8>)| {
            let id = TransactionId(key[40..].try_into().map_err(|_| OrderError::Damaged)?);
            self.get(&id)?.ok_or(OrderError::Damaged)
        };
        Ok((rows.iter().map(one).collect::<Result<_, _>>()?, next))
    }

    /// How many orders are not decided.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn open_count(&self) -> Result<usize, OrderError> {
        Ok(self.0.own.scan(OPEN, &[], &[], 1_000_000)?.len())
    }

    /// Contents that open orders make versions of.
    ///
    /// # Errors
    /// [`OrderError`], also for an order that cannot be read: it may name any content.
    pub fn open_contents(&self) -> Result<Vec<Blake3>, OrderError> {
        let (mut contents, mut from) = (Vec::new(), Vec::new());
        loop {
            let open = self.0.own.scan(OPEN, &from, &[], SCAN_ROWS)?;
            for (name, _) in &open {
                let id = TransactionId(name.as_slice().try_into().map_err(|_| OrderError::Damaged)?);
                let row = self.row(&id)?.ok_or(OrderError::Damaged)?;
                // Settled since the scan: the ledger tells of it.
                if row.order.settled().is_some() {
                    continue;
                }
                let submission = Submission::try_from_slice(&row.submission).map_err(|_| OrderError::Damaged)?;
                if let Action::AddVersion(version) = &submission.transaction.body.action {
                    contents.push(version.content.blake3);
                }
            }
            match open.last() {
                Some((last, _)) if open.len() == SCAN_ROWS => from = [last.as_slice(), &[0]].concat(),
                _ => return Ok(contents),
            }
        }
    }

    /// Hands in again what a restart or a lost node left open. Returns how many are still open.
    ///
    /// # Errors
    /// [`OrderError::Store`]; what one order meets does not stop the others.
    pub async fn take_up(&self) -> Result<usize, OrderError> {
        let open = self.0.own.scan(OPEN, &[], &[], ORDERS_RUNNING_MAX)?;
        let ids = open.iter().map(|(key, _)| key.as_slice().try_into().map(TransactionId));
        let ids: Vec<TransactionId> = ids.collect::<Result<_, _>>().map_err(|_| OrderError::Damaged)?;
        // Several at once: one that waits for its block does not hold up the rest.
        let done = stream::iter(ids).map(|id| async move { (id, self.take_up_one(&id).await) });
        let mut left = 0;
        for (id, done) in done.buffer_unordered(ORDERS_AT_ONCE).collect::<Vec<_>>().await {
            match done {
                Ok(order) => tracing::info!(%id, state = ?order.state, "an order that was open is decided"),
                Err(OrderError::Dead { reason }) => tracing::warn!(%id, reason, "an order that was open is dead"),
                Err(error @ OrderError::Damaged) => {
                    left += 1;
                    tracing::error!(%id, %error, "an open order cannot be handed in");
                }
                Err(error) => {
                    left += 1;
                    tracing::debug!(%id, %error, "an order stays open");
                }
            }
        }
        Ok(left)
    }

    async fn take_up_one(&self, id: &TransactionId) -> Result<Order, OrderError> {
        let order = self.get(id)?.ok_or(OrderError::Damaged)?;
        self.resume(order).await
    }

    /// Stops waiting for the ledger. What is under way stays open, and goes on at the next start.
    pub(crate) async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn claim(&self, id: TransactionId) -> Option<Claim> {
        self.0.running.lock().insert(id).then(|| Claim { orders: self.clone(), id })
    }

    fn recall(&self, party: &PartyId, once: &Once) -> Result<Option<Order>, OrderError> {
        let Some(bytes) = self.0.own.get(ONCE, &once.row(party))? else { return Ok(None) };
        let row = OnceRow::try_from_slice(&bytes).map_err(|_| OrderError::Damaged)?;
        if row.request != once.request {
            return Err(OrderError::KeyReused);
        }
        self.get(&row.id)?.ok_or(OrderError::Damaged).map(Some)
    }

    pub(super) fn take(
        &self,
        party: &PartyId,
        once: Option<&Once>,
        now_ms: TimeMs,
        submission: &Submission,
    ) -> Result<Taken, OrderError> {
        let _one_at_a_time = self.0.taking.lock();
        if let Some(known) = once.map(|once| self.recall(party, once)).transpose()?.flatten() {
            return Ok(Taken::Known(known));
        }
        let (body, id) = (&submission.transaction.body, submission.transaction.id());
        // The same signed bytes handed in twice are one order.
        if let Some(known) = self.get(&id)? {
            return Ok(Taken::Known(known));
        }
        if self.0.running.lock().len() >= ORDERS_RUNNING_MAX {
            return Err(OrderError::Busy);
        }
        let order = Order {
            id,
            party: *party,
            action: body.action.slug().into(),
            created_ms: now_ms,
            last_valid: body.last_valid,
            state: OrderState::Open,
        };
        // Claimed before it can be seen: whoever takes up open orders must not take this one.
        let claim = self.claim(id).ok_or(OrderError::Running)?;
        let mut batch = Batch::default();
        let row = Row { order: order.clone(), submission: bytes(submission) };
        batch.put(ORDERS, id.0, bytes(&row));
        batch.put(OPEN, id.0, Vec::new());
        batch.put(BY_PARTY, [party.0.as_slice(), &now_ms.to_be_bytes(), &id.0].concat(), Vec::new());
        if let Some(once) = once {
            batch.put(ONCE, once.row(party), bytes(&OnceRow { request: once.request, id }));
        }
        // If the power fails before this line, nothing was handed in; after it, everything is.
        self.0.own.write(batch)?;
        Ok(Taken::New(order, claim))
    }

    /// Goes on with an order that was taken before, or gives its answer.
    pub(super) async fn resume(&self, order: Order) -> Result<Order, OrderError> {
        if let Some(settled) = order.settled() {
            return settled;
        }
        let claim = self.claim(order.id).ok_or(OrderError::Running)?;
        // Read again now that it is ours: whoever had it before may have settled it meanwhile.
        let row = self.row(&order.id)?.ok_or(OrderError::Damaged)?;
        if let Some(settled) = row.order.settled() {
            return settled;
        }
        let submission = Submission::try_from_slice(&row.submission).map_err(|_| OrderError::Damaged)?;
        self.run(row.order, submission, false, claim).await
    }

    /// Writes what became of an order. The signed bytes go: the ledger has them, or nobody needs them.
    pub(super) fn close(&self, order: Order) -> Result<(), OrderError> {
        let mut batch = Batch::default();
        batch.delete(OPEN, order.id.0);
        batch.put(ORDERS, order.id.0, bytes(&Row { order, submission: Vec::new() }));
        Ok(self.0.own.write(batch)?)
    }

    fn row(&self, id: &TransactionId) -> Result<Option<Row>, OrderError> {
        let Some(bytes) = self.0.own.get(ORDERS, &id.0)? else { return Ok(None) };
        Row::try_from_slice(&bytes).map(Some).map_err(|_| OrderError::Damaged)
    }
}

fn bytes(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}
