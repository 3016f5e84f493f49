//! The crash walk: the operator is killed at every effect of an operation on a real API server, and each time everything ends as
//! if nothing had happened. The same with the leader paused and another replica taking over, at every act and what is stored for it.
//!
//! The effects are those of a run that nobody disturbs, told by a recording proxy in front of the API server and of the members:
//! what the operator stores, and what it does. Each has three sides: before it is sent, after it with the reply swallowed, and
//! after the reply. What is after a reply is before the next effect, so one run stands for both; after the last reply the
//! operator is at rest. An effect that is not reached fails the walk. The rules of a shrink are held against every revision of the
//! set, joined with the calls, and the end is compared whole. Of each cluster three members go, each with operators that are cut off
//! somewhere else: of one operation two are killed, one of them up to the act that commits and one after it.

mod end;
pub(super) mod point;
pub(super) mod site;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use autoscaler_testkit::recorder::{Call, Held};
use autoscaler_testkit::wait::patiently;
use futures::FutureExt;
use futures::future::{join, join_all, join3};

use super::numbers::{self, Measured};
use crate::world::Operator;
use end::End;
use point::{EFFECTS, Point, first_effects, is_act, is_intent};
use site::{PATIENCE, Site};

const MEMBERS: u32 = 5;
const LEFT: u32 = 2;
/// How the leader is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Killed,
    /// What it sent to a member or to the target arrives when another replica has taken over, and then it goes on.
    PausedAtAct,
    /// The same of what it stored before: the act itself is never sent.
    PausedAtIntent,
}

/// Why a site came to nothing.
enum Trouble {
    /// What was held was released so late that the profile's time for it may have been over: that breaks the assumption of M15, so
    /// the run says nothing about it.
    TooLate,
    /// Something else went wrong.
    Failed(String),
}

/// What a site came to: the end, and which rules were broken on the way.
struct Walked {
    end: End,
    broken: Vec<String>,
    /// What was stored and done, in order.
    story: Vec<String>,
    measured: Measured,
}

#[tokio::test]
async fn an_operator_killed_at_any_effect_ends_where_it_would_have_ended() {
    let points: Vec<Point> = EFFECTS.into_iter().flat_map(Point::both).collect();
    // The sides after a reply are those before the next effect.
    let reached = points.len() + EFFECTS.len();
    let (early, late) = points.split_at(points.len() / 2);
    let operations: Vec<_> = early
        .iter()
        .zip(late)
        .map(|(early, late)| vec![*early, *late])
        .collect();
    let ((expected, mut measured), walked) = join(undisturbed("walk"), walk(Cut::Killed, &operations)).await;
    measured += compare(walked, &expected);
    measured.points = reached;
    numbers::tell("killed", measured);
}

#[tokio::test]
async fn m15_a_leader_paused_at_any_act_ends_where_it_would_have_ended() {
    let operations = |is_it: fn(&str) -> bool| -> Vec<_> {
        let effects = EFFECTS.into_iter().filter(|effect| is_it(effect));
        effects.flat_map(Point::both).map(|point| vec![point]).collect()
    };
    let (acts, intents) = (operations(is_act), operations(is_intent));
    let walks = (walk(Cut::PausedAtAct, &acts), walk(Cut::PausedAtIntent, &intents));
    let ((expected, mut measured), after_acts, after_intents) = join3(undisturbed("pause"), walks.0, walks.1).await;
    measured += compare(after_acts, &expected);
    measured += compare(after_intents, &expected);
    measured.points = acts.len() + intents.len();
    numbers::tell("paused", measured);
}

/// A run without any trouble but that the operator is killed when it is at rest.
async fn undisturbed(name: &str) -> (End, Measured) {
    let site = Site::new(name, MEMBERS, Cut::Killed.in_flight()).await;
    let operator = site.operator("undisturbed").await;
    site.autoscale().await;
    for to in (LEFT..MEMBERS).rev() {
        site.shrink(to).await;
        site.rests_with(to).await;
    }
    let expected = site.end(LEFT).await;
    assert_eq!(expected.messages, site.published, "{expected:#?}");
    assert_eq!(expected.residue, Vec::<String>::new());
    assert_eq!(site.broken(), Vec::<String>::new());
    let effects = first_effects(&site.calls());
    assert_eq!(
        effects, EFFECTS,
        "the effects of an operation are not those of the walk"
    );
    operator.process.kill();
    let next = site.operator_that_leads("next").await;
    next.wait_evaluations(3).await;
    assert_eq!(first_effects(&site.calls()), EFFECTS, "something was done at rest");
    assert_eq!(site.end(LEFT).await, expected);
    (expected, site.measured())
}

/// How a walk from some points ended; none if it panicked.
type Outcome<'a> = (&'a [Vec<Point>], Option<Result<Walked, String>>);

/// Walks all of them.
async fn walk(cut: Cut, operations: &[Vec<Point>]) -> Vec<Outcome<'_>> {
    let sites = operations.chunks(cut.operations_of_a_site()).enumerate();
    let walks = sites.map(|(number, points)| async move {
        let mut in_flight = cut.in_flight();
        loop {
            let name = format!("{cut:?}-{number}-{in_flight}").to_lowercase();
            // The others walk on.
            let walked = AssertUnwindSafe(walked(name, cut, points, in_flight)).catch_unwind();
            match walked.await {
                // On a machine that is so busy the profile has to allow more.
                Ok(Err(Trouble::TooLate)) => in_flight *= 2,
                Ok(Err(Trouble::Failed(why))) => return (points, Some(Err(why))),
                Ok(Ok(walked)) => return (points, Some(Ok(walked))),
                Err(_) => return (points, None),
            }
        }
    });
    join_all(walks).await
}

/// What was measured, if all ended as expected.
fn compare(outcomes: Vec<Outcome<'_>>, expected: &End) -> Measured {
    let (mut measured, mut wrong) = (Measured::default(), Vec::new());
    for (points, outcome) in outcomes {
        match outcome {
            Some(Ok(walked)) if walked.end == *expected && walked.broken.is_empty() => measured += walked.measured,
            Some(Ok(walked)) => wrong.push(format!(
                "{points:?}: {:#?} {:#?} {:#?}",
                walked.broken, walked.end, walked.story
            )),
            Some(Err(why)) => wrong.push(format!("{points:?}: {why}")),
            None => wrong.push(format!("{points:?}: gave up, as told above")),
        }
    }
    let told = wrong.join("\n");
    assert!(
        wrong.is_empty(),
        "{} sites: {told}\nexpected {expected:#?}",
        wrong.len()
    );
    measured
}

/// One member goes for each operation, and the leader is cut off at each of its points.
async fn walked(name: String, cut: Cut, operations: &[Vec<Point>], in_flight: u32) -> Result<Walked, Trouble> {
    let site = Site::new(&name, MEMBERS, in_flight).await;
    let mut leader = site.operator("leader").await;
    site.autoscale().await;
    for (number, to) in (LEFT..MEMBERS).rev().enumerate() {
        let points = operations.get(number).map_or(&[][..], Vec::as_slice);
        let all_held: Vec<(&Point, Held)> = points.iter().map(|point| (point, site.hold(*point))).collect();
        site.shrink(to).await;
        let mut before = Vec::new();
        for (point, mut held) in all_held {
            let reached = held.reached(PATIENCE).await;
            let call = reached.map_err(|why| Trouble::Failed(format!("{point} is never reached: {why}")))?;
            let held_since = Instant::now();
            let name = format!("{number}-{}", before.len());
            let next = cut.off(&site, &leader, (held, &call), &name).await;
            let (next, released) = next.map_err(Trouble::Failed)?;
            // It was intended some calls before it was held.
            let is_in_time = released.duration_since(held_since) < Duration::from_secs(u64::from(in_flight) * 2 / 3);
            if cut == Cut::PausedAtAct && !is_in_time {
                return Err(Trouble::TooLate);
            }
            before.push(std::mem::replace(&mut leader, next));
        }
        site.rests_with(to).await;
    }
    Ok(Walked {
        end: site.end(LEFT).await,
        broken: site.broken(),
        story: site.story(),
        measured: site.measured(),
    })
}

impl Cut {
    /// At most as many as members that go; less where each has to be waited for.
    fn operations_of_a_site(self) -> usize {
        match self {
            Self::Killed | Self::PausedAtIntent => 3,
            Self::PausedAtAct => 2,
        }
    }

    /// What the profile allows, at first. It is waited out by whoever takes over.
    fn in_flight(self) -> u32 {
        match self {
            Self::Killed | Self::PausedAtIntent => 15,
            Self::PausedAtAct => 60,
        }
    }

    /// Cuts a leader off whose call is held, and returns the one that takes over, and when what was held was let go.
    async fn off(
        self,
        site: &Site,
        leader: &Operator,
        (held, call): (Held, &Call),
        name: &str,
    ) -> Result<(Operator, Instant), String> {
        if self == Self::Killed {
            leader.process.kill();
            site.let_lease_expire().await;
            return Ok((site.operator(name).await, Instant::now()));
        }
        leader.process.pause().map_err(|error| error.to_string())?;
        let next = site.operator_that_leads(name).await;
        let before = site.looks();
        patiently("it has looked twice", PATIENCE, || async { site.looks() >= before + 2 }).await;
        let released = Instant::now();
        held.release();
        // What runs where it was asked ends with whoever asked: it would come to nothing, and rightly be sent again.
        patiently("what was held is over", PATIENCE, || async { site.is_over(call) }).await;
        leader.process.resume().map_err(|error| error.to_string())?;
        Ok((next, released))
    }
}
