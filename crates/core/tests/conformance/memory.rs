//! Rows of our own: where memory makes the difference, and what others do to the count.

use autoscaler_core::history::Stored;
use autoscaler_core::{
    Change, ChangeCause, Continuity, Evidence, Failure, FailureClass, History, Quantity, Reading, Replicas, Rollout,
    ScalingRules, decide,
};
use jiff::{SignedDuration, Timestamp};

use super::row::{Row, at, free, judge};

/// A row that goes on: every 15 s it is evaluated, and what is decided is carried out.
struct Story {
    row: Row,
    now: i64,
}

impl Story {
    fn new(row: Row) -> Self {
        Self { row, now: 0 }
    }

    fn now(&self) -> Timestamp {
        at(self.now)
    }

    /// The total of the only metric from now on; none if it cannot be read.
    fn total(&mut self, units: Option<i64>) -> &mut Self {
        self.row.observation.readings[0].reading = units.map_or_else(
            || Reading::Failed(Failure::of(FailureClass::Unreachable)),
            |units| Reading::Fresh {
                value: Quantity::from_units(units),
                evidence: Evidence::Probed,
            },
        );
        self
    }

    /// One evaluation; the count after it.
    fn evaluate(&mut self) -> u32 {
        let Row {
            policy,
            observation,
            history,
        } = &mut self.row;
        let decision = decide(policy, observation, history, at(self.now));
        *history = decision.history.clone();
        if let Some((from, to)) = decision.change() {
            let (at, cause) = (decision.at, ChangeCause::Ours);
            history.record_change(Change { from, to, at, cause }, policy);
            (observation.replicas, observation.ready) = (to, Some(to));
        }
        self.now += 15;
        observation.replicas.get()
    }

    /// Evaluates until the count falls below `count`; the second at which it does.
    fn falls_below(&mut self, count: u32) -> u32 {
        for _ in 0..100 {
            let then = self.now;
            if self.evaluate() < count {
                return u32::try_from(then).expect("stories begin at zero");
            }
        }
        panic!("still {count} after {} s", self.now);
    }
}

/// One metric of 1 per replica behind the default rules, and `replicas` that are wanted.
fn settled(replicas: u32) -> Row {
    Row::at(replicas)
        .bounds(1, 20)
        .default_rules()
        .average(1_000, i64::from(replicas) * 1_000)
}

/// R13: nine replicas are asked for once and two ever since; with a window of 300 s the HPA forgets the nine after 300 s.
#[test]
fn case_r13_a_run_ends_up_to_a_tenth_of_the_window_later() {
    let mut story = Story::new(settled(9));
    story.evaluate();
    let shrinks = story.total(Some(2)).falls_below(9);
    judge("R13", shrinks, 300);
}

/// R14: five are wanted all the time; `kubectl scale` makes it twenty before an event. The count 15 s later.
#[test]
fn case_r14_a_change_by_hand_is_left_alone_for_a_window() {
    let mut story = Story::new(settled(5));
    for _ in 0..40 {
        story.evaluate();
    }
    story.row.observation.replicas = Replicas::new(20);
    judge("R14", story.evaluate(), 5);
    let noticed = story.now - 15;
    let held = i64::from(story.falls_below(20)) - noticed;
    assert!((300..=330).contains(&held), "held for {held} s");
}

/// R14.budget: `kubectl scale` from 4 to 8 ten seconds ago, at most 4 pods in 60 s, and metrics that ask for 20.
#[test]
fn case_r14_budget_a_growth_by_hand_counts() {
    let up = ScalingRules {
        policies: vec![autoscaler_core::RatePolicy::pods(4, 60)],
        ..free(ScalingRules::default_scale_up())
    };
    let mut row = Row::at(8).rules(up, free(ScalingRules::default_scale_down())).wants(20);
    let (from, to) = (Replicas::new(4), Replicas::new(8));
    let (at, cause) = (at(-10), ChangeCause::Foreign);
    row.history.record_change(Change { from, to, at, cause }, &row.policy);
    judge("R14.budget", row.desired(), 12);
}

/// R18: a rolling update is under way, and fewer are wanted.
#[test]
fn case_r18_a_rollout_forbids_shrinking() {
    let mut row = Row::at(5).average(1_000, 2_000);
    row.observation.rollout = Some(Rollout::Updating {
        updated: Replicas::new(2),
        replicas: Replicas::new(5),
        until: None,
    });
    judge("R18", row.desired(), 2);
}

/// K45, and then: no metric can be read for ten minutes; the first evaluation after that asks for two. The HPA has
/// recorded nothing meanwhile, so its window is empty; ours has recorded that nothing was known (R14).
#[test]
fn case_k45_after_an_outage_a_window_passes() {
    let mut story = Story::new(settled(5));
    story.evaluate();
    story.total(None);
    for _ in 0..40 {
        assert_eq!(story.evaluate(), 5);
    }
    let unread = story.now - 15;
    story.total(Some(2));
    judge("K45.after", story.evaluate(), 2);
    let held = i64::from(story.falls_below(5)) - unread;
    assert!((300..=330).contains(&held), "held for {held} s");
}

/// K19, and then: with us a restart on purpose goes on with the window of growth where it was.
#[test]
fn after_a_handover_growth_comes_when_it_would_have() {
    let mut up = free(ScalingRules::default_scale_up());
    up.window = autoscaler_core::Seconds::new(60);
    let mut story = Story::new(settled(3).rules(up, free(ScalingRules::default_scale_down())));
    story.evaluate();
    story.total(Some(9));
    while story.now < 60 {
        assert_eq!(story.evaluate(), 3);
        let (text, last_replicas) = (story.row.history.encode(), story.row.history.last_replicas);
        let stored = Stored::Memory {
            text: &text,
            last_replicas,
        };
        story.row.history = History::resume(stored, Continuity::Unbroken, story.now(), SignedDuration::ZERO);
    }
    assert_eq!(story.evaluate(), 9);
}
