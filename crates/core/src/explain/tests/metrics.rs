//! One metric: its state, and what it asks for.

use super::*;

#[rstest]
#[case(step(fresh(600), Part::Counts, Some((200, 6, Basis::AboveTarget))),
    "metric load: 200 per replica, target 100, asks for 6")]
#[case(step(Reading::Missing { source_proven: true }, Part::AssumedZero, Some((0, 0, Basis::BelowTarget))),
    "metric load: no series, counts as 0 (whenMissing: Zero), target 100, asks for 0")]
#[case(step(Reading::NotANumber { source_proven: true }, Part::AssumedZero, Some((0, 0, Basis::BelowTarget))),
    "metric load: not a number, counts as 0 (whenNaN: Zero), target 100, asks for 0")]
#[case(step(Reading::Missing { source_proven: false }, Part::Ignored, None),
    "metric load: no series, left out (whenMissing: Ignore)")]
#[case(step(Reading::TooMany { series: 3, pod: None }, BLOCKS, None),
    "metric load: 3 series where one is due, blocks scaling down since 1970-01-01T00:00:00Z")]
fn each_part_that_a_metric_takes_is_told(#[case] step: MetricStep, #[case] expected: &str) {
    assert_eq!(metric(&step), expected);
}

#[rstest]
#[case(fresh(5), "5")]
#[case(Reading::Stale { age: SignedDuration::from_secs(95), limit: SignedDuration::from_secs(60) },
    "stale, its newest sample is 95 s old, more than the 60 s allowed")]
#[case(Reading::Missing { source_proven: false }, "no series")]
#[case(Reading::NotANumber { source_proven: false }, "not a number")]
#[case(Reading::TooMany { series: 2, pod: None }, "2 series where one is due")]
#[case(Reading::TooMany { series: 2, pod: Some("web-0".into()) }, "2 series for pod web-0 where one is due")]
#[case(
    partial(5, PartialCause::Warning),
    "5, but the source warns that the answer is not whole"
)]
#[case(partial(5, PartialCause::FewerSeries { now: 3, before: 6 }),
    "5, but covers only part of the load (3 series now, 6 one look-back ago)")]
#[case(partial(5, PartialCause::TargetsDown { down: 2 }),
    "5, but covers only part of the load (scrape targets down that had its series: 2)")]
#[case(partial(5, PartialCause::YoungSeries { look_back: SignedDuration::from_secs(300) }),
    "5, but reads low until its series fill the range of 300 s")]
#[case(partial(5, PartialCause::UnknownFill { class: FailureClass::Timeout }),
    "5, but may read low, for whether its series fill the range could not be checked (no answer in time)")]
#[case(partial(5, PartialCause::FewerPods { covered: 2, ready: Replicas::new(3) }),
    "5, but covers only part of the load (2 of 3 ready pods have a series)")]
fn each_state_of_a_reading_is_told(#[case] found: Reading, #[case] expected: &str) {
    assert_eq!(reading(&found), expected);
}

#[rstest]
#[case(FailureClass::SourceNotConfigured, "no source is configured")]
#[case(FailureClass::Unreachable, "the source cannot be reached")]
#[case(FailureClass::Timeout, "no answer in time")]
#[case(FailureClass::Unauthorized, "the source refuses the operator's credentials")]
#[case(FailureClass::BadQuery, "the source refuses the query")]
#[case(FailureClass::Execution, "the query fails while it runs")]
#[case(FailureClass::Unavailable, "the source is overloaded or shutting down")]
#[case(FailureClass::HttpStatus, "the source answers with an error")]
#[case(FailureClass::MalformedAnswer, "the answer is not Prometheus' JSON")]
#[case(FailureClass::AnswerTooLarge, "the answer is longer than allowed")]
#[case(
    FailureClass::WrongResultType,
    "the query answers with a histogram, a string or a range, not with a number"
)]
#[case(
    FailureClass::UnknownMetricKind,
    "this version of the operator does not know its kind"
)]
#[case(FailureClass::PodsUnknown, "the pods of the target are not known")]
#[case(FailureClass::Internal, "the operator could not do its part, and tries again")]
fn each_failure_is_told_in_words(#[case] class: FailureClass, #[case] words: &str) {
    let failure = Failure::of(class);
    assert_eq!(
        reading(&Reading::Failed(failure.clone())),
        format!("cannot be read: {words}")
    );
    assert_eq!(
        reading(&Reading::Failed(failure.with_status(500).of_the_probe())),
        format!("read, but the check of its age and coverage failed: {words} (HTTP 500)")
    );
}

#[test]
fn what_we_know_better_than_the_class_is_told_in_its_place() {
    let failure = Failure::of(FailureClass::BadQuery).because("the query nests 120 brackets; at most 100 are sent");
    assert_eq!(
        reading(&Reading::Failed(failure)),
        "cannot be read: the query nests 120 brackets; at most 100 are sent"
    );
}

#[test]
fn a_metric_of_every_pod_tells_on_how_many_it_rests() {
    let told = |counts: PodCounts| {
        let mut step = step(fresh(173), Part::Counts, Some((173, 6, Basis::AboveTarget)));
        step.pods = Some(counts);
        metric(&step)
    };
    let all = PodCounts {
        measured: 3,
        ..PodCounts::default()
    };
    assert_eq!(told(all), "metric load: 173 per pod, target 100, asks for 6");
    let some = PodCounts {
        measured: 3,
        young: 1,
        unready: 2,
        missing: 1,
    };
    assert_eq!(
        told(some),
        "metric load: 173 per pod, target 100, asks for 6, 3 of 7 pods measured (2 starting, 1 too young for the \
         range of the query, 1 without a series)"
    );
    let mut absent = step(Reading::Missing { source_proven: false }, BLOCKS, None);
    absent.pods = Some(PodCounts {
        missing: 3,
        ..PodCounts::default()
    });
    assert_eq!(
        metric(&absent),
        "metric load: no series, 0 of 3 pods measured (3 without a series), blocks scaling down since \
         1970-01-01T00:00:00Z"
    );
    absent.pods = Some(PodCounts::default());
    assert_eq!(
        metric(&absent),
        "metric load: no series, the target has no pods, blocks scaling down since 1970-01-01T00:00:00Z"
    );
}

#[test]
fn all_metrics_are_told_and_those_that_block_scaling_down_apart() {
    let blocks = step(Reading::TooMany { series: 2, pod: None }, BLOCKS, None);
    let (asks_text, blocks_text) = (metric(&down()), metric(&blocks));
    let of = |metrics: Vec<MetricStep>| {
        let trail = asking(down(), vec![]);
        decision(6, 6, Trail { metrics, ..trail })
    };
    let both = of(vec![down(), blocks]);
    assert_eq!(crate::explain::metrics(&both), format!("{asks_text}; {blocks_text}"));
    assert_eq!(crate::explain::blocking(&both), Some(blocks_text));
    assert_eq!(crate::explain::blocking(&of(vec![down()])), None);
}
