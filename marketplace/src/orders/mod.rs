//! Orders: every signed action that goes through the market, from the moment it is signed until the
//! ledger has decided it.
//!
//! The signed bytes are stored durably before they are handed in for the first time, together with
//! the caller's `Idempotency-Key`. Whatever happens after that (a lost connection, `kill -9`, a node
//! out of reach), the same bytes are handed in again until the ledger has them or their time is over;
//! the ledger takes them once. Buying is one transaction there, so there is neither payment without
//! licence nor licence without payment. This module never signs and never decides what to buy.

mod audit;

pub use audit::Audited;
pub(crate) use audit::{applied, audit};

use crate::{
    limits::{IDEMPOTENCY_KEY_BYTES_MAX, ORDERS_RUNNING_MAX},
    own::Own,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Digest, Height, PartyId, TimeMs, TransactionId},
    outcome::Outcome,
    rejection::Rejection,
};
use ledger::{
    api::{
        Problem,
        client::{Client, ClientError, Committed},
    },
    store::kv::{Batch, KvError},
    submission::Submission,
};
use parking_lot::Mutex;
use serde::Serialize;
use std::{collections::HashSet, future::Future, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Families of the private store that belong to orders.
pub(crate) const FAMILIES: [&str; 4] = [ORDERS, OPEN, ONCE, BY_PARTY];
const ORDERS: &str = "orders";
const OPEN: &str = "orders-open";
const ONCE: &str = "orders-once";
const BY_PARTY: &str = "orders-by-party";

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Order {
    /// The transaction.
    pub id: TransactionId,
    /// Whose it is.
    pub party: PartyId,
    /// What it does, as `agreement.buy`.
    pub action: String,
    /// When it was signed.
    pub created_ms: TimeMs,
    /// The last height at which the ledger may take it.
    pub last_valid: Height,
    /// What became of it.
    pub state: OrderState,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum OrderState {
    /// Not decided yet, as far as the market knows.
    Open,
    /// Done.
    Applied {
        /// In which block.
        height: Height,
        /// When.
        time_ms: TimeMs,
        /// Where in the log.
        index: u64,
    },
    /// A rule said no.
    Refused {
        /// In which block.
        height: Height,
        /// When.
        time_ms: TimeMs,
        /// Where in the log.
        index: u64,
        /// Why.
        rejection: Rejection,
    },
    /// It is not on the ledger and never will be.
    Dead {
        /// Why.
        reason: String,
    },
}

/// Why an order could not be taken or is not finished.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The store.
    #[error("the market's orders")]
    Store(#[from] KvError),
    /// A row is not what was written.
    #[error("an order in the store is damaged")]
    Damaged,
    /// No `Idempotency-Key` where one is needed.
    #[error(
        "this request needs an `Idempotency-Key` header (1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible characters), so that it can be repeated without buying twice"
    )]
    KeyMissing,
    /// The key was used for another request.
    #[error("this `Idempotency-Key` was used for another request: take a new key")]
    KeyReused,
    /// The same request is being worked on.
    #[error("the first request with this `Idempotency-Key` is still being worked on: ask again in a second")]
    Running,
    /// The market is being stopped.
    #[error("the market is stopping; the order is stored and goes on when it runs again")]
    Stopping,
    /// Too many at once.
    #[error("{ORDERS_RUNNING_MAX} orders are under way: try again in a few seconds")]
    Busy,
    /// The ledger has not decided yet.
    #[error("order {id} is stored, and is handed in until the ledger has decided it; ask for it again")]
    Undecided {
        /// Which.
        id: TransactionId,
        /// What the node said.
        #[source]
        source: ClientError,
    },
    /// It will never be on the ledger.
    #[error("{reason}")]
    Dead {
        /// Why.
        reason: String,
    },
}

/// What a request is recognised by when it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// Digest of the request.
    pub request: Digest,
}

impl Once {
    /// Checks a key from a header.
    ///
    /// # Errors
    /// [`OrderError::KeyMissing`].
    pub fn new(key: &str, request: Digest) -> Result<Self, OrderError> {
        // The draft makes it a structured string; most clients send it bare. Both are one key.
        let bare = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
        let visible = bare.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if bare.is_empty() || bare.len() > IDEMPOTENCY_KEY_BYTES_MAX || !visible {
            return Err(OrderError::KeyMissing);
        }
        Ok(Self { key: bare.to_string(), request })
    }

    fn row(&self, party: &PartyId) -> Vec<u8> {
        [party.0.as_slice(), &Digest::of(&[self.key.as_bytes()]).0].concat()
    }
}

/// Orders, and what is under way.
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    own: Own,
    client: Client,
    /// Under way in this process. What is open in the store but not here is nobody's: it is taken up.
    running: Mutex<HashSet<TransactionId>>,
    /// Looking up a key and writing it is one step.
    taking: Mutex<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    order: Order,
    submission: Vec<u8>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct OnceRow {
    request: Digest,
    id: TransactionId,
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
        if let Some(known) = once.map(|once| self.recall(party, once)).transpose()?.flatten() {
            return Ok(self.resume(known).await?);
        }
        let submission = sign().await?;
        match self.take(party, once, now_ms, &submission)? {
            Taken::New(order) => Ok(self.run(order, submission, true).await?),
            Taken::Known(order) => Ok(self.resume(order).await?),
        }
    }

    /// The order with this id.
    ///
    /// # Errors
    /// [`OrderError`].
    pub fn get(&self, id: &TransactionId) -> Result<Option<Order>, OrderError> {
        Ok(self.row(id)?.map(|row| row.order))
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

    /// Hands in again what a restart or a lost node left open. Returns how many are still open.
    ///
    /// # Errors
    /// [`OrderError::Store`]; what one order meets does not stop the others.
    pub async fn take_up(&self) -> Result<usize, OrderError> {
        let mut left = 0;
        for (key, _) in self.0.own.scan(OPEN, &[], &[], ORDERS_RUNNING_MAX)? {
            let id = TransactionId(key.as_slice().try_into().map_err(|_| OrderError::Damaged)?);
            if self.0.running.lock().contains(&id) {
                left += 1;
                continue;
            }
            let row = self.row(&id)?.ok_or(OrderError::Damaged)?;
            let submission = Submission::try_from_slice(&row.submission).map_err(|_| OrderError::Damaged)?;
            match self.run(row.order, submission, false).await {
                Ok(order) => tracing::info!(%id, state = ?order.state, "an order that was open is decided"),
                Err(OrderError::Dead { reason }) => tracing::warn!(%id, reason, "an order that was open is dead"),
                Err(error) => {
                    left += 1;
                    tracing::debug!(%id, %error, "an order stays open");
                }
            }
        }
        Ok(left)
    }

    /// Stops waiting for the ledger. What is under way stays open, and goes on at the next start.
    pub(crate) async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn recall(&self, party: &PartyId, once: &Once) -> Result<Option<Order>, OrderError> {
        let Some(bytes) = self.0.own.get(ONCE, &once.row(party))? else { return Ok(None) };
        let row = OnceRow::try_from_slice(&bytes).map_err(|_| OrderError::Damaged)?;
        if row.request != once.request {
            return Err(OrderError::KeyReused);
        }
        self.get(&row.id)?.ok_or(OrderError::Damaged).map(Some)
    }

    fn take(
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
        self.0.running.lock().insert(id);
        Ok(Taken::New(order))
    }

    async fn resume(&self, order: Order) -> Result<Order, OrderError> {
        match &order.state {
            OrderState::Open => {}
            OrderState::Dead { reason } => return Err(OrderError::Dead { reason: reason.clone() }),
            OrderState::Applied { .. } | OrderState::Refused { .. } => return Ok(order),
        }
        if !self.0.running.lock().insert(order.id) {
            return Err(OrderError::Running);
        }
        let row = self.row(&order.id)?.ok_or(OrderError::Damaged)?;
        let submission = Submission::try_from_slice(&row.submission).map_err(|_| OrderError::Damaged)?;
        self.run(row.order, submission, false).await
    }

    /// Hands in and records the outcome, in a task of its own: a caller that goes away stops nothing.
    async fn run(&self, order: Order, submission: Submission, first: bool) -> Result<Order, OrderError> {
        let orders = self.clone();
        self.0.running.lock().insert(order.id);
        let task = self.0.tasks.spawn(async move {
            let _running = Running { orders: &orders, id: order.id };
            tokio::select! {
                done = orders.hand_in(order, submission, first) => done,
                () = orders.0.stop.cancelled() => Err(OrderError::Stopping),
            }
        });
        task.await.unwrap_or(Err(OrderError::Damaged))
    }

    async fn hand_in(&self, order: Order, submission: Submission, first: bool) -> Result<Order, OrderError> {
        let id = order.id;
        let undecided = |source| OrderError::Undecided { id, source };
        let refused_at_door = match self.0.client.submit(&submission).await {
            Ok(committed) => return self.finish(order, &committed),
            // Bytes that were never handed in before and that the door refuses are nowhere.
            Err(ClientError::Problem(problem)) if first && is_final(&problem) => problem.detail,
            Err(source) => {
                // They may have arrived another time: the ledger knows, or their time is over.
                if let Some(committed) = self.0.client.committed(id).await.map_err(undecided)? {
                    return self.finish(order, &committed);
                }
                let height = self.0.client.status().await.map_err(undecided)?.height;
                if height <= order.last_valid {
                    return Err(undecided(source));
                }
                // Asked after the height: a block in between cannot have taken it up unseen.
                if let Some(committed) = self.0.client.committed(id).await.map_err(undecided)? {
                    return self.finish(order, &committed);
                }
                format!("its time was over at height {}, and the ledger has not taken it up", order.last_valid)
            }
        };
        self.close(Order { state: OrderState::Dead { reason: refused_at_door.clone() }, ..order })?;
        Err(OrderError::Dead { reason: refused_at_door })
    }

    fn finish(&self, order: Order, committed: &Committed) -> Result<Order, OrderError> {
        let (height, time_ms, index) = (committed.height, committed.time_ms, committed.index);
        let state = match (&committed.outcome, committed.events.first()) {
            (Outcome::Refused { .. }, Some(Event::Refused { rejection, .. })) => {
                OrderState::Refused { height, time_ms, index, rejection: rejection.clone() }
            }
            _ => OrderState::Applied { height, time_ms, index },
        };
        let order = Order { state, ..order };
        self.close(order.clone())?;
        Ok(order)
    }

    /// The signed bytes go: the ledger has them, or nobody needs them.
    fn close(&self, order: Order) -> Result<(), OrderError> {
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

/// Did the door refuse bytes that it had never seen, for what they are?
fn is_final(problem: &Problem) -> bool {
    let known_there = matches!(problem.code.as_str(), "waiting" | "replayed");
    !problem.retryable && !known_there && (400..500).contains(&problem.status)
}

enum Taken {
    New(Order),
    Known(Order),
}

/// Takes an order off the list of those under way, whatever happens to its task.
struct Running<'a> {
    orders: &'a Orders,
    id: TransactionId,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.orders.0.running.lock().remove(&self.id);
    }
}

fn bytes(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}
