use rstest::rstest;

use super::*;

#[rstest]
#[case(
    3,
    "    bounds 1",
    "line 3: expected a whole number from 0 to 2147483647, found the end of the line"
)]
#[case(
    3,
    "    bounds 1 ten",
    "line 3: expected a whole number from 0 to 2147483647, found \"ten\""
)]
#[case(
    3,
    "    bounds -1 10",
    "line 3: expected a whole number from 0 to 2147483647, found \"-1\""
)]
#[case(3, "    bounds 1 10 20", "line 3: expected the end of the line, found \"20\"")]
#[case(
    3,
    "    bounds 5 2",
    "line 3: expected a lowest count that is not above the highest, both at least 1, found \"5 2\""
)]
#[case(3, "", "line 4: expected the setting bounds, found \"the end of the policy\"")]
#[case(4, "", "line 3: expected a setting metric, found \"the end of the policy\"")]
#[case(4, "    bounds 1 10", "line 4: expected each setting once, found \"bounds\"")]
#[case(
    3,
    "    limits 1 10",
    "line 3: expected one of bounds, interval, metric, scaleUp, scaleDown, cooldown, fallback, found \"limits\""
)]
#[case(
    3,
    "    interval 0s",
    "line 3: expected a duration from 1s to 3600s, in whole seconds, found \"0s\""
)]
#[case(
    3,
    "    interval 1500ms",
    "line 3: expected a duration from 1s to 3600s, in whole seconds, found \"1500ms\""
)]
#[case(
    3,
    "    scaleUp",
    "line 3: expected window, tolerance, select, then pods or percent, in this order, found the end of the line"
)]
#[case(
    3,
    "    scaleUp window 2h",
    "line 3: expected a duration from 0s to 3600s, in whole seconds, found \"2h\""
)]
#[case(
    3,
    "    scaleDown window 1s window 2s",
    "line 3: expected window, tolerance, select, then pods or percent, in this order, found \"window\""
)]
#[case(
    3,
    "    scaleUp pods 0 per 15s",
    "line 3: expected a whole number from 1 to 2147483647, found \"0\""
)]
#[case(3, "    scaleUp pods 4 15s", "line 3: expected \"per\", found \"15s\"")]
#[case(
    3,
    "    scaleUp select max",
    "line 3: expected one of Max, Min, Disabled, found \"max\""
)]
#[case(3, "    cooldown 30s", "line 3: expected up or down, found \"30s\"")]
#[case(3, "    fallback 30s", "line 3: expected \"after\", found \"30s\"")]
fn what_is_no_setting_is_refused(#[case] line: usize, #[case] text: &str, #[case] error: &str) {
    refused(line, text, error);
}

#[rstest]
#[case("load! value 1 of load", "line 4: expected the name of a metric, found \"load!\"")]
#[case(
    "load total 1 of load",
    "line 4: expected one of value, averageValue, found \"total\""
)]
#[case(
    "load value 1x of load",
    "line 4: expected a quantity such as 100, 0.5 or 60m, found \"1x\""
)]
#[case("load value 0 of load", "line 4: expected a target above zero, found \"0\"")]
#[case("load value 1 load", "line 4: expected \"of\", found \"load\"")]
#[case(
    "load value 1 of load{a=\"b",
    "line 4: expected a closing quotation mark, found \"load{a=\\\"b\""
)]
#[case(
    "load value 1 of load whenNaN Ignore",
    "line 4: expected one of Hold, Zero, found \"Ignore\""
)]
#[case(
    "load value 1 of load whenmissing Zero",
    "line 4: expected whenMissing, whenNaN, lookBack, maxSampleAge, perPod, in this order, found \"whenmissing\""
)]
#[case(
    "load value 1 of load lookBack 1m lookBack 1m",
    "line 4: expected whenMissing, whenNaN, lookBack, maxSampleAge, perPod, in this order, found \"lookBack\""
)]
#[case(
    "load value 1 of load perPod",
    "line 4: expected perPod with averageValue and a query without sum only, found \"perPod\""
)]
#[case(
    "load averageValue 1 of sum(load) perPod",
    "line 4: expected perPod with averageValue and a query without sum only, found \"perPod\""
)]
#[case(
    "load averageValue 1 of load perPod lookBack 1m",
    "line 4: expected whenMissing, whenNaN, lookBack, maxSampleAge, perPod, in this order, found \"lookBack\""
)]
fn what_is_no_metric_is_refused(#[case] rest: &str, #[case] error: &str) {
    refused(4, &format!("    metric {rest}"), error);
}

#[rstest]
#[case("max(load)")]
#[case("sum(load")]
#[case("load[1m]")]
#[case("rate(load)")]
#[case("rate(load[1m)")]
#[case("rate(load[500ms])")]
#[case("9load")]
#[case("load{}x")]
#[case("load{pod}")]
#[case("load{pod=\"a\",}")]
#[case("load{pod=\"a\",pod=\"b\"}")]
#[case("load{__name__=\"a\"}")]
#[case("{}")]
fn what_is_no_query_is_refused(#[case] text: &str) {
    let query = "a query such as load, sum(load{pod=\"web-0\"}) or sum(rate(requests[1m]))";
    let error = format!("line 4: expected {query}, found {text:?}");
    refused(4, &format!("    metric load value 1 of {text}"), &error);
}

#[rstest]
#[case(
    5,
    "load 0s",
    "line 5: expected the time between two samples, above zero, found \"0s\""
)]
#[case(6, "", "line 5: expected a series on an indented line, found the end of the line")]
#[case(
    6,
    "    {pod=\"web-0\"} 1",
    "line 6: expected a series such as load or load{pod=\"web-0\"}, found \"{pod=\\\"web-0\\\"}\""
)]
#[case(
    6,
    "    load 1 0x100000",
    "line 6: expected at most 100000 samples in a series, found \"0x100000\""
)]
fn what_is_no_load_is_refused(#[case] line: usize, #[case] text: &str, #[case] error: &str) {
    refused(line, text, error);
}

#[rstest]
#[case("x")]
#[case("5x")]
#[case("5x-1")]
#[case("0+10")]
#[case("5+x3")]
#[case("_x")]
#[case("__")]
#[case("stalex2")]
#[case("inf")]
#[case("nan")]
#[case("1e999")]
#[case("0+Infx2")]
#[case("1_0")]
fn what_is_no_value_is_refused(#[case] text: &str) {
    let error = format!("line 6: expected a value such as 5, 5x3, 0+10x3, _, _x3 or stale, found {text:?}");
    refused(6, &format!("    load {text}"), &error);
}

#[test]
fn a_series_without_values_is_refused() {
    let error = "line 6: expected a value such as 5, 5x3, 0+10x3, _, _x3 or stale, found the end of the line";
    refused(6, "    load", error);
}

#[test]
fn a_series_that_is_there_twice_is_refused() {
    let twice = WHOLE.replace("    load 300x20\n", "    load 1\n    load 2\n");
    let found = parse(&twice).unwrap_err().to_string();
    assert_eq!(found, "line 7: expected a series that is not there yet, found \"load\"");
}
