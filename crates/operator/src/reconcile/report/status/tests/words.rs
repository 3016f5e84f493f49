//! When other words for the same trouble are worth a write.

use jiff::SignedDuration;

use super::*;

/// The status of an autoscaler that is blocked for this reason, in these words.
fn blocked_by(reason: &'static str, message: &str) -> MetricAutoscalerStatus {
    let blocked = Blocked {
        reason,
        message: message.to_owned(),
        target: None,
        now: at(1),
    };
    after(&subject(&json!({})), &Acted::Blocked(Box::new(blocked)), at(1))
}

#[rstest]
#[case::another_rival(
    "TargetConflict",
    "HorizontalPodAutoscaler web-1 scales web",
    "HorizontalPodAutoscaler web-2 scales web"
)]
#[case::another_right(
    "Forbidden",
    "cannot list resource \"brokers\"",
    "cannot patch resource \"brokers/scale\""
)]
#[case::more_words("FailedGetScale", "failed to read the target", "failed to read the target: HTTP 500")]
#[case::another_time("Contended", "until 2026-11-22T12:00:00Z", "until 2026-11-22T12:10:00Z")]
#[case::another_number("FailedGetScale", "(HTTP 403): no", "(HTTP 500): no")]
fn r24_other_words_for_the_same_trouble_are_written_once_those_written_are_a_minute_old(
    #[case] reason: &'static str,
    #[case] before: &str,
    #[case] after: &str,
) {
    let (written, next) = (blocked_by(reason, before), blocked_by(reason, after));
    assert!(!is_material(&written, &next, at(60)));
    assert!(is_material(&written, &next, at(61)));
    assert!(!is_material(&next, &next, at(3_601)));
}

#[test]
fn r24_numbers_in_the_words_of_a_trouble_do_not_write_by_themselves() {
    let stale = |age: i64| {
        let reading = Reading::Stale {
            age: SignedDuration::from_secs(age),
            limit: SignedDuration::from_secs(120),
        };
        let mut subject = subject(&json!({}));
        let acted = held(decided(&mut subject, reading, at(1)));
        after(&subject, &acted, at(1))
    };
    let written = stale(1_000);
    for age in [1_015, 1_060, 1_100] {
        assert!(!is_material(&written, &stale(age), at(100)), "{age}");
    }
    assert!(is_material(&written, &stale(1_101), at(100)));
}
