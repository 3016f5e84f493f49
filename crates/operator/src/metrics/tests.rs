use autoscaler_api::conditions::ConditionType;
use autoscaler_core::reading::ReadingClass;
use autoscaler_core::{Bounds, FailureClass, History, Limit, LimitCause, Replicas, Trail};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode;

use super::reference::{
    SERIES_OF_A_METRIC, SERIES_OF_AN_AUTOSCALER, SERIES_WITH_MEMBERSHIP, metric_families, outcomes,
};
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

fn reading(metric: &str, class: ReadingClass, value: Option<f64>) -> ReadingGauges {
    ReadingGauges {
        metric: metric.into(),
        class,
        value,
        target: Some(100.0),
    }
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
    let shown: Vec<String> = metric_families()
        .unwrap()
        .into_iter()
        .map(|family| format!("{} {}", family.name, family.kind))
        .collect();
    let expected = [
        "process_cpu_seconds_total counter",
        "process_start_time_seconds gauge",
        "process_resident_memory_bytes gauge",
        "process_open_fds gauge",
        "process_max_fds gauge",
        "metric_autoscaler_evaluations_total counter",
        "metric_autoscaler_evaluation_lateness_seconds histogram",
        "metric_autoscaler_evaluation_duration_seconds histogram",
        "metric_autoscaler_decisions_total counter",
        "metric_autoscaler_queries_total counter",
        "metric_autoscaler_query_duration_seconds histogram",
        "metric_autoscaler_queries_shared_total counter",
        "metric_autoscaler_scale_writes_total counter",
        "metric_autoscaler_status_writes_total counter",
        "metric_autoscaler_events_total counter",
        "metric_autoscaler_api_requests_total counter",
        "metric_autoscaler_api_request_duration_seconds histogram",
        "metric_autoscaler_operations_total counter",
        "metric_autoscaler_operation_stalls_total counter",
        "metric_autoscaler_operation_proof_to_patch_seconds histogram",
        "metric_autoscaler_leader gauge",
        "metric_autoscaler_build_info info",
        "metric_autoscaler_clock_skew_seconds gauge",
        "metric_autoscaler_autoscalers gauge",
        "metric_autoscaler_current_replicas gauge",
        "metric_autoscaler_desired_replicas gauge",
        "metric_autoscaler_min_replicas gauge",
        "metric_autoscaler_max_replicas gauge",
        "metric_autoscaler_reading_state gauge",
        "metric_autoscaler_reading_value gauge",
        "metric_autoscaler_reading_target gauge",
        "metric_autoscaler_condition gauge",
        "metric_autoscaler_operation_phase gauge",
        "metric_autoscaler_operation_age_seconds gauge",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_binary_tells_what_it_was_built_from() {
    let (_, registry) = Metrics::new(&Clock::start());
    let build = samples_of(&registry, "metric_autoscaler_build_info");
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(build[0].contains(version) && build[0].contains("commit="), "{build:?}");
}

#[test]
fn the_process_tells_what_it_uses() {
    let (_, registry) = Metrics::new(&Clock::start());
    let value = |name: &str| -> f64 {
        let sample = samples_of(&registry, name).pop().unwrap();
        sample.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_start_time_seconds") > 1.7e9);
    assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") < value("process_max_fds"));
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
    counted.retain(|sample| !sample.ends_with(" 0"));
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

/// E97 and E98 of the HPA's own tests.
#[test]
fn e97_e98_the_duration_of_an_evaluation_is_recorded_whatever_came_of_it() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    let late = Duration::from_secs(1);
    metrics.evaluated(EvaluationOutcome::Changed, late, Duration::from_millis(1500));
    metrics.evaluated(EvaluationOutcome::Failed, late, Duration::from_millis(2500));
    let sum = |family: &str| samples_of(&registry, &format!("metric_autoscaler_evaluation_{family}_seconds_sum"));
    let count = |family: &str| {
        samples_of(
            &registry,
            &format!("metric_autoscaler_evaluation_{family}_seconds_count"),
        )
    };
    assert_eq!(
        sum("duration"),
        ["metric_autoscaler_evaluation_duration_seconds_sum 4.0"]
    );
    assert_eq!(
        count("duration"),
        ["metric_autoscaler_evaluation_duration_seconds_count 2"]
    );
    assert_eq!(
        sum("lateness"),
        ["metric_autoscaler_evaluation_lateness_seconds_sum 2.0"]
    );
}

#[test]
fn e100_all_series_of_an_object_vanish_with_it() {
    let (metrics, registry) = Metrics::new(&Clock::start());
    let object = |name: &str| ObjectName {
        namespace: "shop".into(),
        name: name.into(),
    };
    let gauges = |desired| Gauges {
        current: Some(Replicas::new(2)),
        desired: Some(Replicas::new(desired)),
        bounds: Bounds::new(Replicas::new(1), Replicas::new(9)).ok(),
        readings: vec![
            reading("load", ReadingClass::Fresh, Some(7.5)),
            reading("queue", ReadingClass::Missing, None),
        ],
        conditions: vec![ConditionGauge {
            condition: "Ready".into(),
            status: "True".into(),
            reason: "ValidMetricFound".into(),
        }],
    };
    metrics.show(object("web"), "1", gauges(3), None);
    metrics.show(object("broker"), "2", Gauges::default(), None);
    metrics.show(object("web"), "1", gauges(4), None);
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
    for (name, expected) in [
        ("reading_value", r#"{namespace="shop",name="web",metric="load"} 7.5"#),
        ("min_replicas", r#"{namespace="shop",name="web"} 1"#),
        ("max_replicas", r#"{namespace="shop",name="web"} 9"#),
        (
            "condition",
            r#"{namespace="shop",name="web",type="Ready",status="True",reason="ValidMetricFound"} 1"#,
        ),
        ("autoscalers", " 2"),
    ] {
        let name = format!("metric_autoscaler_{name}");
        assert_eq!(samples_of(&registry, &name), [format!("{name}{expected}")]);
    }
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
fn an_autoscaler_has_no_more_series_than_the_reference_says() {
    let shown = |conditions: &[ConditionType], metrics: usize, operation: Option<OperationGauge>| {
        let (shown, registry) = Metrics::new(&Clock::start());
        let object = ObjectName {
            namespace: "shop".into(),
            name: "web".into(),
        };
        let gauges = Gauges {
            current: Some(Replicas::new(2)),
            desired: Some(Replicas::new(3)),
            bounds: Bounds::new(Replicas::new(1), Replicas::new(9)).ok(),
            readings: (0..metrics)
                .map(|number| reading(&number.to_string(), ReadingClass::Fresh, Some(1.0)))
                .collect(),
            conditions: conditions
                .iter()
                .map(|condition| ConditionGauge {
                    condition: condition.as_str().into(),
                    status: "True".into(),
                    reason: "Any".into(),
                })
                .collect(),
        };
        shown.show(object, "1", gauges, operation);
        samples(&registry)
            .iter()
            .filter(|line| line.contains("\"web\""))
            .count()
    };
    let operation = OperationGauge {
        kind: "Leave",
        phase: "Gating",
        began: Timestamp::UNIX_EPOCH,
    };
    assert_eq!(shown(&ConditionType::OF_ALL, 0, None), SERIES_OF_AN_AUTOSCALER);
    assert_eq!(shown(&ConditionType::ALL, 0, Some(operation)), SERIES_WITH_MEMBERSHIP);
    assert_eq!(
        shown(&ConditionType::OF_ALL, 5, None),
        SERIES_OF_AN_AUTOSCALER + 5 * SERIES_OF_A_METRIC
    );
}

#[test]
fn every_metric_with_outcomes_is_one_of_ours() {
    let families = metric_families().unwrap();
    for (name, outcomes) in outcomes() {
        let family = families.iter().find(|family| family.name == name).unwrap();
        assert!(family.labels.iter().any(|label| label == "outcome"), "{name}");
        assert!(!outcomes.is_empty());
    }
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
        None,
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
