//! The operator's pages.

use super::{
    Drawn, draw,
    values::{EVERYTHING, NOW, application, frame, prose},
};
use crate::web::{
    frame::Frame,
    page::*,
    show::{Id, Moment},
};
use contracts::{id::*, party::Standing};

/// Members, with an application and without, and a sign-in link.
pub fn pages() -> Vec<Drawn> {
    let some = operate(frame("operate", EVERYTHING));
    let none = OperatePage { applied: Vec::new(), ..some.clone() };
    let link = LinkPage {
        frame: frame("link", EVERYTHING),
        name: "Reed and Sons".into(),
        link: "http://127.0.0.1:7200/sign-in?token=q7w0-3m4n5b6v7c8x9z0a1s2d3f4g5h6j7k8l9q0w1e2".into(),
        expires: Moment::of(NOW),
    };
    vec![draw("operate", &some), draw("operate-none", &none), draw("link", &link)]
}

fn operate(frame: Frame) -> OperatePage {
    OperatePage {
        frame,
        summary: "1 waits, 1 is in".into(),
        done: Some("Harbour is admitted.".into()),
        applied: vec![Applicant {
            id: Id::of(&PartyId([1; 32])),
            name: "Reed and Sons".into(),
            kind: "Business",
            country: "ES".into(),
            contact: prose("The office at the lock\n+34 600 000 000"),
            form: application().prefixed("a0"),
        }],
        members: vec![Member {
            party: PartyId([2; 32]),
            name: "Office of Rivers and Coasts".into(),
            roles: "provider, buyer".into(),
            standing: standing(Standing::Active),
            managed: true,
            act: Some(("suspend", "Suspend")),
        }],
        pager: Pager::default(),
    }
}
