//! Refusals about prose beside the ledger.

use super::refusals::{Case, basis, renew, revise};
use crate::{
    agreement::Buy,
    dataset::{Publish, Revise},
    id::*,
    takedown::{TakeDown, TakeSideDown},
    testing::*,
};

pub(super) const SIDES: &[Case] = &[
    ("NoSideBody", |m, g| m.no(PROVIDER, TakeDown { dataset: g.dataset })),
    ("SideBodyOfAnother", |m, g| {
        let side = Some(SideId([6; 32]));
        m.ok(PROVIDER, Revise { side, ..revise(g.dataset, 1, open()) });
        m.ok(OTHER_PROVIDER, Publish { side, ..publish("copied", open()) });
        m.no(OTHER_PROVIDER, TakeDown { dataset: DatasetId::of(&party(OTHER_PROVIDER), "catalogue", "copied") })
    }),
    ("SideBodyOfAnother", |m, g| {
        let side = SideId([6; 32]);
        m.ok(PROVIDER, Revise { side: Some(side), ..revise(g.dataset, 1, open()) });
        m.no(OTHER_PROVIDER, TakeSideDown { side })
    }),
    ("SideBodyUnknown", |m, _| m.no(PROVIDER, TakeSideDown { side: SideId([6; 32]) })),
    ("SideBodyGone", |m, g| {
        let side = SideId([6; 32]);
        m.ok(PROVIDER, Revise { side: Some(side), ..revise(g.dataset, 1, open()) });
        m.ok(PROVIDER, TakeSideDown { side });
        m.no(OPERATOR, TakeSideDown { side })
    }),
    ("SideBodyGone", |m, g| {
        let side = Some(SideId([6; 32]));
        m.ok(PROVIDER, Revise { side, ..revise(g.dataset, 1, open()) });
        m.ok(OPERATOR, TakeDown { dataset: g.dataset });
        m.no(PROVIDER, Revise { side, ..revise(g.dataset, 2, open()) })
    }),
    ("JustificationMissing", |m, g| {
        // Whoever goes on has a reason that can be read.
        let side = SideId([6; 32]);
        let offer = m.offer(PROVIDER, g.personal, subscription(10));
        m.ok(PROVIDER, basis(g.personal, false));
        m.mint(BUYER, 100);
        let agreement = AgreementId(m.ok(BUYER, Buy { justification: Some(side), ..buy(offer, 10) }).0);
        m.ok(BUYER, renew(agreement, 10));
        m.ok(BUYER, TakeSideDown { side });
        m.no(BUYER, renew(agreement, 10))
    }),
];
