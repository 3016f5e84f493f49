use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{FailureClass, History, Limit, LimitCause, Replicas, Trail};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode;

use super::*;

fn samples(registry: &Registry) -> Vec<String> {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    assert!(text.ends_with("# EOF\n"));
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn samples_of(registry: &Registry, name: &str) -> Vec<String> {
    let is_of = |line: &String| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    samples(registry).into_iter().filter(is_of).collect()
}

fn decision(current: u32, desired: u32, cause: Option<LimitCause>) -> Decision {
    let limit = |cause| Limit {
        wanted: Replicas::new(9),
        allowed: Replicas::new(desired),
        cause,
        until: None,
    };
    Decision {
        at: Timestamp::UNIX_EPOCH,
        current: Replicas::new(current),
        desired: Replicas::new(desired),
        trail: Trail {
            limits: cause.map(limit).into_iter().collect(),
            ..Trail::default()
        },
        needs_probe: false,
        next_change: None,
        history: History::default(),
    }
}

#[test]
fn every_family_has_its_name_and_unit() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    metrics.finished(RequestKind::Query, Outcome::Answered, Duration::from_millis(20));
    metrics.shared(RequestKind::Query);
    metrics.decided(&decision(1, 1, None));
    metrics.status_written(&Ok(()));
    metrics.api_request("get", "leases", Some(200), Duration::from_millis(20));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let expected = [
        "metric_autoscaler_evaluations counter",
        "metric_autoscaler_evaluation_lateness_seconds histogram",
        "metric_autoscaler_evaluation_duration_seconds histogram",
        "metric_autoscaler_decisions counter",
        "metric_autoscaler_queries counter",
        "metric_autoscaler_query_duration_seconds histogram",
        "metric_autoscaler_queries_shared counter",
        "metric_autoscaler_scale_writes counter",
        "metric_autoscaler_status_writes counter",
        "metric_autoscaler_events counter",
        "metric_autoscaler_api_requests counter",
        "metric_autoscaler_api_request_duration_seconds histogram",
        "metric_autoscaler_leader gauge",
        "metric_autoscaler_build info",
        "metric_autoscaler_clock_skew_seconds gauge",
        "metric_autoscaler_autoscalers gauge",
        "metric_autoscaler_current_replicas gauge",
        "metric_autoscaler_desired_replicas gauge",
        "metric_autoscaler_reading_state gauge",
    ];
    assert_eq!(types, expected);
    let build = samples_of(&registry, "metric_autoscaler_build_info");
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(build[0].contains(version) && build[0].contains("commit="), "{build:?}");
}

#[test]
fn decisions_are_counted_by_direction_and_last_limit() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    metrics.decided(&decision(2, 5, Some(LimitCause::Max)));
    metrics.decided(&decision(5, 4, None));
    metrics.decided(&decision(
        3,
        3,
        Some(LimitCause::ClockSkew {
            skew: SignedDuration::ZERO,
        }),
    ));
    let mut counted = samples_of(&registry, "metric_autoscaler_decisions_total");
    counted.sort();
    let expected = [
        r#"metric_autoscaler_decisions_total{direction="down",limit="none"} 1"#,
        r#"metric_autoscaler_decisions_total{direction="none",limit="clock_skew"} 1"#,
        r#"metric_autoscaler_decisions_total{direction="up",limit="max"} 1"#,
    ];
    assert_eq!(counted, expected);
}

#[test]
fn outcomes_are_counted_under_stable_names() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    metrics.evaluated(EvaluationOutcome::Changed, Duration::ZERO, Duration::ZERO);
    metrics.scale_write(ScaleWriteOutcome::Superseded);
    metrics.event(EventOutcome::Dropped);
    metrics.status_written(&Ok(()));
    metrics.status_written::<()>(&Err(CallError::NotLeader { what: "write" }));
    metrics.finished(
        RequestKind::Probe,
        Outcome::Failed(FailureClass::Timeout),
        Duration::ZERO,
    );
    metrics.shared(RequestKind::Query);
    metrics.api_request("list", "pods", None, Duration::ZERO);
    let shown = samples(&registry);
    for expected in [
        r#"metric_autoscaler_evaluations_total{outcome="changed"} 1"#,
        r#"metric_autoscaler_scale_writes_total{outcome="superseded"} 1"#,
        r#"metric_autoscaler_events_total{outcome="dropped"} 1"#,
        r#"metric_autoscaler_status_writes_total{outcome="written"} 1"#,
        r#"metric_autoscaler_status_writes_total{outcome="not_leader"} 1"#,
        r#"metric_autoscaler_queries_total{kind="probe",outcome="timeout"} 1"#,
        r#"metric_autoscaler_queries_shared_total{kind="query"} 1"#,
        r#"metric_autoscaler_api_requests_total{verb="list",resource="pods",code="none"} 1"#,
    ] {
        assert!(
            shown.iter().any(|line| line == expected),
            "{expected} is missing in {shown:#?}"
        );
    }
}

#[test]
fn all_series_of_an_object_vanish_with_it() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    let object = |name: &str| ObjectName {
        namespace: "shop".into(),
        name: name.into(),
    };
    let gauges = |desired| Gauges {
        current: Some(Replicas::new(2)),
        desired: Some(Replicas::new(desired)),
        readings: vec![
            ("load".into(), ReadingClass::Fresh),
            ("queue".into(), ReadingClass::Missing),
        ],
    };
    metrics.show(object("web"), "1", gauges(3));
    metrics.show(object("broker"), "2", Gauges::default());
    metrics.show(object("web"), "1", gauges(4));
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_desired_replicas"),
        [r#"metric_autoscaler_desired_replicas{namespace="shop",name="web"} 4"#]
    );
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_reading_state"),
        [
            r#"metric_autoscaler_reading_state{namespace="shop",name="web",metric="load",state="fresh"} 1"#,
            r#"metric_autoscaler_reading_state{namespace="shop",name="web",metric="queue",state="missing"} 1"#,
        ]
    );
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_autoscalers"),
        ["metric_autoscaler_autoscalers 2"]
    );
    // The one of that name that was deleted before this one was created.
    metrics.forget(&object("web"), "0");
    assert_eq!(samples_of(&registry, "metric_autoscaler_desired_replicas").len(), 1);
    metrics.forget(&object("web"), "1");
    assert!(!samples(&registry).iter().any(|line| line.contains("web")));
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_autoscalers"),
        ["metric_autoscaler_autoscalers 1"]
    );
}

#[test]
fn a_replica_that_stops_leading_shows_no_autoscalers() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    metrics.leads(true);
    metrics.show(
        ObjectName {
            namespace: "shop".into(),
            name: "web".into(),
        },
        "1",
        Gauges::default(),
    );
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_leader"),
        ["metric_autoscaler_leader 1"]
    );
    metrics.leads(false);
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_leader"),
        ["metric_autoscaler_leader 0"]
    );
    assert_eq!(
        samples_of(&registry, "metric_autoscaler_autoscalers"),
        ["metric_autoscaler_autoscalers 0"]
    );
}
