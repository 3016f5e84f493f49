use rstest::rstest;

use super::*;

#[rstest]
#[case(
    "event",
    "line 8: expected a duration such as 0s, 90s or 1h30m, found the end of the line"
)]
#[case("event 5", "line 8: expected a duration such as 0s, 90s or 1h30m, found \"5\"")]
#[case(
    "event 5s explodes",
    "line 8: expected one of replicas, recreated, ready, rollout, pods, source, skew, clock, mode, policy, status, restart, found \"explodes\""
)]
#[case(
    "event 5s ready soon",
    "line 8: expected a count, unknown, at-once or after, found \"soon\""
)]
#[case(
    "event 5s rollout 4 of 4",
    "line 8: expected fewer updated replicas than replicas, found \"4 of 4\""
)]
#[case(
    "event 5s pods web-0",
    "line 8: expected one of pending, running, terminating, failed, succeeded, gone, found \"web-0\""
)]
#[case(
    "event 5s pods pending",
    "line 8: expected a pod such as web-0, found the end of the line"
)]
#[case(
    "event 5s pods pending web-0 api-0",
    "line 8: expected a pod such as web-0, found \"api-0\""
)]
#[case("event 5s pods pending web-", "line 8: expected a pod such as web-0, found \"web-\"")]
#[case(
    "event 5s source timeout for lod",
    "line 8: expected a metric of the policy, found \"lod\""
)]
#[case(
    "event 5s skew soon",
    "line 8: expected a duration such as 20s or -20s, found \"soon\""
)]
#[case(
    "event 5s clock soon",
    "line 8: expected a duration such as 20s or -20s, found \"soon\""
)]
#[case(
    "event 5s mode active",
    "line 8: expected one of Active, DryRun, Paused, found \"active\""
)]
#[case(
    "event 5s policy interval 1s",
    "line 8: expected a setting other than interval, found \"interval\""
)]
#[case("event 5s restart now", "line 8: expected one of graceful, crash, found \"now\"")]
#[case("event 5s restart crash 5s", "line 8: expected \"for\", found \"5s\"")]
#[case(
    "event 5s replicas 3\n    summary \"x\"",
    "line 9: expected no indented line below an event, found \"summary\""
)]
#[case(
    "event 2m replicas 3",
    "line 9: expected a time not before 2m, the event above, found \"1m\""
)]
fn what_is_no_event_is_refused(#[case] event: &str, #[case] error: &str) {
    let text = WHOLE.replace("at 0s", &format!("{event}\nat 1m"));
    assert_eq!(parse(&text).expect_err(event).to_string(), error);
}

#[rstest]
#[case(
    7,
    "event 15s replicas 3",
    "line 7: expected \"event 0s replicas <count>\" first, found \"something at 15s\""
)]
#[case(
    7,
    "event 0s mode DryRun",
    "line 7: expected \"event 0s replicas <count>\" first, found \"something at 0s\""
)]
fn the_count_is_told_first(#[case] line: usize, #[case] text: &str, #[case] error: &str) {
    refused(line, text, error);
}

#[rstest]
#[case(
    "at 0s",
    "line 8: expected a whole number from 0 to 2147483647, found the end of the line"
)]
#[case("at 0s 3", "line 8: expected \"because\", found the end of the line")]
#[case(
    "at 0s 3 because",
    "line 8: expected a reason of the README, found the end of the line"
)]
#[case(
    "at 0s 3 because bellow-target",
    "line 8: expected a reason of the README, found \"bellow-target\""
)]
#[case(
    "at 0s 3 because missing hold",
    "line 8: expected a reason of the README, or next, found \"hold\""
)]
#[case(
    "at 0s 3 because :missing",
    "line 8: expected a reason of the README, found \":missing\""
)]
#[case("at 0s 3 -> 3 because missing", "line 8: expected another count, found \"3\"")]
#[case(
    "at 0s 3 wants 3 because missing",
    "line 8: expected a count other than the one decided, found \"3\""
)]
#[case(
    "at 0s 3 because missing next",
    "line 8: expected a duration such as 0s, 90s or 1h30m, found the end of the line"
)]
#[case(
    "at 0s 3 because missing next 5m summary \"x\"",
    "line 8: expected the end of the line, found \"summary\""
)]
#[case(
    "at 0s 3 because missing\n    text \"x\"",
    "line 9: expected \"summary\", found \"text\""
)]
#[case(
    "at 0s 3 because missing\n    summary x",
    "line 9: expected a text between quotation marks, found \"x\""
)]
#[case(
    "at 0s 3 because missing\nevent 0s replicas 4",
    "line 9: expected a time after 0s, the at above, found \"0s\""
)]
fn what_asserts_nothing_is_refused(#[case] at: &str, #[case] error: &str) {
    refused(8, at, error);
}
