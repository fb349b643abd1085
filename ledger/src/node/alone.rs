//! The only validator of a network, which nobody can stop from making a second history but itself.
//!
//! Where it begins anew, or with yesterday's folder, nothing in there says that the network went on: that it has grown
//! to several validators since, or that this one signed more. Who follows the network knows. So the nodes that are named
//! to bring blocks are asked before the start, and as long as the ledger here is behind what they prove, the only
//! validator takes blocks as an observer does. What nobody shows stays unknown: without such nodes the mark beside the
//! store decides alone.

use super::{NodeError, Seated};
use crate::{
    api::client::{Client, ClientError},
    era::Era,
    limits::SHOWN_WAIT,
};
use contracts::{governance::Governance, id::Height};
use futures_util::future::join_all;
use tokio::time::timeout;

/// Nodes that serve blocks to a node which is none of the validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// None are named.
    None,
    /// They are, and none of them answered.
    Silent,
    /// They are, and prove that the network is so far.
    Show(Shown),
}

/// How far a network is at least, proven by what its validators signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Changes of the set of validators.
    pub changes: u32,
    /// Height of the newest block.
    pub height: Height,
}

impl Sources {
    /// Asks all of them at once, for [`SHOWN_WAIT`] at most; and once more where none answered: nobody begins alone then,
    /// so what was a line or a machine that stood still for a moment is worth as long again.
    pub async fn ask(clients: &[Client]) -> Self {
        if clients.is_empty() {
            return Self::None;
        }
        match Self::ask_once(clients).await {
            Self::Silent => Self::ask_once(clients).await,
            answered => answered,
        }
    }

    async fn ask_once(clients: &[Client]) -> Self {
        let answers = join_all(clients.iter().map(|client| timeout(SHOWN_WAIT, ask(client)))).await;
        let mut shown: Option<Shown> = None;
        for (client, answer) in clients.iter().zip(answers) {
            let url = client.url();
            match answer {
                Ok(Ok(Shown { changes, height })) => {
                    let most = shown.get_or_insert_default();
                    *most = Shown { changes: most.changes.max(changes), height: most.height.max(height) };
                }
                Ok(Err(error)) => tracing::warn!(%error, url, "it does not show how far the network is"),
                Err(_) => tracing::warn!(url, "it did not say in time how far the network is"),
            }
        }
        shown.map_or(Self::Silent, Self::Show)
    }

    /// May blocks come from somebody?
    pub fn are_named(&self) -> bool {
        *self != Self::None
    }

    /// Has the network gone on beyond `height`, in `era`, by what is shown, or by what its only validator remembers to
    /// have signed, which is up to `mark`? Without anybody who has the rest, that is not asked.
    pub(super) fn are_beyond(&self, era: &Era, height: Height, mark: Height) -> bool {
        match self {
            Self::Show(shown) => shown.changes > era.number || shown.height > height || mark > height,
            Self::None | Self::Silent => false,
        }
    }

    /// Refuses to begin as the only validator where nobody answers who might know better.
    pub(super) fn check(&self, seated: &Seated) -> Result<(), NodeError> {
        let alone = seated.set.validators.len() == 1 && seated.number().is_some();
        if alone && *self == Self::Silent { Err(NodeError::NobodyShows) } else { Ok(()) }
    }
}

async fn ask(client: &Client) -> Result<Shown, ClientError> {
    client.refresh().await?;
    let changes = client.trust().changes() as u32;
    // One that has no block yet has nothing to prove.
    if client.status().await?.height == 0 {
        return Ok(Shown { changes, height: 0 });
    }
    let newest = client.record::<Governance>(&Governance::key()).await?;
    Ok(Shown { changes: client.trust().changes() as u32, height: newest.block.height })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Network;

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_answers_is_enough_and_what_it_says_is_proven() {
        let folder = tempfile::tempdir().unwrap();
        let network = Network::start(folder.path()).await;
        network.grow(3).await;
        let height = network.client.status().await.unwrap().height;
        let nobody = Client::new("http://127.0.0.1:9", network.anchor.clone()).unwrap();
        assert_eq!(Sources::ask(&[]).await, Sources::None);
        assert_eq!(Sources::ask(std::slice::from_ref(&nobody)).await, Sources::Silent);
        let both = [nobody, network.client.clone()];
        let mut tries = 0;
        let shown = loop {
            // A machine that pauses is late.
            match Sources::ask(&both).await {
                Sources::Show(shown) => break shown,
                said => assert!(said == Sources::Silent && tries < 10, "it does not show anything"),
            }
            tries += 1;
        };
        assert!(shown.changes == 0 && shown.height >= height, "{shown:?}");
        network.stop().await;
    }
}
