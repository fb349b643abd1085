//! The operator's page: applications to admit, members, sign-in links.

use super::{Pager, Prose, Tag};
use crate::web::{form::Form, frame::Frame, show::Id};
use askama::Template;
use contracts::id::PartyId;

/// The operator's page.
#[derive(Clone, Debug, Template)]
#[template(path = "operate.html")]
pub struct OperatePage {
    /// Its frame.
    pub frame: Frame,
    /// How many there are.
    pub summary: String,
    /// What was just done.
    pub done: Option<String>,
    /// Who waits.
    pub applied: Vec<Applicant>,
    /// Who is in.
    pub members: Vec<Member>,
    /// Further members.
    pub pager: Pager,
}

/// Somebody who waits.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// Under which id.
    pub id: Id,
    /// Name.
    pub name: String,
    /// What kind of organisation.
    pub kind: &'static str,
    /// Under whose law.
    pub country: String,
    /// Whom to ask, as the applicant wrote it for operators.
    pub contact: Prose,
    /// Admits it.
    pub form: Form,
}

/// A member.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which.
    pub party: PartyId,
    /// Name.
    pub name: String,
    /// What it may do.
    pub roles: String,
    /// Where it stands.
    pub standing: Tag,
    /// The market keeps its key, so a link makes sense.
    pub managed: bool,
    /// What else can be done: last part of the address, and word.
    pub act: Option<(&'static str, &'static str)>,
}
