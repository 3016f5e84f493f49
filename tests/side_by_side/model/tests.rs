//! Rows that the drawn experiments find now and then, written out.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::case::{Kind, Source};
use crate::pods::{Habits, PodLoad, PodState};
use crate::random::Random;
use crate::replay::Replay;
use crate::series::Sample;

/// A look at so many replicas, so many seconds after the first, that ends with so many.
fn look(seconds: i64, spec: u32, load: i64, result: u32) -> Look {
    let at = Timestamp::from_second(1_795_348_000 + seconds).expect("a time of this century");
    Look {
        began: at,
        at,
        spec,
        status: spec,
        pods: vec![Pods::ready(spec)],
        samples: vec![Sample::Whole(load)],
        loads: Vec::new(),
        asked: true,
        proposed: None,
        result,
        changed: (spec != result).then_some(at),
    }
}

fn case(kind: Kind, behavior: Value) -> Case {
    Case {
        name: "written".to_owned(),
        kind,
        source: Source::External,
        min: 1,
        max: 20,
        start: 10,
        behavior: Some(behavior),
        metrics: vec![Vec::new()],
        loads: Vec::new(),
        habits: Habits::draw(&mut Random::new(0)),
        lag: Duration::ZERO,
        meddling: None,
        random: Random::new(0),
    }
}

#[test]
fn the_hpa_forgets_a_growth_that_the_budget_of_shrinking_still_counts() {
    let behavior = json!({
        "scaleUp": {"policies": [{"type": "Pods", "value": 10, "periodSeconds": 1}]},
        "scaleDown": {
            "stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}],
        },
    });
    let case = case(Kind::AverageValue, behavior);
    let policy = case.policy();
    let mut hpa = Model::new(&case, &policy, Differences::NONE);
    let mut keeping = Model::new(&case, &policy, Differences::NONE.and(Difference::ChangesAreKept));
    let mut ours = Replay::new(&case, &policy);

    // A minute ago there were 10. The growth to 17 overwrites the one to 14, which is older than a second.
    let looks = [
        look(0, 10, 14_000, 14),
        look(25, 14, 17_000, 17),
        look(30, 17, 2_000, 17),
    ];
    let decided = looks.each_ref().map(|look| {
        let counts = (
            hpa.decide(look, &look.pods[0]),
            keeping.decide(look, &look.pods[0]),
            ours.decide(look, &look.pods[0]),
        );
        (counts.0, counts.1, i64::from(counts.2))
    });
    assert_eq!(decided, [(14, 14, 14), (17, 17, 17), (10, 6, 6)]);
}

const PENDING: PodState = PodState::Pending;
const RUNNING: PodState = PodState::Running;
const SUCCEEDED: PodState = PodState::Succeeded;

/// Pods and their loads, thousandths of the target each; a negative number is the load of a young pod.
#[rstest]
#[case::the_same(4, &[RUNNING; 4], &[1500; 4], 6, None, 6)]
#[case::missing_below_the_target(4, &[RUNNING; 4], &[200, 200], 3, None, 3)]
#[case::missing_above_the_target(4, &[RUNNING; 4], &[3000, 3000], 6, None, 6)]
#[case::at_the_target_nothing_is_filled_in(4, &[RUNNING; 4], &[1000, 1000], 4, None, 4)]
#[case::pending_below_the_target(4, &[RUNNING, RUNNING, PENDING, PENDING], &[500; 4], 1, Some(Difference::PodsShrinkFromSpec), 2)]
#[case::a_surge_below_the_target(4, &[RUNNING; 6], &[800; 6], 5, Some(Difference::PodsShrinkFromSpec), 4)]
#[case::one_listed_above_the_target(4, &[RUNNING], &[2000], 2, Some(Difference::PodsGrowFromSpec), 4)]
#[case::a_stranger(2, &[RUNNING; 2], &[1000, 1000, 7000], 6, Some(Difference::ForeignSamples), 2)]
#[case::succeeded(2, &[RUNNING, RUNNING, SUCCEEDED, SUCCEEDED], &[2000, 2000], 2, Some(Difference::SucceededPods), 4)]
#[case::young(4, &[RUNNING; 4], &[200, 200, -10, -10], 1, Some(Difference::YoungPods), 3)]
fn metrics_of_every_pod_are_reckoned_by_the_hpa_as_it_does_but_for_one_rule(
    #[case] spec: u32,
    #[case] states: &[PodState],
    #[case] loads: &[i64],
    #[case] hpa: i64,
    #[case] rule: Option<Difference>,
    #[case] ours: i64,
) {
    let free =
        json!({"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 100, "periodSeconds": 1}]});
    let case = case(Kind::Pods, json!({"scaleUp": free, "scaleDown": free}));
    let policy = case.policy();
    let loads = (0..).zip(loads).map(|(pod, load)| PodLoad {
        pod,
        load: load.abs(),
        young: *load < 0,
    });
    let look = Look {
        loads: loads.collect(),
        ..look(0, spec, 1000, spec)
    };
    let pods = Pods::each(states);
    let decide = |differences| Model::new(&case, &policy, differences).decide(&look, &pods);
    let with_rule = rule.map_or(Differences::NONE, |rule| Differences::NONE.and(rule));
    let core = Replay::new(&case, &policy).decide(&look, &pods);
    let decided = (
        decide(Differences::NONE),
        decide(with_rule),
        decide(Differences::all()),
        i64::from(core),
    );
    assert_eq!(decided, (hpa, ours, ours, ours));
}
