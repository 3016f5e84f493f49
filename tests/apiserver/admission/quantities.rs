//! Targets and tolerances: quantities as Kubernetes writes them, and nothing else.

use autoscaler_api::IntOrQuantity;
use autoscaler_core::Quantity;
use rstest::rstest;
use serde_json::{Value, json};

use super::{autoscaler_with, submit};

/// Whatever the server accepts means the same to us as to it.
#[rstest]
#[case::integer(json!(100), Quantity::from_units(100))]
#[case::quoted_integer(json!("100"), Quantity::from_units(100))]
#[case::milli(json!("60m"), Quantity::from_millis(60))]
#[case::exponent(json!("1e3"), Quantity::from_units(1_000))]
#[case::capital_exponent(json!("1E3"), Quantity::from_units(1_000))]
#[case::negative_exponent(json!("1e-3"), Quantity::from_millis(1))]
#[case::leading_point(json!(".5"), Quantity::from_millis(500))]
#[case::quoted_fraction(json!("0.5"), Quantity::from_millis(500))]
#[case::trailing_point(json!("5."), Quantity::from_units(5))]
#[case::sign(json!("+5"), Quantity::from_units(5))]
#[case::binary(json!("2Gi"), Quantity::from_units(2 << 30))]
#[case::smallest(json!("1n"), Quantity::from_nanos(1))]
#[case::rounded_up(json!("0.0000000001"), Quantity::from_nanos(1))]
#[case::largest(json!("1E"), Quantity::from_units(1_000_000_000_000_000_000))]
#[tokio::test]
async fn a_positive_quantity_is_a_target(#[case] written: Value, #[case] meant: Quantity) {
    for field in ["value", "averageValue"] {
        let stored = submit(&autoscaler_with("metrics.0.target", json!({field: written})))
            .await
            .unwrap();
        let stored = &stored["spec"]["metrics"][0]["target"][field];
        assert_eq!(*stored, written, "kept as it was written");
        let read: IntOrQuantity = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(read.parse().unwrap(), meant);
    }
}

const NOT_POSITIVE: &str =
    "must be a quantity above 0 and at most 1E, such as 100, 1e3, 60m or 2Gi (quote fractions: \"0.5\")";

#[rstest]
#[case::zero(json!(0))]
#[case::quoted_zero(json!("0"))]
#[case::zero_milli(json!("0m"))]
#[case::negative(json!(-1))]
#[case::quoted_negative(json!("-1"))]
#[case::negative_milli(json!("-60m"))]
#[case::word(json!("many"))]
#[case::empty(json!(""))]
#[case::blank_before(json!(" 1"))]
#[case::no_exponent(json!("1e"))]
#[case::point(json!("."))]
#[case::underscore(json!("1_000"))]
#[case::unknown_suffix(json!("1K"))]
#[case::hexadecimal(json!("0x10"))]
#[case::not_a_number(json!("NaN"))]
#[case::just_too_large(json!("1001P"))]
#[case::largest_integer(json!(i64::MAX))]
#[tokio::test]
async fn anything_else_is_refused_as_a_target_with_a_sentence(#[case] written: Value) {
    for field in ["value", "averageValue"] {
        let refused = submit(&autoscaler_with("metrics.0.target", json!({field: written})))
            .await
            .unwrap_err();
        let expected = format!("spec.metrics[0].target.{field}: Invalid value: {written}: {NOT_POSITIVE}");
        assert_eq!(refused, [expected]);
    }
}

/// The schema language knows no fractions in such a field: the text is the server's own, the remedy is in the field's
/// description and in every other message about it.
#[rstest]
#[case::fraction(json!(0.5), "number")]
#[case::boolean(json!(true), "boolean")]
#[case::list(json!(["1"]), "array")]
#[tokio::test]
async fn an_unquoted_fraction_is_refused_by_its_type(#[case] written: Value, #[case] kind: &str) {
    let path = "spec.metrics[0].target.averageValue";
    let refused = submit(&autoscaler_with("metrics.0.target", json!({"averageValue": written})))
        .await
        .unwrap_err();
    let expected =
        format!("{path}: Invalid value: \"{kind}\": {path} in body must be of type integer,string: \"{kind}\"");
    assert_eq!(refused, [expected]);
}

#[tokio::test]
async fn a_quantity_of_more_than_32_characters_is_refused() {
    let refused = submit(&autoscaler_with("metrics.0.target", json!({"value": "1".repeat(33)})))
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        ["spec.metrics[0].target.value: Too long: may not be more than 32 bytes"]
    );
}

#[rstest]
#[case::none(json!({}))]
#[case::both(json!({"value": 1, "averageValue": 1}))]
#[case::none_but_a_null(json!({"value": null}))]
#[tokio::test]
async fn j25_j26_two_targets_or_none_are_refused_with_a_sentence(#[case] target: Value) {
    let refused = submit(&autoscaler_with("metrics.0.target", target)).await.unwrap_err();
    assert_eq!(
        refused,
        [
            "spec.metrics[0].target: Invalid value: set exactly one of value (the query's answer itself) and averageValue \
          (the answer divided by the replicas)"
        ]
    );
}

#[tokio::test]
async fn a_null_beside_a_target_is_no_second_target() {
    let target = json!({"value": null, "averageValue": "60m"});
    let stored = submit(&autoscaler_with("metrics.0.target", target)).await.unwrap();
    assert_eq!(stored["spec"]["metrics"][0]["target"], json!({"averageValue": "60m"}));
}
