use rstest::rstest;

use super::*;
use crate::decision::{Basis, MetricStep, Part, Proposal, Trail};
use crate::per_pod::PodCounts;
use crate::ratio::Ratio;
use crate::reading::PartialCause;
use crate::{
    Evidence, Failure, FailureClass, History, Quantity, Reading, Replicas, Rollout, Seconds, Target, TargetKind,
};

mod metrics;

fn at(seconds: i64) -> Timestamp {
    // 2026-11-22T12:00:00Z
    Timestamp::from_second(1_795_348_800 + seconds).unwrap()
}

fn fresh(value: i64) -> Reading {
    Reading::Fresh {
        value: Quantity::from_units(value),
        evidence: Evidence::Probed,
    }
}

fn partial(value: i64, cause: PartialCause) -> Reading {
    Reading::Partial {
        value: Quantity::from_units(value),
        cause,
    }
}

fn step(reading: Reading, part: Part, asks: Option<(i64, u32, Basis)>) -> MetricStep {
    let proposal = asks.map(|(compared, replicas, basis)| Proposal {
        replicas: Replicas::new(replicas),
        ratio: Ratio::new(Quantity::from_units(compared), Quantity::from_units(100)),
        compared: Quantity::from_units(compared),
        basis,
    });
    let target = Target::new("load", TargetKind::AverageValue, Quantity::from_units(100)).unwrap();
    MetricStep {
        metric: "load".to_owned(),
        reading,
        target: Some(target),
        proposal,
        pods: None,
        part,
    }
}

const BLOCKS: Part = Part::BlocksShrink {
    since: Timestamp::UNIX_EPOCH,
};

fn decision(current: u32, desired: u32, trail: Trail) -> Decision {
    Decision {
        at: at(0),
        current: Replicas::new(current),
        desired: Replicas::new(desired),
        trail,
        needs_probe: false,
        next_change: None,
        history: History::default(),
    }
}

/// One metric that asks for a count, and what limits it.
fn asking(step: MetricStep, limits: Vec<Limit>) -> Trail {
    let proposal = step.proposal.unwrap().replicas;
    Trail {
        metrics: vec![step],
        asked: Asked::Merged { winner: 0, proposal },
        limits,
        ..Trail::default()
    }
}

fn limited(wanted: u32, allowed: u32, cause: LimitCause, until: Option<Timestamp>) -> Limit {
    Limit {
        wanted: Replicas::new(wanted),
        allowed: Replicas::new(allowed),
        cause,
        until,
    }
}

fn down() -> MetricStep {
    step(fresh(200), Part::Counts, Some((33, 2, Basis::BelowTarget)))
}

fn window() -> LimitCause {
    LimitCause::Window {
        direction: Direction::Down,
        window: Seconds::new(300),
        uncertain: false,
    }
}

#[rstest]
#[case(3, 6, step(fresh(600), Part::Counts, Some((200, 6, Basis::AboveTarget))), vec![],
    "scaling up from 3 to 6: metric load: 200 per replica, target 100, asks for 6")]
#[case(6, 2, down(), vec![],
    "scaling down from 6 to 2: metric load: 33 per replica, target 100, asks for 2")]
#[case(3, 3, step(fresh(310), Part::Counts, Some((103, 3, Basis::WithinTolerance))), vec![],
    "holding at 3: metric load: 103 per replica, target 100, within tolerance")]
#[case(3, 3, step(fresh(600), Part::Counts, Some((200, 3, Basis::AwaitsReplicas))), vec![],
    "holding at 3: metric load: 200 per replica, target 100, waiting for replicas that are still starting")]
#[case(6, 6, down(), vec![limited(2, 6, window(), Some(at(60)))],
    "holding at 6, wants 2: metric load: 33 per replica, target 100, asks for 2; \
     the scaleDown stabilization window of 300 s holds 6 until 2026-11-22T12:01:00Z")]
// A bound is told only where nothing else is.
#[case(6, 6, down(), vec![limited(2, 3, LimitCause::Min, None), limited(3, 6, window(), None)],
    "holding at 6, wants 2: metric load: 33 per replica, target 100, asks for 2; \
     the scaleDown stabilization window of 300 s holds 6")]
#[case(6, 3, down(), vec![limited(2, 3, LimitCause::Min, None)],
    "scaling down from 6 to 3, wants 2: metric load: 33 per replica, target 100, asks for 2; minReplicas is 3")]
fn one_sentence_says_what_is_done_and_why(
    #[case] from: u32,
    #[case] to: u32,
    #[case] step: MetricStep,
    #[case] limits: Vec<Limit>,
    #[case] expected: &str,
) {
    assert_eq!(summary(&decision(from, to, asking(step, limits))), expected);
}

#[test]
fn what_was_not_verified_says_so() {
    let mut decision = decision(6, 6, asking(down(), vec![]));
    decision.needs_probe = true;
    assert_eq!(
        summary(&decision),
        "holding at 6: metric load: 33 per replica, target 100, asks for 2; the readings have not been verified yet"
    );
}

#[test]
fn a_dry_run_and_a_paused_target_say_so() {
    let would = decision(6, 2, asking(down(), vec![]));
    assert_eq!(
        dry_run(&would),
        "dry run, nothing is written: scaling down from 6 to 2: metric load: 33 per replica, target 100, asks for 2"
    );
    let disabled = Trail {
        asked: Asked::Disabled,
        ..Trail::default()
    };
    assert_eq!(
        summary(&decision(0, 0, disabled)),
        "holding at 0: the target has spec.replicas 0, which pauses autoscaling"
    );
}

#[test]
fn a_metric_that_blocks_scaling_down_is_told_once() {
    let cause = PartialCause::FewerSeries { now: 1, before: 2 };
    let half = step(partial(200, cause), BLOCKS, Some((33, 2, Basis::BelowTarget)));
    let blocked = |metric: &str| LimitCause::MetricNotFresh {
        metric: metric.to_owned(),
        reading: Reading::Missing { source_proven: false },
        since: at(-60),
    };
    let own = decision(6, 6, asking(half, vec![limited(2, 6, blocked("load"), None)]));
    assert_eq!(
        summary(&own),
        "holding at 6, wants 2: metric load: 33 per replica, target 100, asks for 2, but covers only part of the load \
         (1 series now, 2 one look-back ago), blocks scaling down since 1970-01-01T00:00:00Z"
    );
    let others = decision(6, 6, asking(down(), vec![limited(2, 6, blocked("queue"), None)]));
    assert_eq!(
        summary(&others),
        "holding at 6, wants 2: metric load: 33 per replica, target 100, asks for 2; metric queue: no series, blocks \
         scaling down since 2026-11-22T11:59:00Z"
    );
}

#[rstest]
#[case(None, "")]
#[case(Some(Replicas::new(4)), ", so fallback.minReplicas (4) is in force")]
fn an_outage_names_every_metric(#[case] floor: Option<Replicas>, #[case] end: &str) {
    let failed = Reading::Failed(Failure::of(FailureClass::Timeout));
    let trail = Trail {
        metrics: vec![step(failed, BLOCKS, None)],
        asked: Asked::Unread { since: at(-60), floor },
        ..Trail::default()
    };
    assert_eq!(
        summary(&decision(4, 4, trail)),
        format!(
            "holding at 4: no metric has been readable since 2026-11-22T11:59:00Z (metric load: cannot be read: no \
             answer in time){end}"
        )
    );
}

#[rstest]
#[case(15, 10, "scaling down from 15 to 10: 15 is above maxReplicas (10); metric load: ")]
#[case(1, 2, "scaling up from 1 to 2: 1 is below minReplicas (2); metric load: ")]
fn a_correction_is_told_before_the_metrics(#[case] from: u32, #[case] to: u32, #[case] beginning: &str) {
    let mut trail = asking(down(), vec![]);
    let (from_count, to_count) = (Replicas::new(from), Replicas::new(to));
    trail.corrected = Some(Rescale {
        from: from_count,
        to: to_count,
    });
    let text = summary(&decision(from, to, trail));
    assert_eq!(text, format!("{beginning}33 per replica, target 100, asks for 2"));
}

#[rstest]
#[case(LimitCause::MetricNotFresh { metric: "queue".to_owned(), reading: fresh(5), since: at(0) },
    "metric queue: 5, blocks scaling down since 2026-11-22T12:00:00Z")]
#[case(window(), "the scaleDown stabilization window of 300 s holds 6")]
#[case(LimitCause::Window { direction: Direction::Up, window: Seconds::new(60), uncertain: true },
    "history is uncertain after an interruption, so the scaleUp stabilization window of 60 s starts anew and holds 6")]
#[case(LimitCause::Rate { direction: Direction::Up }, "the scaleUp policies allow at most 6 now")]
#[case(LimitCause::Rate { direction: Direction::Down }, "the scaleDown policies allow no fewer than 6 now")]
#[case(LimitCause::Disabled { direction: Direction::Up }, "scaleUp.selectPolicy is Disabled, so nothing scales up")]
#[case(LimitCause::Disabled { direction: Direction::Down },
    "scaleDown.selectPolicy is Disabled, so nothing scales down")]
#[case(LimitCause::Cooldown { direction: Direction::Up, length: Seconds::new(30) },
    "the scaleUp cooldown of 30 s holds 6")]
#[case(
    LimitCause::Rollout(Rollout::GenerationLags),
    "the target's controller has not seen the newest spec of the target yet, so nothing scales down"
)]
#[case(LimitCause::Rollout(Rollout::Updating { updated: Replicas::new(1), replicas: Replicas::new(4), until: None }),
    "a rollout is under way (1 of 4 replicas updated), so nothing scales down")]
#[case(LimitCause::ClockSkew { skew: SignedDuration::from_secs(-20) },
    "the clocks of the operator and the API server differ by 20 s, so nothing scales down")]
#[case(LimitCause::DataGap { metric: "load".to_owned(), uncertain: false },
    "metric load had a gap and reads low, so nothing scales down")]
#[case(LimitCause::DataGap { metric: "load".to_owned(), uncertain: true },
    "history is uncertain after an interruption: metric load may have had a gap and read low, so nothing scales down")]
#[case(LimitCause::AwaitsSamples { metric: "load".to_owned() },
    "metric load still looks back to before the last scale down, or a change by others, so nothing scales down")]
#[case(LimitCause::Min, "minReplicas is 6")]
#[case(LimitCause::Max, "maxReplicas is 6")]
fn each_limit_is_told(#[case] cause: LimitCause, #[case] expected: &str) {
    assert_eq!(limit(&limited(9, 6, cause, None)), expected);
}

#[rstest]
#[case(
    window(),
    "the scaleDown stabilization window of 300 s holds 6 until 2026-11-22T12:01:00Z"
)]
#[case(LimitCause::Rate { direction: Direction::Up },
    "the scaleUp policies allow at most 6 before 2026-11-22T12:01:00Z")]
#[case(LimitCause::DataGap { metric: "load".to_owned(), uncertain: false },
    "metric load had a gap and reads low, so nothing scales down until 2026-11-22T12:01:00Z")]
fn a_limit_with_a_fixed_end_tells_it(#[case] cause: LimitCause, #[case] expected: &str) {
    assert_eq!(limit(&limited(9, 6, cause, Some(at(60)))), expected);
}

#[test]
fn changes_are_lines_with_what_cut_them_short() {
    let up = step(fresh(900), Part::Counts, Some((300, 9, Basis::AboveTarget)));
    let rate = LimitCause::Rate {
        direction: Direction::Up,
    };
    let decided = decision(3, 6, asking(up, vec![limited(9, 6, rate, Some(at(15)))]));
    let why = "metric load: 300 per replica, target 100, asks for 9; the scaleUp policies allow at most 6 before \
               2026-11-22T12:00:15Z";
    let [stored, other] = [6, 5].map(Replicas::new);
    assert_eq!(change(&decided, stored), format!("2026-11-22T12:00:00Z 3 -> 6: {why}"));
    assert_eq!(
        rescaled(&decided, stored),
        "scaled up from 3 to 6 at 2026-11-22T12:00:00Z"
    );
    let altered = "; 6 were written, and admission control made 5 of them";
    assert_eq!(
        change(&decided, other),
        format!("2026-11-22T12:00:00Z 3 -> 5: {why}{altered}")
    );
    assert_eq!(
        rescaled(&decided, other),
        format!("scaled up from 3 to 5 at 2026-11-22T12:00:00Z{altered}")
    );
    assert_eq!(
        change_of_dry_run(&decided),
        format!("2026-11-22T12:00:00Z 3 -> 6 (dry run): {why}")
    );
    let (from, to) = (Replicas::new(5), Replicas::new(3));
    let rescale = Rescale { from, to };
    assert_eq!(
        foreign_change(rescale, at(0), Some("kubectl")),
        "2026-11-22T12:00:00Z 5 -> 3 by somebody else (kubectl)"
    );
    assert_eq!(
        foreign_change(rescale, at(0), None),
        "2026-11-22T12:00:00Z 5 -> 3 by somebody else"
    );
}

#[test]
fn what_is_asked_for_is_told_where_nothing_limits_it() {
    let met = decision(2, 2, asking(down(), vec![]));
    assert_eq!(asked(&met), "the metrics ask for 2, and nothing limits it");
    let held = decision(6, 6, asking(down(), vec![]));
    assert_eq!(
        asked(&held),
        "the metrics ask for 2, and only a stabilization window stands in the way"
    );
    assert_eq!(asked(&decision(6, 6, Trail::default())), "no metric asks for anything");
}

#[test]
fn a_fight_names_the_other_writer_if_it_is_known() {
    let contention = Contention {
        reversals: 2,
        until: at(600),
    };
    let told = "undid the operator's changes of spec.replicas 2 times within ten minutes: nothing is written until \
                2026-11-22T12:10:00Z";
    assert_eq!(contended(contention, Some("helm")), format!("helm {told}"));
    assert_eq!(contended(contention, None), format!("another writer {told}"));
}

#[rstest]
#[case(1_500, "1.5 s")]
#[case(2_000, "2 s")]
#[case(90_400, "90 s")]
fn spans_have_a_decimal_below_ten(#[case] milliseconds: i64, #[case] expected: &str) {
    assert_eq!(span(SignedDuration::from_millis(milliseconds)), expected);
}
