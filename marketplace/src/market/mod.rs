//! Everything that can be asked of the market, by its API, its pages and the process that holds it.
//!
//! [`Market`] holds the parts together: it reads rows, signs for those who left their key here, hands
//! orders in, and waits until the rows have taken up what the ledger decided, so that whoever did
//! something sees it on the next page. It decides nothing that the rules decide.

mod act;
mod consents;
mod follow;
mod renewal;
mod statement;
mod trade;
mod unanchored;
mod view;

pub use act::{Prepared, SignedAction};
pub use consents::{GiveRequest, KeepRequest};
pub use renewal::RenewalView;
pub use statement::StatementLine;
pub use trade::{Bought, BuyRequest, QuoteView};
pub use view::{DatasetView, OFFERS_SHOWN, VersionView};

use crate::{
    error::MarketError,
    keys::{Keys, MasterKey},
    objects::{Objects, Place, Uploads},
    orders::Orders,
    own::Own,
    repeats::Repeats,
    rows::{Rows, Tip},
    search::Search,
    vault::Vault,
};
use contracts::{
    id::{Height, PartyId, TimeMs},
    party::{Party, Role},
};
use ledger::api::{
    client::{Client, Identity},
    tls::Until,
};
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};
use tokio::sync::watch;

/// What tells the time, in milliseconds since 1970: [`clock_ms`] but where a test lives at another.
pub type Clock = fn() -> TimeMs;

/// The market. Cheap to clone.
#[derive(Clone)]
pub struct Market(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub client: Client,
    pub gateway: Identity,
    /// Keys, orders and vault, which are nowhere else.
    pub own: Own,
    pub rows: Rows,
    pub search: Search,
    pub keys: Keys,
    pub orders: Orders,
    pub repeats: Repeats,
    pub objects: Objects,
    pub uploads: Uploads,
    pub vault: Vault,
    pub base_url: String,
    pub secure: bool,
    pub tls_until: Until,
    pub clock: Clock,
    /// Up to which block rows and index are both written.
    pub shown: watch::Sender<Height>,
    /// Prose was taken down that may be in files of orders.
    pub has_gone: AtomicBool,
}

/// Where and as whom a market works.
pub struct Parts<'a> {
    /// Speaks to the node, believing only what it can verify.
    pub client: Client,
    /// Signs deliveries: a party with the role `gateway`.
    pub gateway: Identity,
    /// The market's folder.
    pub dir: &'a Path,
    /// Seals managed keys; derives the key of credentials.
    pub master: &'a MasterKey,
    /// Where contents are kept; in the market's folder where it is not said.
    pub objects: Option<&'a Place>,
    /// What uploads may take.
    pub uploads: crate::objects::Limits,
    /// Tells the time.
    pub clock: Clock,
    /// Where people reach it, as `https://market.example`.
    pub base_url: String,
    /// Reached by TLS: cookies are marked so.
    pub secure: bool,
    /// When the certificate ends that it shows, if it speaks TLS itself.
    pub tls_until: Until,
}

impl Market {
    /// Opens the market's folder. Nothing is followed yet.
    ///
    /// # Errors
    /// [`MarketError`], naming the part that could not be opened.
    pub fn open(parts: Parts) -> Result<Self, MarketError> {
        let network = parts.client.network();
        let dir = parts.dir;
        std::fs::create_dir_all(dir).map_err(crate::objects::ObjectsError::Io)?;
        let own = Own::open(dir)?;
        let rows = Rows::open(&dir.join("rows"), network)?;
        let search = Search::open(&dir.join("search"))?;
        let keys = Keys::open(own.clone(), network, parts.master)?;
        let orders = Orders::open(own.clone(), parts.client.clone());
        let repeats = Repeats::new(own.clone());
        let folder = dir.join("objects");
        let objects = match parts.objects {
            Some(place) => Objects::open_at(place, &folder, parts.uploads)?,
            None => Objects::open(&folder, parts.uploads)?,
        };
        let uploads = Uploads::new(own.clone());
        let vault = Vault::open(own.clone(), &dir.join(crate::vault::SUBJECTS), parts.master)?;
        let inner = Inner {
            client: parts.client,
            gateway: parts.gateway,
            own,
            rows,
            search,
            keys,
            orders,
            repeats,
            objects,
            uploads,
            vault,
            base_url: parts.base_url,
            secure: parts.secure,
            tls_until: parts.tls_until,
            clock: parts.clock,
            shown: watch::Sender::new(0),
            // It may have been so when the last run ended.
            has_gone: AtomicBool::new(true),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Up to which block everything that is shown is true.
    pub fn tip(&self) -> Tip {
        self.0.rows.tip()
    }

    /// Up to which block search shows the market too.
    pub fn shown(&self) -> Height {
        *self.0.shown.borrow()
    }

    /// The read model.
    pub fn rows(&self) -> &Rows {
        &self.0.rows
    }

    /// Search over the listings.
    pub fn search(&self) -> &Search {
        &self.0.search
    }

    /// Managed keys, sessions and credentials.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Orders.
    pub fn orders(&self) -> &Orders {
        &self.0.orders
    }

    /// Contents.
    pub fn objects(&self) -> &Objects {
        &self.0.objects
    }

    /// The verifying client of the node.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The party that signs deliveries.
    pub fn gateway(&self) -> PartyId {
        self.0.gateway.party
    }

    /// Where people reach the market, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// Is it reached by TLS?
    pub fn secure(&self) -> bool {
        self.0.secure
    }

    /// Milliseconds since 1970, by the later of block time and our own clock: expiry is tested
    /// against it.
    pub fn now_ms(&self) -> TimeMs {
        (self.0.clock)().max(self.tip().time_ms)
    }

    /// The party, if it is active and holds `role`.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`].
    pub fn require(&self, party: &PartyId, role: Role) -> Result<Party, MarketError> {
        let found = self.rows().party(party)?.filter(|party| party.is_active_as(role));
        found.ok_or_else(|| {
            MarketError::Forbidden(format!("this takes an active party with the role {role:?}: an operator gives it"))
        })
    }

    /// Waits until rows and index have taken up block `height`; `false` when that takes too long.
    pub async fn caught_up(&self, height: Height) -> bool {
        let mut shown = self.0.shown.subscribe();
        let reached = shown.wait_for(|shown| *shown >= height);
        matches!(tokio::time::timeout(crate::limits::CATCH_UP_MAX, reached).await, Ok(Ok(_)))
    }
}

/// Our own clock, in milliseconds since 1970.
pub fn clock_ms() -> TimeMs {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
