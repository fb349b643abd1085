//! What every page has: its type, who is signed in, the way to the other pages, and up to which
//! block it is true.

use super::show::{Id, Moment};
use contracts::{
    id::PartyId,
    party::{Role, Roles, Standing},
};

/// The frame of one page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's type, in `<body data-page>`.
    pub page: &'static str,
    /// Who is signed in.
    pub viewer: Option<Viewer>,
    /// Ties forms to the session.
    pub token: String,
    /// The block up to which the page is true.
    pub height: u64,
    /// That block's time.
    pub time: Moment,
    /// The network.
    pub network: Id,
    /// Address of the explorer, where there is one.
    pub explorer: Option<String>,
    /// Address of the style sheet; it changes with its content.
    pub sheet: String,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// As which party.
    pub party: PartyId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub roles: Roles,
    /// Where it stands.
    pub standing: Standing,
}

impl Frame {
    fn has(&self, role: Role) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.roles.has(role) && viewer.standing == Standing::Active)
    }

    /// The ways that lead on from every page: address, name, and whether this page belongs to it.
    pub fn ways(&self) -> Vec<(&'static str, &'static str, bool)> {
        let here = |pages: &[&str]| pages.contains(&self.page);
        let mut ways = vec![("/search", "Find data", here(&["search", "dataset", "dataset-closed", "confirm"]))];
        if self.viewer.is_some() {
            ways.push(("/agreements", "Licences", here(&["agreements", "licence", "renew"])));
            ways.push(("/account", "Account", here(&["account", "orders"])));
        }
        if self.has(Role::Provider) {
            ways.push(("/provide", "Provide", here(&["provide", "publish", "listing", "revise", "offer"])));
        }
        if self.has(Role::Custodian) {
            ways.push(("/consents", "Consents", here(&["consents"])));
        }
        if self.has(Role::Operator) {
            ways.push(("/operate", "Operate", here(&["operate", "decide", "link"])));
        }
        ways.push(("/help", "Help", here(&["help"])));
        ways
    }

    /// The explorer's page about something; `kind` is its word for it, in the singular.
    pub fn explored(&self, kind: &str, id: &impl std::fmt::Display) -> Option<String> {
        self.explorer.as_ref().map(|base| format!("{base}/{kind}/{id}"))
    }
}
