//! Side by side with the real thing: the HPA controller of kube-controller-manager, looking every second.
//!
//! Many pairs of twins run at once, each with a specification, series and surroundings of its own, all drawn from one
//! seed (`case`, `series`, `pods`, `keeper`): metrics of one number, External or Object, by `value` or `averageValue`, and
//! metrics of every pod. The HPA reads its series from a metrics API that the test serves (`stage`), and three witnesses
//! tell what it saw and did, and when (`record`). Our core is then told the same at the same instants (`replay`).
//!
//! Three things are asked of every decision (`verdict`):
//! 1. The HPA did what a model of it does (`model`), so that we know what we talk about. Its witnesses stand outside: on a
//!    busy machine they may miss by how far its caches lag, or on which side of the end of a period it read the clock. A
//!    case in which they did is left out of what follows; one look in a thousand, and one case in twenty, may be so.
//! 2. We did what the HPA did, or what the model does with one or a few of our own rules switched on: `difference` lists
//!    them all, and the smallest set is counted.
//! 3. We did what the model does with all of our rules, so that no bug hides behind a rule that happens to fit.
//!
//! For a few pairs the operator itself runs, on a real Prometheus (`twins`).
//!
//! `SIDE_BY_SIDE_SEED` sets the seed. The HPA controller has no other clock than the wall's, so the experiment takes its
//! time: what waits here is the world that it looks at (`keeper`), never a check. What a slow machine changes is how many decisions fall into a second, not what is
//! right.
#![expect(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

#[expect(dead_code, unused_imports, reason = "the apiserver suite uses the rest")]
mod apiserver;
mod case;
mod difference;
mod keeper;
mod model;
mod pods;
mod random;
mod record;
mod replay;
mod series;
mod stage;
mod twins;
mod verdict;

use std::time::Duration;

use autoscaler_testkit::wait::eventually;

use crate::apiserver::{operator, shared, world};
use crate::case::Case;
use crate::keeper::Keeper;
use crate::random::Random;
use crate::stage::Stage;
use crate::verdict::Verdict;

const SEED: &str = "SIDE_BY_SIDE_SEED";
const CASES: usize = 120;
/// So many decisions are compared at least; so many percent of them are changes of size, and so many about every pod.
const DECISIONS: usize = 10_000;
const CHANGES: usize = 30;
/// One look in so many may be one that the witnesses blur, and one case in so many may have one.
const BLURRED_LOOKS: usize = 1_000;
const BLURRED_CASES: usize = 20;
const POD_BY_POD: usize = 15;

/// Ten times what it takes on an idle machine.
const EXPERIMENT: Duration = Duration::from_mins(15);

fn seed() -> u64 {
    std::env::var(SEED).map_or(1, |seed| seed.parse().expect("the seed is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_come_to_the_same_sizes() {
    let ends = Box::pin(twins::run(seed())).await;
    for end in &ends {
        println!("{end}");
    }
    let apart = ends.iter().filter(|end| end.is_apart()).count();
    println!(
        "{} sizes at the end of steady phases compared, {apart} apart",
        ends.len()
    );
    assert_eq!(apart, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_difference_from_the_hpa_is_a_rule_of_ours() {
    let seed = seed();
    println!("seed {seed} ({SEED} sets it)");
    let mut random = Random::new(seed);
    let cases: Vec<Case> = (0..CASES).map(|index| Case::draw(&mut random, index)).collect();
    let stage = Box::pin(Stage::set(&cases)).await;
    let keeper = Keeper::start(&stage, &cases);
    eventually("enough decisions", EXPERIMENT, || async {
        let looks = stage.looks();
        // The last look of each case is not over.
        (looks >= DECISIONS + CASES)
            .then_some(())
            .ok_or(format!("{looks} so far"))
    })
    .await;

    let records = record::collect(&stage, &cases, &keeper.known());
    let mut verdict = Verdict::default();
    for (case, looks) in cases.iter().zip(&records) {
        verdict.judge(case, looks);
    }
    println!("{verdict}");
    assert!(
        verdict.strange.len() * BLURRED_LOOKS <= verdict.looks,
        "the model is the HPA"
    );
    assert!(verdict.left_out * BLURRED_CASES <= CASES, "the model is the HPA");
    assert_eq!(verdict.unexplained.len(), 0, "every difference has its rule");
    assert_eq!(verdict.inexact.len(), 0, "our rules together are our core");
    assert!(verdict.looks >= DECISIONS, "enough decisions");
    assert!(
        verdict.changes * 100 >= CHANGES * verdict.looks,
        "enough changes of size"
    );
    assert!(
        verdict.pod_by_pod * 100 >= POD_BY_POD * verdict.looks,
        "enough metrics of every pod"
    );
}
