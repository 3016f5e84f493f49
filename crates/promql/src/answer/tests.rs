use proptest::prelude::*;

use super::*;

fn answer(body: &str) -> Answer {
    parse(200, body.as_bytes()).unwrap()
}

fn reading(body: &str) -> Reading {
    answer(body).reading(Evidence::Unprobed)
}

fn vector(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
}

fn fresh(units: i64) -> Reading {
    Reading::Fresh {
        value: Quantity::from_units(units),
        evidence: Evidence::Unprobed,
    }
}

const SEVEN: &str = r#"{"metric":{"job":"a"},"value":[1795348773.5,"7"]}"#;

#[test]
fn r4_an_empty_vector_is_missing() {
    assert_eq!(reading(&vector("")), Reading::Missing { source_proven: false });
}

#[test]
fn r4_nan_and_infinities_are_not_a_number() {
    for text in ["NaN", "+Inf", "-Inf"] {
        let one = format!(r#"{{"metric":{{}},"value":[1,"{text}"]}}"#);
        assert_eq!(
            reading(&vector(&one)),
            Reading::NotANumber { source_proven: false },
            "{text}"
        );
    }
}

#[test]
fn r4_more_than_one_series_is_too_many() {
    assert_eq!(
        reading(&vector(&format!("{SEVEN},{SEVEN},{SEVEN}"))),
        Reading::TooMany { series: 3, pod: None }
    );
}

#[test]
fn r4_one_series_is_a_value() {
    assert_eq!(reading(&vector(SEVEN)), fresh(7));
}

#[test]
fn r4_a_scalar_is_a_value() {
    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1795348773,"7"]}}"#;
    assert_eq!(reading(body), fresh(7));
}

#[test]
fn strings_ranges_and_native_histograms_are_no_fault_of_the_query_but_no_number_either() {
    let string = r#"{"status":"success","data":{"resultType":"string","result":[1,"7"]}}"#;
    let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"7"]]}]}}"#;
    let histogram = vector(r#"{"metric":{},"histogram":[1,{"count":"2","sum":"3","buckets":[]}]}"#);
    for body in [string, matrix, &histogram] {
        assert_eq!(
            reading(body),
            Reading::Failed(Failure::of(FailureClass::WrongResultType)),
            "{body}"
        );
    }
}

#[test]
fn r3_a_warning_makes_the_reading_partial() {
    let body = vector(SEVEN).replace(
        r#""status""#,
        r#""warnings":["results truncated due to limit"],"status""#,
    );
    let value = Quantity::from_units(7);
    assert_eq!(
        reading(&body),
        Reading::Partial {
            value,
            cause: PartialCause::Warning
        }
    );
}

#[test]
fn r3_infos_are_advice_in_either_place() {
    let text = r#"["PromQL info: metric might not be a counter, name does not end in _total: \"m\" (1:6)"]"#;
    for key in ["infos", "warnings"] {
        let body = vector(SEVEN).replace(r#""status""#, &format!(r#""{key}":{text},"status""#));
        assert_eq!(reading(&body), fresh(7), "{key}");
    }
}

#[test]
fn r3_a_warning_beside_advice_still_counts() {
    let texts = r#"["PromQL info: x","PromQL warning: bucket label \"le\" is missing"]"#;
    let body = vector(SEVEN).replace(r#""status""#, &format!(r#""warnings":{texts},"status""#));
    assert!(answer(&body).warned);
}

/// What a cluster of `VictoriaMetrics` answers while some of its storage nodes are away.
#[test]
fn r3_an_answer_that_calls_itself_partial_is_partial() {
    let partial = |is: &str| vector(SEVEN).replace(r#""status""#, &format!(r#""isPartial":{is},"status""#));
    let cause = PartialCause::Warning;
    let value = Quantity::from_units(7);
    assert_eq!(reading(&partial("true")), Reading::Partial { value, cause });
    assert_eq!(reading(&partial("false")), fresh(7));
    assert_eq!(reading(&partial("null")), fresh(7));
}

#[test]
fn unknown_fields_and_nulls_are_passed_over() {
    let body = r#"{"status":"success","warnings":null,"infos":null,"data":{"resultType":"vector","stats":{},
        "result":[{"metric":{},"value":[1,"7"],"group":1}]}}"#;
    assert_eq!(reading(body), fresh(7));
}

#[test]
fn what_is_not_prometheus_json_is_malformed() {
    let whole = vector(SEVEN);
    let bodies = [
        "",
        "<html><body>Sign in</body></html>",
        "OK",
        "[]",
        "{}",
        &whole[..whole.len() - 3],
        r#"{"status":"success"}"#,
        r#"{"status":"fine","data":{"resultType":"vector","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"tensor","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"seven"]}]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,7]}]}}"#,
        r#"{"status":"success","data":{"resultType":"scalar","result":"7"}}"#,
    ];
    for body in bodies {
        let failure = Failure::of(FailureClass::MalformedAnswer).with_status(200);
        assert_eq!(parse(200, body.as_bytes()), Err(failure), "{body}");
    }
}

#[test]
fn errors_that_the_source_explains_have_the_class_of_their_type() {
    let table = [
        (400, "bad_data", FailureClass::BadQuery),
        (422, "execution", FailureClass::Execution),
        (503, "timeout", FailureClass::Timeout),
        (503, "canceled", FailureClass::Unavailable),
        (499, "canceled", FailureClass::Unavailable),
        (503, "unavailable", FailureClass::Unavailable),
        (429, "too_many_requests", FailureClass::Unavailable),
        (500, "internal", FailureClass::HttpStatus),
        (404, "not_found", FailureClass::HttpStatus),
        (406, "not_acceptable", FailureClass::HttpStatus),
        (400, "400", FailureClass::BadQuery),
        (422, "422", FailureClass::Execution),
        (401, "", FailureClass::Unauthorized),
        (200, "bad_data", FailureClass::BadQuery),
        (200, "internal", FailureClass::HttpStatus),
    ];
    for (status, error_type, class) in table {
        let body = format!(r#"{{"status":"error","errorType":"{error_type}","error":"secret detail"}}"#);
        let failure = Failure::of(class).with_status(status);
        assert_eq!(parse(status, body.as_bytes()), Err(failure), "{status} {error_type}");
    }
}

#[test]
fn errors_without_an_explanation_have_the_class_of_their_status() {
    let table = [
        (301, FailureClass::HttpStatus),
        (302, FailureClass::HttpStatus),
        (400, FailureClass::HttpStatus),
        (401, FailureClass::Unauthorized),
        (403, FailureClass::Unauthorized),
        (404, FailureClass::HttpStatus),
        (422, FailureClass::HttpStatus),
        (429, FailureClass::Unavailable),
        (500, FailureClass::HttpStatus),
        (502, FailureClass::Unavailable),
        (503, FailureClass::Unavailable),
        (504, FailureClass::Unavailable),
    ];
    for (status, class) in table {
        for body in ["<html>nginx</html>", "", &vector(SEVEN)] {
            assert_eq!(
                parse(status, body.as_bytes()),
                Err(Failure::of(class).with_status(status)),
                "{status} {body}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_parsing_panic(status in 100_u16..600, body in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(status, &body);
    }

    /// Bytes that almost are an answer reach further than random ones.
    #[test]
    fn no_damaged_answer_makes_parsing_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut body = vector(&format!("{SEVEN},{{\"metric\":{{}},\"histogram\":[1,{{}}]}}")).into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        if let Ok(answer) = parse(200, &body) {
            let _ = answer.reading(Evidence::Unprobed);
        }
    }

    #[test]
    fn every_finite_number_is_a_fresh_reading(sample in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
        let answer = Answer { value: Value::Scalar(sample), warned: false };
        let is_fresh = matches!(answer.reading(Evidence::Unprobed), Reading::Fresh { .. });
        prop_assert!(is_fresh);
    }
}

#[test]
fn deeply_nested_json_is_malformed_and_harmless() {
    let body = "[".repeat(1 << 20);
    let failure = Failure::of(FailureClass::MalformedAnswer).with_status(200);
    assert_eq!(parse(200, body.as_bytes()), Err(failure));
}
