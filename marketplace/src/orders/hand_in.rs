//! Handing an order in, as often as it takes, and writing down what became of it.

use super::{
    Order, OrderError, OrderState,
    book::{Claim, Orders},
};
use contracts::{event::Event, outcome::Outcome};
use ledger::{
    api::{
        Problem,
        client::{ClientError, Committed},
    },
    submission::Submission,
};
use tracing::Instrument;

impl Orders {
    /// Hands in and records the outcome, in a task of its own: a caller that goes away stops nothing.
    /// `first`: these bytes were never handed in before.
    pub(super) async fn run(
        &self,
        order: Order,
        submission: Submission,
        first: bool,
        claim: Claim,
    ) -> Result<Order, OrderError> {
        let orders = self.clone();
        let work = async move {
            let _until_it_is_written = claim;
            tokio::select! {
                done = orders.hand_in(order, submission, first) => done,
                () = orders.0.stop.cancelled() => Err(OrderError::Stopping),
            }
        };
        // Still a part of what its caller asked for, as a trace shows it.
        self.0.tasks.spawn(work.in_current_span()).await.unwrap_or(Err(OrderError::Damaged))
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
}

/// Did the door refuse bytes that it had never seen, for what they are?
fn is_final(problem: &Problem) -> bool {
    let known_there = matches!(problem.code.as_str(), "waiting" | "replayed");
    !problem.retryable && !known_there && (400..500).contains(&problem.status)
}
