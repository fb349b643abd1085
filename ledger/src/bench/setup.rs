//! The world before a load: parties with money, datasets with offers, and a base of records.

use super::{
    BenchError, Plan,
    load::{AGAIN_EVERY, AGAIN_FOR},
};
use crate::{
    api::client::{Client, Identity},
    limits::SUBMISSIONS_PER_REQUEST_MAX,
    submission::Submission,
    testing,
};
use contracts::{
    action::Action,
    dataset::Publish,
    id::{BankReference, DatasetId, Digest, OfferId, TransactionId},
    jacket::{Classification, Jacket},
    money::Amount,
    offer::{MakeOffer, Price},
    party::{Admit, Apply, Country, PartyKind, Role, Roles},
    settlement::Mint,
    terms::{Allowed, Onward, Terms},
    vocabulary::*,
};
use std::time::Instant;

/// Who signs, and what there is to buy.
pub(super) struct World {
    pub signers: Vec<Identity>,
    pub datasets: Vec<DatasetId>,
    pub offers: Vec<OfferId>,
    pub base_keys: u64,
}

/// Seed of the first signer's key.
const FIRST_SEED: u16 = 2_000;
/// Records that publishing a dataset adds: dataset and jacket.
const KEYS_PER_DATASET: u64 = 2;

pub(super) async fn world(
    client: &Client,
    plan: &Plan,
    progress: &(dyn Fn(String) + Sync),
) -> Result<World, BenchError> {
    progress(format!("admitting {} parties", plan.signers));
    let signers: Vec<Identity> = (0..plan.signers).map(|n| testing::identity(FIRST_SEED + n)).collect();
    let apply = |n: usize| {
        Action::Apply(Apply {
            name: format!("Party {n}"),
            kind: PartyKind::Business,
            jurisdiction: Country(*b"PT"),
            side: None,
        })
    };
    all(client, signers.iter().enumerate().map(|(n, who)| (who.clone(), apply(n)))).await?;
    let roles = Roles::of(&[Role::Provider, Role::Buyer]);
    let admit = |who: &Identity| (testing::operator(), Action::Admit(Admit { party: who.party, roles }));
    all(client, signers.iter().map(admit)).await?;
    let mint = |who: &Identity| {
        let reference = BankReference(Digest::of(&[&who.party.0]).0);
        let amount = Amount::new(1_000_000_000).expect("below the limit");
        (testing::settlement(), Action::Mint(Mint { party: who.party, amount, currency: eur(), reference }))
    };
    all(client, signers.iter().map(mint)).await?;
    let publish =
        |n: u64| Publish { catalogue: "bench".into(), identifier: n.to_string(), jacket: jacket(n), side: None };
    all(client, signers.iter().map(|who| (who.clone(), Action::Publish(publish(0))))).await?;
    let datasets: Vec<DatasetId> = signers.iter().map(|who| publish(0).id(&who.party)).collect();
    let offer = |(who, dataset): (&Identity, &DatasetId)| {
        let terms =
            Terms { purposes: Allowed::Any, duration_days: Some(30), onward: Onward::Prohibited, attribution: None };
        let price = Price::OneOff { amount: Amount::new(1).expect("below the limit"), currency: eur() };
        (who.clone(), Action::MakeOffer(MakeOffer { dataset: *dataset, terms, price }))
    };
    let offers =
        all(client, signers.iter().zip(&datasets).map(offer)).await?.into_iter().map(|id| OfferId(id.0)).collect();

    let wanted = plan.base_keys / KEYS_PER_DATASET;
    let mut done = 0u64;
    while done < wanted {
        let next = (wanted - done).min(20_000);
        let publishes = (done..done + next).map(|n| {
            let who = &signers[n as usize % signers.len()];
            (who.clone(), Action::Publish(publish(1 + n)))
        });
        all(client, publishes).await?;
        done += next;
        progress(format!("laid down {} of {} records", done * KEYS_PER_DATASET, plan.base_keys));
    }
    Ok(World { signers, datasets, offers, base_keys: done * KEYS_PER_DATASET })
}

pub(super) fn eur() -> contracts::money::Currency {
    "EUR".parse().expect("EUR is in ISO 4217")
}

/// Signs and hands in all of it; every one must be applied.
async fn all(
    client: &Client,
    actions: impl Iterator<Item = (Identity, Action)>,
) -> Result<Vec<TransactionId>, BenchError> {
    let failed = |reason: &dyn std::fmt::Display| BenchError::new("lay down its world", reason.to_string());
    let mut ids = Vec::new();
    let mut actions = actions.peekable();
    while actions.peek().is_some() {
        let height = client.status().await.map_err(|error| failed(&error))?.height;
        let sign = |(who, action)| client.sign(&who, action, None, height);
        let part: Vec<Submission> = actions
            .by_ref()
            .take(SUBMISSIONS_PER_REQUEST_MAX)
            .map(sign)
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let begun = Instant::now();
        let answers = loop {
            let answers = client.submit_all(&part).await.map_err(|error| failed(&error))?;
            // The same bytes never count twice, so all of it is handed in again where some may succeed later.
            let is_wanting = answers.iter().any(|answer| answer.as_ref().is_err_and(|problem| problem.retryable));
            if !is_wanting || begun.elapsed() > AGAIN_FOR {
                break answers;
            }
            tokio::time::sleep(AGAIN_EVERY).await;
        };
        for answer in answers {
            let committed = answer.map_err(|error| failed(&error))?;
            ids.push(committed.applied().map_err(|error| failed(&error))?.id);
        }
    }
    Ok(ids)
}

fn jacket(n: u64) -> Jacket {
    Jacket {
        title: format!("Traffic counts of district {n}"),
        source_publisher: None,
        variables: Vec::new(),
        types: vec![DataType::Table],
        formats: vec!["CSV".into()],
        keywords: vec!["traffic".into()],
        themes: Vec::new(),
        collection: Stated::NotStated,
        collection_cost: Stated::NotStated,
        sharing: Stated::NotStated,
        expected_uses: Vec::new(),
        licence: None,
        landing_page: None,
        distributions: Vec::new(),
        languages: Vec::new(),
        modified: None,
        issued: None,
        classification: Classification {
            framework_class: Stated::said(FrameworkClass::Thematic),
            spectrum: Stated::said(Spectrum::Shared),
            access: Stated::said(contracts::jacket::Access::Public),
            categories: Stated::said(vec![CollectableCategory::Movement]),
            insight_levels: Stated::said(vec![InsightLevel::Analytical]),
            roles: Stated::said(vec![DataRole::PrimaryPublisher]),
            processing: Stated::said(ProcessingState::Raw),
            usage: Stated::said(DataUsage::Temporal),
            structure: Stated::said(Structure::Structured),
            quadrant: Stated::said(Quadrant::Traded),
            sensitivity: Stated::said(SensitivityClass::Public),
            personal: Stated::said(PersonalStatus::None),
            spatial: Stated::said("district".into()),
            temporal: Stated::said("2026".into()),
            refresh: Stated::said("R/P1D".into()),
        },
    }
}
