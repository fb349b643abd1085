//! Refusals of the rules, from their own table.

use super::word::one_of;
use contracts::rejection::Rejection as Refusal;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type},
    },
};

/// Why a rule said no. Its code is permanent, since receipts are history.
pub struct Rejection;

impl PartialSchema for Rejection {
    fn schema() -> RefOr<Schema> {
        let one = |(name, fields): &(&str, &[(&str, &str)])| {
            let kind = one_of([super::super::problem::kebab(name)]);
            let mut object = ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::Object))
                .property("kind", Schema::from(kind))
                .required("kind");
            for (field, kind) in *fields {
                object = object.property(*field, field_schema(kind)).required(*field);
            }
            object.build()
        };
        let all = Refusal::FIELDS.iter().map(one).fold(OneOfBuilder::new(), |all, one| all.item(Schema::from(one)));
        all.description(Some("Why a rule said no.")).into()
    }
}

impl ToSchema for Rejection {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Rejection")
    }
}

/// The form of a field, by the name of its type.
fn field_schema(kind: &str) -> RefOr<Schema> {
    let number = || ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).minimum(Some(0)).build();
    let named = |name: &str| RefOr::Ref(Ref::from_schema_name(name));
    match kind {
        "u8" | "u16" | "u32" | "u64" | "TimeMs" | "Height" => number().into(),
        "ConsentId" => named("ShortId"),
        "Amount" | "Currency" | "Role" | "Purpose" => named(kind),
        "ProposalState" => one_of(["open", "passed", "in-force"].map(str::to_owned)).into(),
        "Vec<Gap>" => {
            ArrayBuilder::new().items(ObjectBuilder::new().schema_type(SchemaType::new(Type::String))).build().into()
        }
        // Everything else is an identifier, digest or key of 32 bytes.
        _ => named("Id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_type_of_a_field_is_known() {
        let kinds: BTreeSet<&str> =
            Refusal::FIELDS.iter().flat_map(|(_, fields)| fields.iter().map(|(_, kind)| *kind)).collect();
        let ids = [
            "PartyId",
            "PublicKey",
            "GroupId",
            "DatasetId",
            "VersionId",
            "OfferId",
            "AgreementId",
            "BankReference",
            "SideId",
            "ProposalId",
        ];
        let others = [
            "u8",
            "u16",
            "u32",
            "u64",
            "TimeMs",
            "Height",
            "ConsentId",
            "Amount",
            "Currency",
            "Role",
            "Purpose",
            "Vec<Gap>",
            "ProposalState",
        ];
        for kind in kinds {
            assert!(ids.contains(&kind) || others.contains(&kind), "say how a {kind} is written");
        }
        assert_eq!(Refusal::FIELDS.len(), Refusal::CODES.len());
    }
}
