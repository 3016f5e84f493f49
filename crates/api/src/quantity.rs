//! A quantity as users write it: an integer, or a string such as `60m`.
//!
//! `k8s-openapi` has such a type too, but it carries forty lines of description into every field that uses it.

use std::borrow::Cow;
use std::fmt;

use autoscaler_core::Quantity;
use autoscaler_core::quantity::ParseQuantityError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::MAX_QUANTITY;

/// What the API server demands of a target.
pub const POSITIVE_RULE: &str = "isQuantity(string(self)) && sign(quantity(string(self))) > 0 && !quantity(string(self)).isGreaterThan(quantity('1E'))";
/// What it says otherwise.
pub const POSITIVE_MESSAGE: &str =
    "must be a quantity above 0 and at most 1E, such as 100, 1e3, 60m or 2Gi (quote fractions: \"0.5\")";
/// What the API server demands of a tolerance.
pub const NOT_NEGATIVE_RULE: &str = "isQuantity(string(self)) && sign(quantity(string(self))) >= 0 && !quantity(string(self)).isGreaterThan(quantity('1E'))";
/// What it says otherwise.
pub const NOT_NEGATIVE_MESSAGE: &str =
    "must be a quantity of 0 or above and at most 1E, such as 0, 50m or 1 (quote fractions: \"0.05\")";

/// An integer or a quantity string, kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntOrQuantity {
    /// Written as a number.
    Int(i64),
    /// Written as a string.
    String(String),
}

impl IntOrQuantity {
    /// The amount, or why the text is none.
    pub fn parse(&self) -> Result<Quantity, ParseQuantityError> {
        match self {
            Self::Int(units) => Ok(Quantity::from_units(*units)),
            Self::String(text) => text.parse(),
        }
    }
}

impl From<i64> for IntOrQuantity {
    fn from(units: i64) -> Self {
        Self::Int(units)
    }
}

impl From<&str> for IntOrQuantity {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl fmt::Display for IntOrQuantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(units) => fmt::Display::fmt(units, formatter),
            Self::String(text) => formatter.write_str(text),
        }
    }
}

impl Serialize for IntOrQuantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(units) => serializer.serialize_i64(*units),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrQuantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = IntOrQuantity;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer or a quantity string (fractions must be quoted)")
    }

    fn visit_i64<E>(self, units: i64) -> Result<Self::Value, E> {
        Ok(IntOrQuantity::Int(units))
    }

    fn visit_u64<E>(self, units: u64) -> Result<Self::Value, E> {
        // Beyond i64 the amount is capped in any case; Kubernetes has no larger integers.
        Ok(IntOrQuantity::Int(i64::try_from(units).unwrap_or(i64::MAX)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(IntOrQuantity::String(text.to_owned()))
    }
}

impl JsonSchema for IntOrQuantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IntOrQuantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Without maxLength the rules on quantities are over the API server's cost budget.
        json_schema!({ "x-kubernetes-int-or-string": true, "maxLength": MAX_QUANTITY })
    }
}
