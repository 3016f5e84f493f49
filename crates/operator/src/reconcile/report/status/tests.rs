use std::time::Duration;

use autoscaler_core::{
    Continuity, Evidence, Failure, FailureClass, MetricReading, Observation, Quantity, Reading, Replicas, Standing,
    decide,
};

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::args::MaxMode;
use crate::clock::Clock;
use crate::snapshot::Snapshot;
use crate::target::{Shape, TargetView};

mod fixtures;
mod metrics;
mod words;

use fixtures::{at, decided, decided_on, fresh, held, pair, reason_of, subject};

#[test]
fn a_steady_target_is_ready_and_says_why_it_stays() {
    let mut subject = subject(&json!({}));
    let acted = held(decided(&mut subject, fresh("300"), at(1)));
    let status = after(&subject, &acted, at(1));
    assert_eq!(reason_of(&status, "Ready"), pair("True", "ValidMetricFound"));
    assert_eq!(reason_of(&status, "ScalingActive"), pair("True", "ValidMetricFound"));
    assert_eq!(reason_of(&status, "AbleToScale"), pair("True", "ReadyForNewScale"));
    assert_eq!(
        reason_of(&status, "ScalingLimited"),
        pair("False", "DesiredWithinRange")
    );
    assert_eq!(
        status.summary.as_deref(),
        Some("holding at 3: metric load: 100 per replica, target 100, within tolerance")
    );
    assert_eq!(status.targets.as_deref(), Some("100/100 (avg)"));
    assert_eq!((status.current_replicas, status.desired_replicas), (Some(3), Some(3)));
    assert_eq!(status.next_change_time, None);
}

#[test]
fn a_growth_is_told_with_its_numbers_and_stays_readable_afterwards() {
    let mut subject = subject(&json!({}));
    let (from, to) = (Replicas::new(3), Replicas::new(6));
    let acted = Acted::Decided {
        decided: decided(&mut subject, fresh("600"), at(1)),
        effect: Effect::Scaled { from, to },
    };
    let status = after(&subject, &acted, at(1));
    assert_eq!(reason_of(&status, "AbleToScale"), pair("True", "SucceededRescale"));
    assert_eq!(
        status.decisions,
        ["2026-11-22T12:00:01Z 3 -> 6: metric load: 200 per replica, target 100, asks for 6"]
    );
    assert_eq!(status.last_scale_time, Some(time(at(1))));

    subject.written.status = status;
    let acted = held(decided(&mut subject, fresh("300"), at(16)));
    let next = after(&subject, &acted, at(16));
    assert_eq!(reason_of(&next, "AbleToScale"), pair("True", "SucceededRescale"));
    assert_eq!(next.last_scale_time, Some(time(at(1))));
}

#[test]
fn a_metric_that_blocks_shrinking_is_named_with_its_time() {
    let mut subject = subject(&json!({}));
    let reading = Reading::Failed(Failure::of(FailureClass::Unavailable).with_status(503));
    let acted = held(decided(&mut subject, reading, at(1)));
    let status = after(&subject, &acted, at(1));
    assert_eq!(reason_of(&status, "Ready"), pair("False", "SourceUnavailable"));
    assert_eq!(
        reason_of(&status, "ScalingLimited"),
        pair("True", "ScaleDownBlockedByMetric")
    );
    let metric = &status.current_metrics[0];
    assert_eq!(metric.reading, "Failed");
    assert_eq!(
        metric.reason.as_deref(),
        Some("cannot be read: the source is overloaded or shutting down (HTTP 503)")
    );
    assert_eq!(metric.since, Some(time(at(1))));
    assert_eq!(status.targets.as_deref(), Some("<Failed>/100 (avg)"));
}

#[test]
fn an_outage_is_one_event_and_a_metric_that_blocks_shrinking_is_one_while_the_rest_goes_on() {
    let unavailable = || Reading::Failed(Failure::of(FailureClass::Unavailable));
    let news = |subject: &Subject, after: &MetricAutoscalerStatus| -> Vec<String> {
        let changes = ConditionChange::between(&subject.told, &after.conditions);
        let news = changes.into_iter().filter(|change| change.is_news);
        news.map(|change| change.reason).collect()
    };
    let mut one = subject(&json!({}));
    let acted = held(decided(&mut one, unavailable(), at(1)));
    let outage = after(&one, &acted, at(1));
    assert_eq!(news(&one, &outage), ["SourceUnavailable"]);

    let metric = |name| json!({"name": name, "prometheus": {"query": name}, "target": {"averageValue": 100}});
    let mut two = subject(&json!({"metrics": [metric("load"), metric("queue")]}));
    let readings = |queue| [("load", fresh("300")), ("queue", queue)];
    let acted = held(decided_on(&mut two, readings(fresh("300")), at(1)));
    two.told = after(&two, &acted, at(1)).conditions;
    let acted = held(decided_on(&mut two, readings(unavailable()), at(16)));
    let partly = after(&two, &acted, at(16));
    assert_eq!(reason_of(&partly, "Ready"), pair("True", "ValidMetricFound"));
    assert_eq!(news(&two, &partly), ["ScaleDownBlockedByMetric"]);
}

#[rstest]
#[case(json!({"maxReplicas": 4}), "900", "TooManyReplicas")]
#[case(json!({"minReplicas": 3}), "0", "TooFewReplicas")]
#[case(json!({"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}}), "900", "ScaleUpLimit")]
#[case(json!({"behavior": {"scaleUp": {"selectPolicy": "Disabled", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}}}), "900", "ScaleUpLimit")]
fn what_limits_the_size_is_a_reason(#[case] more: Value, #[case] load: &str, #[case] reason: &str) {
    let mut subject = subject(&more);
    let acted = held(decided(&mut subject, fresh(load), at(1)));
    assert_eq!(
        reason_of(&after(&subject, &acted, at(1)), "ScalingLimited"),
        pair("True", reason)
    );
}

#[test]
fn a_window_is_told_by_able_to_scale_and_the_time_of_the_next_change() {
    let mut subject = subject(&json!({}));
    let _ = decided(&mut subject, fresh("300"), at(1));
    let acted = held(decided(&mut subject, fresh("100"), at(61)));
    let status = after(&subject, &acted, at(61));
    assert_eq!(reason_of(&status, "AbleToScale"), pair("True", "ScaleDownStabilized"));
    assert_eq!(
        reason_of(&status, "ScalingLimited"),
        pair("False", "DesiredWithinRange")
    );
    assert_eq!(status.next_change_time, Some(time(at(301))));
}

#[test]
fn a_bound_is_no_limit_while_a_window_holds_the_replicas_away_from_it() {
    let mut subject = subject(&json!({"minReplicas": 2}));
    let _ = decided(&mut subject, fresh("300"), at(1));
    let acted = held(decided(&mut subject, fresh("100"), at(61)));
    let status = after(&subject, &acted, at(61));
    assert_eq!(reason_of(&status, "AbleToScale"), pair("True", "ScaleDownStabilized"));
    assert_eq!(
        reason_of(&status, "ScalingLimited"),
        pair("False", "DesiredWithinRange")
    );
    let limited = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "ScalingLimited");
    assert_eq!(
        limited.map(|condition| condition.message.as_str()),
        Some("the metrics ask for 1, minReplicas is 2, and a stabilization window holds 3")
    );
}

#[test]
fn a_dry_run_reports_once_what_it_would_do() {
    let mut subject = subject(&json!({"mode": "DryRun"}));
    let acted = held(decided(&mut subject, fresh("600"), at(1)));
    let status = after(&subject, &acted, at(1));
    assert_eq!(reason_of(&status, "Ready"), pair("True", "DryRun"));
    assert_eq!((status.current_replicas, status.desired_replicas), (Some(3), Some(6)));
    assert_eq!(status.decisions.len(), 1);
    subject.written.status = status;
    let again = held(decided(&mut subject, fresh("600"), at(16)));
    assert_eq!(after(&subject, &again, at(16)).decisions.len(), 1);
}

#[test]
fn a_change_by_somebody_else_is_a_line_that_names_them() {
    let mut subject = subject(&json!({}));
    subject.history.last_replicas = Some(Replicas::new(5));
    let acted = held(decided(&mut subject, fresh("300"), at(1)));
    let status = after(&subject, &acted, at(1));
    assert_eq!(
        status.decisions,
        ["2026-11-22T12:00:01Z 5 -> 3 by somebody else (kubectl)"]
    );
}

#[rstest]
#[case("TargetConflict", "False", "False", "False")]
#[case("InvalidSpec", "False", "False", "Unknown")]
#[case("Paused", "True", "False", "Unknown")]
fn what_stands_in_the_way_shows_in_the_conditions_it_concerns(
    #[case] reason: &'static str,
    #[case] ready: &str,
    #[case] active: &str,
    #[case] able: &str,
) {
    let subject = subject(&json!({}));
    let blocked = Blocked {
        reason,
        message: "told".to_owned(),
        target: None,
        now: at(1),
    };
    let status = after(&subject, &Acted::Blocked(Box::new(blocked)), at(1));
    let found = ["Ready", "ScalingActive", "AbleToScale"].map(|condition| reason_of(&status, condition).0);
    assert_eq!(found, [ready, active, able]);
    assert_eq!(status.summary.as_deref(), Some("told"));
}

#[test]
fn r21_only_what_is_new_is_worth_a_write() {
    let mut subject = subject(&json!({}));
    let first = held(decided(&mut subject, fresh("300"), at(1)));
    let written = after(&subject, &first, at(1));
    assert!(is_material(&MetricAutoscalerStatus::default(), &written, at(1)));
    subject.written.status = written.clone();
    let evaluate = |subject: &mut Subject, load: &str, now: Timestamp| {
        let acted = held(decided(subject, fresh(load), now));
        after(subject, &acted, now)
    };
    // Noise within a tenth of what is written, for however long.
    for tick in 1..=40 {
        let now = at(1 + tick * 15);
        let noise = evaluate(&mut subject, if tick % 2 == 0 { "315" } else { "290" }, now);
        assert!(!is_material(&written, &noise, now), "{noise:#?}");
    }
    // A move of more than a tenth, but only once the written value is a minute old.
    let mut moved = written.clone();
    moved.current_metrics[0].value = Some("120".to_owned());
    assert!(!is_material(&written, &moved, at(30)));
    assert!(is_material(&written, &moved, at(61)));
    // Another class of reading, at once.
    let failed = Reading::Failed(Failure::of(FailureClass::Timeout));
    let acted = held(decided(&mut subject, failed, at(616)));
    assert!(is_material(&written, &after(&subject, &acted, at(616)), at(616)));
}

#[test]
fn an_interval_below_the_minimum_is_clamped_and_said_so() {
    let mut subject = subject(&json!({"intervalSeconds": 1}));
    assert_eq!(subject.interval(), Duration::from_secs(5));
    let acted = held(decided(&mut subject, fresh("300"), at(1)));
    let summary = after(&subject, &acted, at(1)).summary.unwrap();
    assert!(
        summary.ends_with("; intervalSeconds is below the operator's minimum: evaluated every 5 s"),
        "{summary}"
    );
}

#[test]
fn the_status_always_fits_its_schema() {
    let mut subject = subject(&json!({}));
    subject.written.status.decisions = vec!["x".repeat(4000); 9];
    let (from, to) = (Replicas::new(3), Replicas::new(6));
    let acted = Acted::Decided {
        decided: decided(&mut subject, fresh("600"), at(1)),
        effect: Effect::Scaled { from, to },
    };
    let status = after(&subject, &acted, at(1));
    assert!(status.decisions.len() <= MAX_DECISIONS);
    assert!(status.summary.unwrap().chars().count() <= MAX_SUMMARY);
}

#[test]
fn what_an_admission_policy_made_of_a_growth_is_told() {
    let mut subject = subject(&json!({}));
    let (from, to) = (Replicas::new(3), Replicas::new(4));
    let acted = Acted::Decided {
        decided: decided(&mut subject, fresh("600"), at(1)),
        effect: Effect::Scaled { from, to },
    };
    let status = after(&subject, &acted, at(1));
    let altered = "6 were written, and admission control made 4 of them";
    let able = status
        .conditions
        .iter()
        .find(|found| found.type_ == "AbleToScale")
        .unwrap();
    assert_eq!(
        able.message,
        format!("scaled up from 3 to 4 at 2026-11-22T12:00:01Z; {altered}")
    );
    assert_eq!(
        status.decisions,
        [format!(
            "2026-11-22T12:00:01Z 3 -> 4: metric load: 200 per replica, target 100, asks for 6; {altered}"
        )]
    );
}
