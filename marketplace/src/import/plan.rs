//! What an import would change: each record compared with what the ledger holds.

use super::{Catalogue, ImportSecret, Record};
use contracts::{
    dataset::Listing,
    id::{DatasetId, Digest, PartyId, SideId},
    side::SideBody,
};
use std::collections::{HashMap, HashSet};

/// A dataset of the same publisher and catalogue that the ledger holds already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Its identifier in the catalogue.
    pub identifier: String,
    /// Its revision: what a change must follow.
    pub revision: u32,
    /// Digest of its jacket.
    pub jacket: Digest,
    /// Commitment to its side body.
    pub side: Option<SideId>,
    /// Where it stands.
    pub listing: Listing,
}

/// A record to publish or revise, ready to be signed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its id.
    pub dataset: DatasetId,
    /// The record.
    pub record: Record,
    /// Its side body, to be stored beside the ledger before the transaction is sent.
    pub side: Option<SideBody>,
    /// The revision that this follows: 0 for a new record.
    pub follows: u32,
    /// Is the jacket another than before, or new?
    pub is_other_jacket: bool,
}

/// A dataset that an import leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub dataset: DatasetId,
    /// Its identifier in the catalogue.
    pub identifier: String,
}

/// What an import changes. Each record of the catalogue is in exactly one of the first four lists.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// New records.
    pub publish: Vec<Planned>,
    /// Records whose jacket or side body changed.
    pub revise: Vec<Planned>,
    /// Records that are as they were.
    pub unchanged: Vec<Standing>,
    /// Records that their publisher withdrew for good; they cannot be revised.
    pub withdrawn: Vec<Standing>,
    /// Datasets whose record is no longer in the catalogue. They are reported, never withdrawn by
    /// themselves: a catalogue may be incomplete for a day. A record that is there but was rejected
    /// has not vanished.
    pub vanished: Vec<Standing>,
}

impl Plan {
    /// Compares `catalogue`, brought by `publisher`, with `existing`: everything that the ledger holds
    /// of the same publisher under the same catalogue name.
    pub fn of(
        catalogue: Catalogue,
        publisher: &PartyId,
        secret: &ImportSecret,
        existing: impl IntoIterator<Item = Existing>,
    ) -> Self {
        let mut plan = Self::default();
        let existing: HashMap<String, Existing> =
            existing.into_iter().map(|dataset| (dataset.identifier.clone(), dataset)).collect();
        let mut present: HashSet<String> =
            catalogue.report.rejected.iter().filter_map(|rejected| rejected.identifier.clone()).collect();
        for record in catalogue.records {
            present.insert(record.identifier.clone());
            plan.place(record, publisher, secret, &existing);
        }
        plan.vanished = existing
            .into_values()
            .filter(|dataset| dataset.listing != Listing::Withdrawn && !present.contains(&dataset.identifier))
            .map(|dataset| Standing {
                dataset: DatasetId::of(publisher, &catalogue.name, &dataset.identifier),
                identifier: dataset.identifier,
            })
            .collect();
        plan.vanished.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        plan
    }

    fn place(
        &mut self,
        record: Record,
        publisher: &PartyId,
        secret: &ImportSecret,
        existing: &HashMap<String, Existing>,
    ) {
        let dataset = record.dataset(publisher);
        let side = record.side_body(publisher, secret);
        let Some(known) = existing.get(&record.identifier) else {
            self.publish.push(Planned { dataset, record, side, follows: 0, is_other_jacket: true });
            return;
        };
        let standing = Standing { dataset, identifier: record.identifier.clone() };
        if known.listing == Listing::Withdrawn {
            self.withdrawn.push(standing);
            return;
        }
        let is_other_jacket = known.jacket != record.jacket.digest();
        if is_other_jacket || known.side != side.as_ref().map(SideBody::id) {
            self.revise.push(Planned { dataset, record, side, follows: known.revision, is_other_jacket });
        } else {
            self.unchanged.push(standing);
        }
    }

    /// Leaves out prose that was taken down, since it does not come back: a record of which nothing else is new stays as
    /// it is. Returns how many records that concerns.
    pub fn without(&mut self, gone: &HashSet<SideId>) -> usize {
        let is_gone = |planned: &Planned| planned.side.as_ref().is_some_and(|side| gone.contains(&side.id()));
        let (without, mut revise): (Vec<_>, Vec<_>) = std::mem::take(&mut self.revise).into_iter().partition(is_gone);
        let count = without.len();
        for planned in without {
            if planned.is_other_jacket {
                revise.push(Planned { side: None, ..planned });
            } else {
                let (dataset, identifier) = (planned.dataset, planned.record.identifier);
                self.unchanged.push(Standing { dataset, identifier });
            }
        }
        self.revise = revise;
        count
    }
}
