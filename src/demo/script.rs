//! What the demonstration does, in order.

use super::{Demo, place};
use crate::problem::{Problem, file};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// The step that comes last; with it in the journal everything is there.
pub const LAST: &str = "buoy-positions: withdraw";

/// Name of key, name of organisation, kind, roles.
const PARTIES: [(&str, &str, &str, &str); 7] = [
    ("harbour", "Demo Harbour Office", "city", "provider"),
    ("transit", "Demo Port Transit", "business", "provider"),
    ("institute", "Demo Coast Institute", "academic", "provider,buyer"),
    ("registry", "Demo Occupational Health Registry", "third-sector", "provider,custodian"),
    ("trader", "Demo Shipping Analytics", "business", "buyer"),
    ("importer", "Demo Catalogue Desk", "city", "provider"),
    ("authority", "Demo Data Authority", "authority", "regulator"),
];

/// Subjects whose consent is recorded, by the numbers in the file.
const SUBJECTS: [&str; 3] = ["H0001", "H0007", "H0042"];
/// The one who withdraws it.
const WITHDRAWS: &str = "H0007";

#[derive(Deserialize)]
struct Listing {
    name: String,
    publisher: String,
    outline: String,
    jacket: Value,
    offers: Vec<Vec<String>>,
}

/// Plays the script.
///
/// # Errors
/// The first step that does not do what is expected of it.
pub async fn play(demo: &mut Demo<'_>) -> Result<(), Problem> {
    members(demo).await?;
    listings(demo).await?;
    derivation(demo).await?;
    personal(demo).await?;
    trade(demo).await?;
    let buoys = id(demo, "buoy-positions: publish", "dataset");
    let set = ["listing", "set", &buoys, "withdrawn", "--reason", "ended"];
    demo.run(LAST, "harbour", &set).await?;
    demo.context.sign_out().await;
    demo.wheel.finish_and_clear();
    Ok(())
}

async fn members(demo: &mut Demo<'_>) -> Result<(), Problem> {
    for (key, name, kind, roles) in PARTIES {
        demo.run(&format!("{key}: apply"), key, &["party", "apply", name, "--kind", kind]).await?;
        demo.run(&format!("{key}: admit"), "operator", &["party", "admit", key, "--role", roles]).await?;
    }
    for (party, money, reference) in
        [("trader", "EUR:2500", "D-0001"), ("trader", "JPY:150000", "D-0002"), ("institute", "EUR:600", "D-0003")]
    {
        let mint = ["account", "mint", party, money, "--reference", reference];
        demo.run(&format!("{party}: {money}"), "settlement", &mint).await?;
    }
    Ok(())
}

async fn listings(demo: &mut Demo<'_>) -> Result<(), Problem> {
    let group = ["party", "group", "Demo cold chain partners", "--member", "trader"];
    let group = demo.run("group", "transit", &group).await?;
    let group = group["group"].as_str().unwrap_or_default().to_owned();
    let trader = demo.context.party("trader")?.to_string();
    let listings: Vec<Listing> = serde_json::from_str(include_str!("listings.json"))
        .map_err(|error| Problem::new("the demonstration's listings are damaged").because(error))?;
    for listing in &listings {
        let text = listing.jacket.to_string().replace("@trader", &trader).replace("@group", &group);
        let file = demo.folder.join(format!("{}.jacket.json", listing.name));
        place(&file, text.as_bytes())?;
        let (name, signer, file) = (&listing.name, &listing.publisher, file.to_string_lossy().into_owned());
        let publish = [
            "listing",
            "publish",
            &file,
            "--catalogue",
            "demo-port",
            "--identifier",
            name,
            "--outline",
            &listing.outline,
        ];
        demo.run(&format!("{name}: publish"), signer, &publish).await?;
        // What is made from others comes after them.
        if name != "berth-delay" && name != "patrol-rounds" {
            let parent = id(demo, "hearing-tests: upload", "version");
            let made_from = ["--parent", &parent];
            let more: &[&str] = if name == "hearing-summary" { &made_from } else { &[] };
            upload(demo, name, name, signer, more).await?;
        }
        for (at, offer) in listing.offers.iter().enumerate() {
            let dataset = id(demo, &format!("{name}: publish"), "dataset");
            let mut make = vec!["offer", "make", &dataset];
            make.extend(offer.iter().map(String::as_str));
            demo.run(&format!("{name}: offer {at}"), signer, &make).await?;
        }
    }
    // Closed data are never traded: the rules say so, and the refusal is there to be seen.
    let closed = id(demo, "patrol-rounds: publish", "dataset");
    demo.refused("patrol-rounds: offer", "harbour", &["offer", "make", &closed, "--price", "EUR:500"]).await
}

async fn upload(demo: &mut Demo<'_>, name: &str, file: &str, signer: &str, more: &[&str]) -> Result<(), Problem> {
    let (dataset, path) = (id(demo, &format!("{name}: publish"), "dataset"), demo.asset(&format!("{file}.csv")));
    let mut upload = vec!["dataset", "upload", &dataset, &path];
    upload.extend(more);
    demo.run(&format!("{file}: upload"), signer, &upload).await.map(drop)
}

/// The institute takes two open datasets and makes a third from them.
async fn derivation(demo: &mut Demo<'_>) -> Result<(), Problem> {
    for source in ["berth-calls", "tide-gauge"] {
        buy(demo, source, "institute", &["--purpose", "research"]).await?;
    }
    let (calls, tide) = (id(demo, "berth-calls: upload", "version"), id(demo, "tide-gauge: upload", "version"));
    upload(demo, "berth-delay", "berth-delay", "institute", &["--parent", &calls, "--parent", &tide]).await?;
    let dataset = id(demo, "berth-delay: publish", "dataset");
    let step = [
        "provenance",
        "record",
        &dataset,
        "--activity",
        "process",
        "--job",
        "berth-delay",
        "--tool",
        "demo script",
        "--input",
        &calls,
        "--input",
        &tide,
        "--note",
        "joined by day; tide residual from a harmonic fit",
    ];
    demo.run("berth-delay: step", "institute", &step).await.map(drop)
}

/// Personal data: shared by consent; one is withdrawn, delivery stops, the next version leaves it out.
async fn personal(demo: &mut Demo<'_>) -> Result<(), Problem> {
    let notice = demo.folder.join("notice.txt");
    place(&notice, include_bytes!("notice.txt"))?;
    let notice = notice.to_string_lossy().into_owned();
    let dataset = id(demo, "hearing-tests: publish", "dataset");
    for subject in SUBJECTS {
        let give = [
            "consent",
            "give",
            &dataset,
            "--purpose",
            "safety,research",
            "--since-version",
            "1",
            "--notice",
            &notice,
            "--subject",
            subject,
            "--field",
            "method=signature",
        ];
        demo.run(&format!("consent of {subject}"), "registry", &give).await?;
    }
    // Means that nobody can be recognised in were made from the first version.
    let first = id(demo, "hearing-tests: upload", "version");
    let summary = id(demo, "hearing-summary: publish", "dataset");
    let step = [
        "provenance",
        "record",
        &summary,
        "--activity",
        "anonymise",
        "--job",
        "hearing-summary",
        "--input",
        &first,
        "--note",
        "means by workplace, groups of at least five",
    ];
    demo.run("hearing-summary: step", "registry", &step).await?;
    let why = "Noise exposure study approved by the institute's review board.";
    buy(demo, "hearing-tests", "institute", &["--purpose", "research", "--justification", why]).await?;
    let agreement = id(demo, "hearing-tests: buy institute", "agreement");
    fetch(demo, "hearing-tests", "institute", &agreement).await?;
    let withdrawn = id(demo, &format!("consent of {WITHDRAWS}"), "consent");
    demo.run("consent: withdraw", "registry", &["consent", "end", &withdrawn]).await?;
    let again = demo.asset("never-fetched.csv");
    demo.refused("hearing-tests: fetch again", "institute", &["fetch", &agreement, "--output", &again]).await?;
    upload(demo, "hearing-tests", "hearing-tests-2", "registry", &["--exclude", &withdrawn]).await
}

/// Licences in two currencies and two price forms, and what the rules refuse.
async fn trade(demo: &mut Demo<'_>) -> Result<(), Problem> {
    buy(demo, "crane-energy", "trader", &["--purpose", "environment", "--periods", "3"]).await?;
    buy(demo, "container-dwell", "trader", &["--purpose", "business"]).await?;
    buy(demo, "cold-store", "trader", &["--purpose", "business", "--periods", "2"]).await?;
    buy(demo, "quay-inventory", "trader", &["--purpose", "maintenance"]).await?;
    let agreement = id(demo, "crane-energy: buy trader", "agreement");
    fetch(demo, "crane-energy", "trader", &agreement).await?;
    let dwell = id(demo, "container-dwell: offer 0", "offer");
    let stranger = ["buy", &dwell, "--purpose", "business"];
    demo.refused("container-dwell: a stranger", "institute", &stranger).await?;
    let quay = id(demo, "quay-inventory: offer 0", "offer");
    demo.refused("quay-inventory: another purpose", "trader", &["buy", &quay, "--purpose", "business"]).await?;
    buy(demo, "berth-delay", "trader", &["--purpose", "business"]).await
}

async fn buy(demo: &mut Demo<'_>, name: &str, signer: &str, more: &[&str]) -> Result<(), Problem> {
    let offer = id(demo, &format!("{name}: offer 0"), "offer");
    let mut buy = vec!["buy", &offer];
    buy.extend(more);
    demo.run(&format!("{name}: buy {signer}"), signer, &buy).await.map(drop)
}

async fn fetch(demo: &mut Demo<'_>, name: &str, signer: &str, agreement: &str) -> Result<(), Problem> {
    let (step, output) = (format!("{name}: fetch"), demo.asset(&format!("fetched-{name}.csv")));
    if !demo.done.contains_key(&step) && Path::new(&output).exists() {
        // Of a run that was stopped after the download: the same delivery gives it again.
        std::fs::remove_file(&output).map_err(file("remove", Path::new(&output)))?;
    }
    demo.run(&step, signer, &["fetch", agreement, "--output", &output]).await.map(drop)
}

/// What an earlier step answered under `field`.
fn id(demo: &Demo<'_>, step: &str, field: &str) -> String {
    demo.done.get(step).and_then(|answer| answer[field].as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{jacket::Jacket, offer::Price, vocabulary::Spectrum};
    use std::collections::BTreeSet;

    #[test]
    fn the_listings_are_valid_and_show_what_they_are_to_show() {
        let party = contracts::id::PartyId([1; 32]).to_string();
        let text = include_str!("listings.json").replace("@trader", &party).replace("@group", &party);
        let listings: Vec<Listing> = serde_json::from_str(&text).unwrap();
        assert!(listings.len() >= 12);
        let (mut spectra, mut forms, mut currencies) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for listing in listings {
            let jacket: Jacket = serde_json::from_value(listing.jacket).unwrap();
            jacket.check().unwrap_or_else(|error| panic!("{}: {error}", listing.name));
            assert_eq!(jacket.classification.gaps(), vec![], "{}", listing.name);
            spectra.insert(jacket.classification.spectrum.value().map(|s: &Spectrum| s.slug()));
            for offer in &listing.offers {
                let price: Price = crate::parse::price(&offer[1]).unwrap();
                forms.insert(price.form());
                currencies.extend(price.currency().map(|currency| currency.to_string()));
            }
            let file = super::super::DATA.iter().any(|(name, _)| *name == format!("{}.csv", listing.name));
            assert!(file, "{} has no file", listing.name);
        }
        assert_eq!((spectra.len(), forms.len()), (3, 3));
        assert_eq!(Vec::from_iter(currencies), ["EUR", "JPY"]);
    }
}
