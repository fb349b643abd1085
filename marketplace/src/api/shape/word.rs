//! Words and numbers: strings of one form, and closed lists.

use contracts::vocabulary;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{Object, ObjectBuilder, Schema, SchemaType, Type},
    },
};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// A component of a name and a form.
macro_rules! forms {
    ($($name:ident: $pattern:literal, $doc:literal;)*) => {$(
        #[doc = $doc]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text().pattern(Some($pattern)).description(Some($doc)).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

forms! {
    Id: "^[0-9a-f]{64}$", "An identifier, digest or public key: 32 bytes in hexadecimal.";
    ShortId: "^[0-9a-f]{32}$", "An identifier of 16 bytes in hexadecimal.";
    Signature: "^[0-9a-f]{128}$", "An Ed25519 signature in hexadecimal.";
    Hex: "^[0-9a-f]{0,524288}$", "Bytes in hexadecimal.";
    Amount: "^[0-9]{1,20}$", "An amount in minor units: a whole number in a string.";
    Number: "^[0-9]{1,20}$", "A whole number in a string, since it may be too large for a JSON number.";
    Currency: "^[A-Z]{3}$", "A currency by its ISO 4217 code.";
    Country: "^[A-Z]{2}$", "A country by its ISO 3166-1 code.";
    Token: "^[A-Za-z0-9_.=-]{1,4096}$", "A secret that is shown once.";
    Cursor: "^[A-Za-z0-9_-]{1,256}$", "Where the next page starts. Opaque: take it as it is.";
    Duration: "^[P0-9D]{3,12}$", "A duration by ISO 8601, as `P30D`.";
}

/// A component that is one word of a list of the rules.
macro_rules! lists {
    ($($name:ident: $doc:literal;)*) => {$(
        #[doc = $doc]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = vocabulary::$name::ALL.iter().map(|word| word.slug());
                text().enum_values(Some(words)).description(Some($doc)).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

lists! {
    FrameworkClass: "Framework class (ISO/IEC 17917).";
    Spectrum: "Where the data stand on the data spectrum.";
    CollectableCategory: "What of something is collected (ISO/DIS 37156).";
    InsightLevel: "What the data are good for (ISO/DIS 37156).";
    DataRole: "A role towards the data.";
    ProcessingState: "How far the data are processed.";
    DataUsage: "How the data change in use.";
    Structure: "How the data are structured.";
    Quadrant: "Open, restricted, traded or regulated.";
    SensitivityClass: "The five-level class.";
    PersonalStatus: "Whether the data are about people.";
    Purpose: "What data are used for.";
    DataType: "What kind of data.";
    VariableType: "What kind of value.";
    CollectionMethod: "How the data were collected.";
    CollectionCost: "What collecting them costs.";
    SharingCondition: "How the data are shared.";
    InferenceRule: "The rule that a value was inferred by.";
}

/// A classification that may be stated, inferred by a named rule, or not stated.
macro_rules! stated {
    ($($name:ident: $value:ty;)*) => {$(
        #[doc = "A value that was stated, inferred by a named rule, or not stated."]
        #[derive(ToSchema)]
        #[serde(tag = "origin", rename_all = "kebab-case")]
        pub enum $name {
            /// Nobody said.
            NotStated,
            /// The publisher said so.
            Stated {
                /// What.
                value: $value,
            },
            /// A rule says so.
            Inferred {
                /// What.
                value: $value,
                /// Which rule.
                rule: InferenceRule,
            },
        }
    )*};
}

stated! {
    StatedFrameworkClass: FrameworkClass;
    StatedSpectrum: Spectrum;
    StatedAccess: super::Access;
    StatedCategories: Vec<CollectableCategory>;
    StatedInsightLevels: Vec<InsightLevel>;
    StatedRoles: Vec<DataRole>;
    StatedProcessing: ProcessingState;
    StatedUsage: DataUsage;
    StatedStructure: Structure;
    StatedQuadrant: Quadrant;
    StatedSensitivity: SensitivityClass;
    StatedPersonal: PersonalStatus;
    StatedText: String;
    StatedCollection: CollectionMethod;
    StatedCollectionCost: CollectionCost;
    StatedSharing: SharingCondition;
}

/// Nothing but that it was done.
#[derive(ToSchema)]
pub struct Nothing {}

/// A closed list of words that stands in no table of the rules.
pub fn one_of(words: impl IntoIterator<Item = String>) -> Object {
    text().enum_values(Some(words)).build()
}
