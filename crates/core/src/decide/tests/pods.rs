//! Metrics of every pod; the rows of the HPA's own tests are in `tests/conformance`.

use super::fixtures::*;
use crate::decision::Basis;
use crate::per_pod::{Pod, PodCounts, PodPhase, PodSample};
use crate::*;

/// Pods that have run for long, of which each has this sample.
fn observe_pods(replicas: u32, reading: Reading, amounts: &[Option<&str>]) -> Observation {
    let name = |index: usize| format!("pod-{index}");
    let pod = |(index, _)| Pod {
        name: name(index),
        phase: PodPhase::Running,
        terminating: false,
        started: Some(at(-600)),
        ready: None,
        request: None,
    };
    let sample = |(index, amount): (usize, Option<&str>)| {
        let (value, since) = (quantity(amount?), at(-60));
        Some((name(index), PodSample { value, since }))
    };
    let mut seen = observe(replicas, reading);
    seen.pods = Some(amounts.iter().enumerate().map(pod).collect());
    seen.readings[0].pods = Some(amounts.iter().copied().enumerate().filter_map(sample).collect());
    seen
}

#[test]
fn r10_pods_that_ask_for_exactly_as_many_as_there_are_are_awaited() {
    let basis = |amount: &str| {
        let seen = observe_pods(3, fresh("300"), &[Some(amount), Some(amount)]);
        let decision = decide(&policy(), &seen, &settled(3), at(0));
        (
            decision.desired.get(),
            decision.winner().unwrap().proposal.unwrap().basis,
        )
    };
    assert_eq!(basis("150"), (3, Basis::AwaitsReplicas));
    assert_eq!(basis("151"), (4, Basis::AboveTarget));
}

#[test]
fn r10_a_metric_without_series_tells_the_pods_that_it_should_have_them_of() {
    let seen = observe_pods(2, Reading::Missing { source_proven: true }, &[None, None]);
    let decision = decide(&policy(), &seen, &settled(2), at(0));
    let told = PodCounts {
        missing: 2,
        ..PodCounts::default()
    };
    assert_eq!(decision.metrics().next().unwrap().pods, Some(told));
}

#[test]
fn r10_where_the_pods_are_not_known_a_number_says_nothing_and_the_rest_what_it_is() {
    let told = |reading: Reading| {
        let mut seen = observe_pods(2, reading, &[Some("500"), Some("500")]);
        seen.pods = None;
        let decision = decide(&policy(), &seen, &settled(2), at(0));
        assert_eq!(decision.desired.get(), 2);
        decision.metrics().next().unwrap().reading.clone()
    };
    let unknown = Reading::Failed(Failure::of(FailureClass::PodsUnknown));
    assert_eq!(told(fresh("1000")), unknown);
    let missing = Reading::Missing { source_proven: true };
    assert_eq!(told(missing.clone()), missing);
}

#[test]
fn r10_of_an_answer_that_is_no_number_no_pods_are_told() {
    let reading = Reading::TooMany { series: 2, pod: None };
    let seen = observe_pods(2, reading.clone(), &[Some("500"), None]);
    let decision = decide(&policy(), &seen, &settled(2), at(0));
    let step = decision.metrics().next().unwrap();
    assert_eq!((&step.reading, step.pods), (&reading, None));
}

#[test]
fn r16_a_growth_found_after_an_interruption_may_hide_our_removal() {
    // Somebody grew one to five, we shrank to four and died before that was stored: one is remembered, four are there. What
    // the four carry reads low, for a part of the minute that the rates look back over five shared the load.
    let low = |second: i64| {
        let mut seen = observe_pods(4, fresh("160"), &[Some("40"), Some("40"), Some("40"), Some("40")]);
        let samples = seen.readings[0].pods.as_mut().unwrap();
        for sample in samples.values_mut() {
            sample.since = at(second - 60);
        }
        seen
    };
    let found = decide(&policy(), &low(0), &settled(1), at(0));
    let desired = |second| {
        decide(&policy(), &low(second), &found.history, at(second))
            .desired
            .get()
    };
    assert_eq!((found.desired.get(), desired(59), desired(60)), (4, 4, 2));
}
