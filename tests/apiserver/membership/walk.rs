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

use autoscaler_testkit::recorder::Held;
use autoscaler_testkit::wait::patiently;
use futures::FutureExt;
use futures::future::{join, join_all};

use super::numbers::{self, Measured};
use crate::world::Operator;
use end::End;
use point::{EFFECTS, Point, first_effects, is_act, is_intent};
use site::{PATIENCE, Site};

const MEMBERS: u32 = 5;
const LEFT: u32 = 2;
/// As many as members that go.
const OPERATIONS_OF_A_SITE: usize = 3;

/// How the leader is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Killed,
    /// What it sent to a member or to the target arrives when another replica has taken over, and then it goes on.
    PausedAtAct,
    /// The same of what it stored before: the act itself is never sent.
    PausedAtIntent,
}

/// What a site came to: the end, and which rules were broken on the way.
struct Walked {
    end: End,
    broken: Vec<String>,
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
    let (expected, mut measured) = undisturbed("walk").await;
    measured += walk(Cut::Killed, &operations, &expected).await;
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
    let (expected, mut measured) = undisturbed("pause").await;
    let (after_acts, after_intents) = join(
        walk(Cut::PausedAtAct, &acts, &expected),
        walk(Cut::PausedAtIntent, &intents, &expected),
    )
    .await;
    measured += after_acts;
    measured += after_intents;
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

/// Walks all of them, and returns what was measured if all ended as expected.
async fn walk(cut: Cut, operations: &[Vec<Point>], expected: &End) -> Measured {
    let sites = operations.chunks(OPERATIONS_OF_A_SITE).enumerate();
    let walks = sites.map(|(number, points)| async move {
        let walked = walked(format!("{cut:?}-{number}").to_lowercase(), cut, points);
        // The others walk on.
        (points, AssertUnwindSafe(walked).catch_unwind().await)
    });
    let (mut measured, mut wrong) = (Measured::default(), Vec::new());
    for (points, end) in join_all(walks).await {
        match end {
            Ok(Ok(walked)) if walked.end == *expected && walked.broken.is_empty() => measured += walked.measured,
            Ok(Ok(walked)) => wrong.push(format!("{points:?}: {:#?} {:#?}", walked.broken, walked.end)),
            Ok(Err(why)) => wrong.push(format!("{points:?}: {why}")),
            Err(_) => wrong.push(format!("{points:?}: gave up, as told above")),
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
async fn walked(name: String, cut: Cut, operations: &[Vec<Point>]) -> Result<Walked, String> {
    let site = Site::new(&name, MEMBERS, cut.in_flight()).await;
    let mut leader = site.operator("leader").await;
    site.autoscale().await;
    for (number, to) in (LEFT..MEMBERS).rev().enumerate() {
        let points = operations.get(number).map_or(&[][..], Vec::as_slice);
        let all_held: Vec<(&Point, Held)> = points.iter().map(|point| (point, site.hold(*point))).collect();
        site.shrink(to).await;
        let mut before = Vec::new();
        for (point, mut held) in all_held {
            let reached = held.reached(PATIENCE).await;
            reached.map_err(|why| format!("{point} is never reached: {why}"))?;
            let next = cut
                .off(&site, &leader, held, &format!("{number}-{}", before.len()))
                .await?;
            before.push(std::mem::replace(&mut leader, next));
        }
        site.rests_with(to).await;
    }
    Ok(Walked {
        end: site.end(LEFT).await,
        broken: site.broken(),
        measured: site.measured(),
    })
}

impl Cut {
    /// What is sent late arrives within the time that the profile allows for it, on the slowest machine too; and where nothing is
    /// sent, that time is waited out.
    fn in_flight(self) -> u32 {
        match self {
            Self::Killed | Self::PausedAtIntent => 10,
            Self::PausedAtAct => 900,
        }
    }

    /// Cuts a leader off whose call is held, and returns the one that takes over.
    async fn off(self, site: &Site, leader: &Operator, held: Held, name: &str) -> Result<Operator, String> {
        if self == Self::Killed {
            leader.process.kill();
            return Ok(site.operator(name).await);
        }
        leader.process.pause().map_err(|error| error.to_string())?;
        let next = site.operator_that_leads(name).await;
        let before = site.looks();
        patiently("it has looked twice", PATIENCE, || async { site.looks() >= before + 2 }).await;
        held.release();
        leader.process.resume().map_err(|error| error.to_string())?;
        Ok(next)
    }
}
