//! R16: interrupted at every evaluation and every write, after any downtime, with writes that are late or lost, a
//! decision is never a larger step and never an earlier shrink than that of one who knows everything.
//!
//! Two things are left out (`docs/adr/0001-memory-after-an-interruption.md`): the clock of `fallback`, so policies here
//! have none; and cooldowns and budgets after two or more changes of size of which no status tells. Their sum is noticed
//! (R15); when they cancel each other, nothing is. Windows hold even then.

use autoscaler_core::decision::Basis;
use autoscaler_core::{Direction, LimitCause, Policy, Reading, Replicas};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::select;

use super::generators::{
    Sight, any_fresh, any_limited_policy, any_reading, any_sight, cases, sampler, with_windows_alone,
};
use super::simulator::{CUTS, Cut, Moment, Simulator, Tick};

/// Any policy without fallback; half of them with windows alone, so that there is much to see.
fn any_policy_here() -> impl Strategy<Value = Policy> {
    (any_limited_policy(), any::<bool>()).prop_map(|(mut policy, windows_alone)| {
        policy.fallback = None;
        if windows_alone {
            with_windows_alone(policy)
        } else {
            policy
        }
    })
}

fn any_cut() -> impl Strategy<Value = Option<(Cut, usize)>> {
    let downtime = prop_oneof![2 => Just(0_usize), 2 => 1_usize..=6, 1 => 1_usize..=25];
    prop::option::weighted(0.12, (select(&CUTS[..]), downtime))
}

/// Some intervals in which the same is seen, out of what is seen in a script.
type Stretch = (
    prop::sample::Index,
    Vec<(Option<u32>, bool, Option<(Cut, usize)>, bool)>,
);

fn any_stretch() -> impl Strategy<Value = Stretch> {
    let foreign = prop::option::weighted(0.04, 1_u32..=40);
    let event = (
        foreign,
        prop::bool::weighted(0.8),
        any_cut(),
        prop::bool::weighted(0.05),
    );
    (any::<prop::sample::Index>(), prop::collection::vec(event, 1..10))
}

/// A policy, a count and a script, whose loads mostly lie where decisions turn. The first status is accepted: where none
/// is, there is nothing to remember.
fn any_story() -> impl Strategy<Value = (Policy, u32, Vec<Tick>)> {
    let sight = prop_oneof![4 => any_sight(any_fresh().boxed()), 1 => any_sight(any_reading().boxed())];
    let near = prop::option::weighted(0.7, prop::array::uniform(0_i64..=2_000));
    let (sights, stretches) = (
        prop::collection::vec((sight, near), 1..4),
        prop::collection::vec(any_stretch(), 1..7),
    );
    (any_policy_here(), 1_u32..=36, sights, stretches).prop_map(|(policy, replicas, sights, stretches)| {
        let about = |(sight, near): (Sight, Option<_>)| match near {
            Some(loads) => sight.at_targets(&policy, Replicas::new(replicas), loads),
            None => sight,
        };
        let mut sights: Vec<Sight> = sights.into_iter().map(about).collect();
        sights.push(without_series(&sights[0]));
        let mut ticks = Vec::new();
        for (index, events) in stretches {
            let sight = index.get(&sights);
            ticks.extend(events.into_iter().map(|(foreign, accepts, cut, hands_over)| Tick {
                sight: sight.clone(),
                foreign,
                accepts,
                cut,
                hands_over,
            }));
        }
        (ticks[0].accepts, ticks[0].cut, ticks[0].hands_over) = (true, None, false);
        (policy, replicas, ticks)
    })
}

/// The same, while the series of all metrics are gone.
fn without_series(sight: &Sight) -> Sight {
    let mut gone = sight.clone();
    gone.readings = [(); 3].map(|()| Reading::Missing { source_proven: true });
    gone
}

/// What must be true of every decision.
fn check(policy: &Policy, moment: &Moment) -> Result<(), TestCaseError> {
    let Moment { decision, verdict, .. } = moment;
    let desired = decision.desired;
    let story = || {
        format!(
            "at {} of {}: decides {desired}, the witness {} (exactly {})\n{:?}\nwitness: {:?}\nhistory: {}\nwitness: {}",
            decision.at,
            decision.current,
            verdict.decision.desired,
            verdict.exact,
            decision.trail,
            verdict.decision.trail,
            decision.history.encode(),
            verdict.decision.history.encode(),
        )
    };
    prop_assert!(!verdict.is_early_shrink(desired), "an early shrink {}", story());
    if !moment.clouded {
        prop_assert!(verdict.allows(desired), "a larger step {}", story());
        let same = desired == verdict.decision.desired;
        prop_assert!(
            same || desired == verdict.exact || holds_back(policy, moment),
            "no reason {}",
            story()
        );
    }
    for cause in decision.limits().map(|limit| &limit.cause) {
        if let LimitCause::Window { window, uncertain, .. } = cause {
            let recent = moment.recovered.is_some_and(|ago| ago < window.duration());
            prop_assert_eq!(
                *uncertain,
                recent,
                "HistoryUncertain is told for a window's time: {}",
                story()
            );
        }
    }
    Ok(())
}

/// The trail has something of memory that holds the count back, and the interruption that it comes from is not over:
/// windows hold what was filled in, or what may have gone on unseen; everything else, a change that is dated late.
fn holds_back(policy: &Policy, moment: &Moment) -> bool {
    let within = |ago: Option<SignedDuration>, time: SignedDuration| ago.is_some_and(|ago| ago < time);
    let look_back = policy
        .metrics
        .iter()
        .map(|metric| metric.look_back.duration())
        .max()
        .unwrap_or_default();
    let settles = look_back + policy.growth_settle.duration();
    let limits = moment.decision.limits().any(|limit| match &limit.cause {
        // The HistoryUncertain of R16. What it rests on may be extended by a tenth of a window (R13), and what a change that
        // is dated late made a metric ask for is remembered in turn.
        LimitCause::Window { uncertain: true, .. } | LimitCause::DataGap { uncertain: true, .. } => true,
        LimitCause::Window { window, .. } => {
            let holds = window.duration() + window.duration() / 10;
            within(moment.began, holds) || within(moment.dated, holds + settles)
        }
        // It ends when its series is next seen, which may be long after the start.
        LimitCause::DataGap { .. } => moment.knew_a_gap,
        LimitCause::AwaitsSamples { .. } => within(moment.dated, look_back),
        LimitCause::Rate { direction } => {
            let rules = match direction {
                Direction::Up => &policy.scale_up,
                Direction::Down => &policy.scale_down,
            };
            let longest = rules.policies.iter().map(|rule| rule.period.duration()).max();
            within(moment.dated, longest.unwrap_or_default())
        }
        LimitCause::Cooldown { length, .. } => within(moment.dated, length.duration()),
        LimitCause::MetricNotFresh { .. }
        | LimitCause::Disabled { .. }
        | LimitCause::Rollout(_)
        | LimitCause::ClockSkew { .. }
        | LimitCause::Min
        | LimitCause::Max => false,
    });
    let waits = |basis| match basis {
        Basis::AwaitsReplicas => within(moment.dated, settles),
        Basis::WithinTolerance | Basis::BelowTarget | Basis::AboveTarget => false,
    };
    let mut proposals = moment.decision.metrics().filter_map(|step| step.proposal);
    limits || proposals.any(|proposal| waits(proposal.basis))
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn r16_an_interruption_never_makes_a_step_larger_or_a_shrink_earlier(
        (policy, replicas, script) in any_story(),
    ) {
        let mut simulator = Simulator::new(policy.clone(), replicas);
        for tick in &script {
            if let Some(moment) = simulator.tick(tick) {
                check(&policy, &moment)?;
            }
        }
    }

    #[test]
    fn r13_runs_hold_no_shorter_than_single_recommendations_and_handovers_change_nothing_else(
        (policy, replicas, script) in any_story(),
    ) {
        let mut simulator = Simulator::new(policy.clone(), replicas);
        for tick in &script {
            // Nothing is lost and nobody crashes.
            let tick = Tick { accepts: true, cut: None, ..tick.clone() };
            let moment = simulator.tick(&tick).expect("a term is always there");
            check(&policy, &moment)?;
            let Moment { decision, verdict, .. } = moment;
            if decision.desired != verdict.decision.desired {
                let cause = decision.limit().map(|limit| &limit.cause);
                prop_assert!(matches!(cause, Some(LimitCause::Window { uncertain: false, .. })), "{cause:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// One script, cut at every place in turn.
    #[test]
    fn r16_no_place_to_be_interrupted_at_is_special(
        (policy, replicas, script) in any_story(), down in 1_usize..=12,
    ) {
        let mut so_far = Simulator::new(policy.clone(), replicas);
        // The work grows with the square of the length.
        let script = &script[..script.len().min(16)];
        for (index, tick) in script.iter().enumerate() {
            let cuts = CUTS.into_iter().flat_map(|cut| [(cut, 0), (cut, down)]);
            for cut in cuts.filter(|_| index > 0) {
                let mut simulator = so_far.clone();
                let first = Tick { cut: Some(cut), ..tick.clone() };
                let rest = script[index + 1..].iter().map(|tick| Tick { cut: None, ..tick.clone() });
                for tick in std::iter::once(first).chain(rest) {
                    if let Some(moment) = simulator.tick(&tick) {
                        check(&policy, &moment)?;
                    }
                }
            }
            so_far.tick(&Tick { cut: None, ..tick.clone() });
        }
    }
}

/// The scripts reach what they are for: without this the properties above could be empty.
#[test]
fn interruptions_make_a_difference_and_leave_much_the_same() {
    use proptest::strategy::ValueTree;

    let mut runner = sampler();
    let (mut same, mut held, mut clouded, mut late) = ([0; 2], [0; 2], 0, 0);
    for _ in 0..500 {
        let (policy, replicas, script) = any_story().new_tree(&mut runner).expect("a case").current();
        let mut simulator = Simulator::new(policy, replicas);
        let moments: Vec<Moment> = script.iter().filter_map(|tick| simulator.tick(tick)).collect();
        late += simulator.late_loads;
        for moment in moments.iter().filter(|moment| moment.recovered.is_some()) {
            let truth = &moment.verdict.decision;
            let Some(direction) = Direction::between(truth.current, truth.desired) else {
                continue;
            };
            clouded += i32::from(moment.clouded);
            let count = if moment.decision.desired == truth.desired {
                &mut same
            } else {
                &mut held
            };
            count[usize::from(direction == Direction::Down)] += 1;
        }
    }
    let enough = same.iter().chain(&held).all(|count| *count >= 20) && clouded >= 5 && late >= 5;
    assert!(
        enough,
        "growths and shrinks: the same {same:?}, held {held:?}; clouded {clouded}; from a status that was late {late}"
    );
}
