//! A dataset's page, and what is said of closed data.

use super::{Pager, Tag};
use crate::web::{
    form::Form,
    frame::Frame,
    jacket::Fact,
    show::{Id, Mark, bytes, days, outside_link},
};
use askama::{Template, filters::HtmlSafe};
use contracts::{
    basis::{BasisKind, LegalBasis},
    consent::Scope,
    id::{OfferId, PartyId, TimeMs},
    jacket::{Distribution, Variable},
    offer::{OfferRevision, Price},
    vocabulary::Purpose,
};

/// A dataset's page.
#[derive(Clone, Debug, Template)]
#[template(path = "dataset.html")]
pub struct DatasetPage {
    /// Its frame.
    pub frame: Frame,
    /// Which.
    pub id: Id,
    /// Title.
    pub title: String,
    /// Catalogue.
    pub catalogue: String,
    /// Its other listings.
    pub catalogue_href: String,
    /// Identifier there.
    pub identifier: String,
    /// Publisher at the source.
    pub source_publisher: Option<String>,
    /// Who listed it.
    pub publisher: PartyId,
    /// That party's name.
    pub publisher_name: String,
    /// What tells it apart at a glance.
    pub tags: Vec<Tag>,
    /// Suspended or withdrawn.
    pub standing: Option<String>,
    /// The viewer listed it.
    pub own: bool,
    /// Outline.
    pub outline: Outline,
    /// Keywords: address of a search, and word.
    pub keywords: Vec<(String, String)>,
    /// Variables.
    pub variables: Vec<VariableRow>,
    /// How many there are.
    pub variables_caption: String,
    /// The jacket.
    pub jacket: Vec<Fact>,
    /// The classification.
    pub classification: Vec<Fact>,
    /// How much of it was stated and inferred.
    pub origins: String,
    /// Links to files at the source.
    pub distributions: Vec<DistributionRow>,
    /// How many there are.
    pub distributions_caption: String,
    /// Page at the source.
    pub landing_page: Option<OutsideLink>,
    /// Licence at the source.
    pub licence: Option<OutsideLink>,
    /// Versions, newest first.
    pub versions: Vec<VersionRow>,
    /// Further versions.
    pub older: Option<String>,
    /// A licence that the viewer holds: address and sentence.
    pub held: Option<(String, String)>,
    /// Open offers, newest first.
    pub offers: Vec<OfferCard>,
    /// Why there is none.
    pub no_offer: String,
    /// Further offers.
    pub more_offers: Pager,
    /// Grounds for data about people.
    pub personal: Option<Personal>,
    /// Revision of the jacket.
    pub revision: u32,
    /// Digest of the jacket.
    pub digest: Id,
    /// In the explorer.
    pub explored: Option<String>,
}

/// Closed data: that they exist, and nothing else.
#[derive(Clone, Debug, Template)]
#[template(path = "dataset_closed.html")]
pub struct ClosedPage {
    /// Its frame.
    pub frame: Frame,
    /// Which.
    pub id: Id,
    /// Who listed it.
    pub publisher: PartyId,
    /// That party's name.
    pub publisher_name: String,
    /// Who said that it is closed.
    pub mark: Mark,
    /// The viewer listed it.
    pub own: bool,
}

/// What can be said of an outline.
#[derive(Clone, Debug)]
pub enum Outline {
    /// Its paragraphs.
    Text(Vec<String>),
    /// The provider gives none.
    None,
    /// There was one, and it was taken down or cannot be read now.
    Gone,
}

impl Outline {
    /// The paragraphs of `text`.
    pub fn of(text: &str) -> Self {
        let paragraphs: Vec<String> =
            text.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect();
        if paragraphs.is_empty() { Self::None } else { Self::Text(paragraphs) }
    }
}

/// A variable.
#[derive(Clone, Debug)]
pub struct VariableRow {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: &'static str,
    /// Unit.
    pub unit: String,
    /// Meaning.
    pub meaning: String,
}

impl VariableRow {
    /// A variable of a jacket.
    pub fn of(variable: &Variable) -> Self {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "—".into());
        Self {
            name: variable.name.clone(),
            kind: variable.kind.label(),
            unit: or_dash(&variable.unit),
            meaning: or_dash(&variable.meaning),
        }
    }
}

/// A link to a place that is not ours. What is no web address is shown and not linked.
#[derive(Clone, Debug, Template)]
#[template(
    ext = "html",
    source = r#"{% match href %}{% when Some with (href) %}<a href="{{ href }}" rel="noreferrer nofollow noopener">{{ text }}</a>{% when None %}{{ text }}{% endmatch %}"#
)]
pub struct OutsideLink {
    href: Option<String>,
    text: String,
}

impl HtmlSafe for OutsideLink {}

impl OutsideLink {
    /// A link called `name`, or by its address.
    pub fn of(link: &str, name: Option<&str>) -> Self {
        Self { href: outside_link(link), text: name.unwrap_or(link).to_string() }
    }
}

/// A link to a file at the source.
#[derive(Clone, Debug)]
pub struct DistributionRow {
    /// Name and address.
    pub link: OutsideLink,
    /// Download, or page or service.
    pub kind: &'static str,
    /// Media type.
    pub media_type: String,
}

impl DistributionRow {
    /// A distribution of a jacket.
    pub fn of(distribution: &Distribution) -> Self {
        Self {
            link: OutsideLink::of(&distribution.link, distribution.title.as_deref()),
            kind: if distribution.download { "download" } else { "page or service" },
            media_type: distribution.media_type.clone().unwrap_or_else(|| "not said".into()),
        }
    }
}

/// A version.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: u32,
    /// Length.
    pub size: String,
    /// Media type.
    pub media_type: String,
    /// Digest.
    pub sha256: String,
    /// Digest.
    pub blake3: String,
    /// Made from: address and name.
    pub parents: Vec<(String, String)>,
    /// How many subjects it leaves out, in words.
    pub excludes: Option<String>,
}

impl VersionRow {
    /// A version of a dataset. `parents` are addresses and names.
    pub fn of(
        id: &contracts::id::VersionId,
        number: u32,
        content: &contracts::version::Content,
        parents: Vec<(String, String)>,
    ) -> Self {
        Self {
            id: id.to_string(),
            number,
            size: bytes(content.bytes),
            media_type: content.media_type.clone(),
            sha256: content.sha256.to_string(),
            blake3: content.blake3.to_string(),
            parents,
            excludes: None,
        }
    }
}

/// An offer as a ticket.
#[derive(Clone, Debug)]
pub struct OfferCard {
    /// Which.
    pub id: Id,
    /// At which revision.
    pub revision: u32,
    /// What it costs.
    pub price: String,
    /// For what.
    pub per: String,
    /// The terms, as they are rendered for people.
    pub terms: Vec<String>,
    /// Asks for a price, or withdraws.
    pub form: Option<Form>,
    /// Why it cannot be bought by the viewer.
    pub why_not: Option<String>,
}

impl OfferCard {
    /// An offer at a revision.
    pub fn of(id: &OfferId, number: u32, revision: &OfferRevision) -> Self {
        let (price, per) = price(&revision.price);
        Self {
            id: Id::of(id),
            revision: number,
            price,
            per,
            terms: revision.terms.render().lines().map(str::to_string).collect(),
            form: None,
            why_not: None,
        }
    }
}

/// A price in words: the amount, and for what.
pub fn price(price: &Price) -> (String, String) {
    match price {
        Price::Free => ("Free".into(), String::new()),
        Price::OneOff { amount, currency } => (amount.display(*currency), "once".into()),
        Price::Subscription { amount, currency, period_days, periods_max } => {
            let most = match periods_max {
                1 => "one period at a time".to_string(),
                most => format!("1 to {most} periods at once"),
            };
            (amount.display(*currency), format!("for each {}, {most}, prepaid", days(*period_days)))
        }
    }
}

/// Grounds on which data about people may be used.
#[derive(Clone, Debug)]
pub struct Personal {
    /// What they are.
    pub intro: String,
    /// Ground by purpose.
    pub grounds: Vec<Ground>,
}

/// A ground for one purpose.
#[derive(Clone, Debug)]
pub struct Ground {
    /// What for.
    pub purpose: &'static str,
    /// How it looks.
    pub look: &'static str,
    /// In a word.
    pub state: String,
    /// In a sentence.
    pub text: String,
}

impl Ground {
    /// What consents and a legal basis come to for `purpose`, for the newest version `version`.
    /// `None` where there is neither. A consent that was asked for is never replaced by a basis. With the consents comes
    /// whether they reach that version ([`ConsentStart::reaches`](contracts::consent::ConsentStart::reaches)).
    pub fn of(
        purpose: Purpose,
        consents: Option<(&Scope, bool)>,
        basis: Option<(&LegalBasis, &str)>,
        version: u32,
        now_ms: TimeMs,
    ) -> Option<Self> {
        let purpose_name = purpose.label();
        let counts = |scope: &Scope, reach: bool| {
            scope.outstanding > 0 || scope.required > 0 && (reach || scope.require(version, now_ms).is_err())
        };
        if let Some((scope, _)) = consents.filter(|(scope, reach)| counts(scope, *reach)) {
            let people = super::super::show::several(scope.required as usize, "consent", "consents");
            return Some(match scope.require(version, now_ms) {
                Ok(()) => Self {
                    purpose: purpose_name,
                    look: "good",
                    state: "consented".into(),
                    text: format!("{people} in force."),
                },
                Err(rejection) => Self {
                    purpose: purpose_name,
                    look: "bad",
                    state: "stopped".into(),
                    text: format!("{}.", super::super::show::capital(&rejection.to_string())),
                },
            });
        }
        let (basis, controller) = basis.filter(|(basis, _)| !basis.ended)?;
        let controls = basis.controls.join("; ");
        Some(Self {
            purpose: purpose_name,
            look: "good",
            state: "legal basis".into(),
            text: format!(
                "{} ({}): {}. Controller: {controller}. In place: {controls}.",
                basis_label(basis.kind),
                basis.jurisdiction,
                basis.reference
            ),
        })
    }
}

/// A kind of legal basis in words.
pub fn basis_label(kind: BasisKind) -> &'static str {
    match kind {
        BasisKind::Contract => "Contract with the subject",
        BasisKind::LegalObligation => "Legal obligation",
        BasisKind::VitalInterests => "Vital interests",
        BasisKind::PublicTask => "Task in the public interest",
        BasisKind::LegitimateInterests => "Legitimate interests",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::party::Country;

    fn basis() -> LegalBasis {
        LegalBasis {
            kind: BasisKind::PublicTask,
            jurisdiction: Country(*b"ES"),
            reference: "Water Act, article 4".into(),
            controller: PartyId([7; 32]),
            controls: vec!["pseudonyms".into()],
            ended: false,
        }
    }

    #[test]
    fn a_withdrawn_consent_is_not_replaced_by_a_basis() {
        let scope = Scope { outstanding: 1, clean_from: 3, ..Scope::default() };
        let ground = Ground::of(Purpose::Research, Some((&scope, false)), Some((&basis(), "Town")), 2, 0).unwrap();
        assert_eq!(ground.state, "stopped");
        let ground = Ground::of(Purpose::Research, None, Some((&basis(), "Town")), 2, 0).unwrap();
        assert!(ground.text.contains("Water Act") && ground.text.contains("Town"), "{ground:?}");
        let ended = LegalBasis { ended: true, ..basis() };
        assert!(Ground::of(Purpose::Research, None, Some((&ended, "Town")), 2, 0).is_none());
        // One for data that are to come is no ground yet, and in nobody's way.
        let (scope, basis) = (Scope { required: 1, ..Scope::default() }, basis());
        let state = |reach, basis| Ground::of(Purpose::Research, Some((&scope, reach)), basis, 2, 0).map(|it| it.state);
        assert_eq!(state(false, Some((&basis, "Town"))).as_deref(), Some("legal basis"));
        assert_eq!(state(false, None), None);
        assert_eq!(state(true, None).as_deref(), Some("consented"));
    }

    #[test]
    fn a_link_that_is_no_web_address_is_not_linked() {
        assert!(!OutsideLink::of("javascript:alert(1)", None).to_string().contains("href"));
        let html = OutsideLink::of("https://example.org/?a=1&b=\"", Some("<b>")).to_string();
        assert!(html.contains("&#60;b&#62;") && !html.contains("b=\"\""), "{html}");
    }

    #[test]
    fn prices_say_what_they_are_for() {
        let amount = contracts::money::Amount::new(1_250).unwrap();
        let currency = "EUR".parse().unwrap();
        assert_eq!(price(&Price::OneOff { amount, currency }).0, "12.50 EUR");
        let month = Price::Subscription { amount, currency, period_days: 30, periods_max: 12 };
        assert_eq!(price(&month).1, "for each 30 days, 1 to 12 periods at once, prepaid");
    }
}
