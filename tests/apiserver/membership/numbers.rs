//! The numbers that are promised of operations on members (docs/proof/membership.md), measured from what a proxy and a watch
//! saw, not from what the operator says of itself. `make membership-numbers` prints them as one table.

#![expect(
    clippy::print_stdout,
    reason = "the numbers are for people, whether or not they are as promised"
)]

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::{Mutex, PoisonError};

use autoscaler_testkit::recorder::Call;
use autoscaler_testkit::revisions::{PodEnd, PodEnds, Revision, Revisions, broken_rules, most_in_transit, removals};
use autoscaler_testkit::vernemq::reading;
use k8s_openapi::jiff::SignedDuration;

use super::stage::Stage;

/// What is put together in one table, and how many tests tell of it.
const PARTS: [(&str, usize); 4] = [("cycle", 1), ("killed", 1), ("paused", 1), ("aborted", 9)];

/// What is recorded of one set, from now on.
pub(super) struct Record {
    revisions: Revisions,
    ends: PodEnds,
}

impl Record {
    pub(super) async fn of(stage: &Stage) -> Self {
        let (plane, namespace) = (stage.world.plane, &stage.world.namespace);
        Self {
            revisions: Revisions::watch(plane, namespace, "broker").await.unwrap(),
            ends: PodEnds::watch(plane, namespace).await.unwrap(),
        }
    }

    /// What no final state shows.
    pub(super) fn broken(&self, stage: &Stage) -> Vec<String> {
        broken_rules(
            "broker",
            stage.first,
            &self.revisions.seen().unwrap(),
            &stage.operators_calls(),
            &reading(),
        )
    }

    pub(super) fn measured(&self, stage: &Stage) -> Measured {
        let calls = stage.operators_calls();
        Measured::of(&self.revisions.seen().unwrap(), &calls, &self.ends.seen().unwrap())
    }
}

/// What was seen of one operation or more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Measured {
    /// Points at which an operator was cut off.
    pub(super) points: usize,
    /// Operations that were taken back, and left nothing.
    pub(super) aborts: usize,
    removals: usize,
    /// Removals by which a rule was broken, or of whom not every survivor had said that it is gone.
    unproven: usize,
    most_in_transit: usize,
    /// How often one member was made to leave for good, at most.
    most_told: usize,
    /// How often one act that may be repeated was, at most.
    pub(super) most_repeats: usize,
    oldest_word: SignedDuration,
    proof_to_patch: SignedDuration,
    agreed_after: SignedDuration,
    /// Removals after which nobody was heard to agree.
    disagreed: usize,
}

impl Measured {
    /// From what was recorded of one set.
    fn of(revisions: &[Revision], calls: &[Call], ends: &[PodEnd]) -> Self {
        let reading = reading();
        let removals = removals("broker", 0, revisions, calls, ends, &reading);
        let longest = |each: &mut dyn Iterator<Item = Option<SignedDuration>>| each.flatten().max().unwrap_or_default();
        let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.is_passed_on) {
            if let Some(member) = (reading.removes)(call) {
                *told.entry((member, call.callee.uid.clone())).or_default() += 1;
            }
        }
        let broken = broken_rules("broker", 0, revisions, calls, &reading).len();
        let unproven = removals
            .iter()
            .filter(|removal| removal.proof_to_patch.is_none())
            .count();
        Self {
            points: 0,
            aborts: 0,
            unproven: unproven.max(broken),
            most_in_transit: most_in_transit("broker", 0, revisions, calls, &reading),
            most_told: told.into_values().max().unwrap_or(0),
            most_repeats: 0,
            oldest_word: longest(&mut removals.iter().map(|removal| removal.oldest_word)),
            proof_to_patch: longest(&mut removals.iter().map(|removal| removal.proof_to_patch)),
            agreed_after: longest(&mut removals.iter().map(|removal| removal.agreed_after)),
            disagreed: removals.iter().filter(|removal| removal.agreed_after.is_none()).count(),
            removals: removals.len(),
        }
    }
}

impl AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.points += other.points;
        self.aborts += other.aborts;
        self.removals += other.removals;
        self.unproven += other.unproven;
        self.most_in_transit = self.most_in_transit.max(other.most_in_transit);
        self.most_told = self.most_told.max(other.most_told);
        self.most_repeats = self.most_repeats.max(other.most_repeats);
        self.oldest_word = self.oldest_word.max(other.oldest_word);
        self.proof_to_patch = self.proof_to_patch.max(other.proof_to_patch);
        self.agreed_after = self.agreed_after.max(other.agreed_after);
        self.disagreed += other.disagreed;
    }
}

/// Keeps what a test has measured; with the last of them the table is printed.
pub(super) fn tell(part: &'static str, measured: Measured) {
    static TOLD: Mutex<BTreeMap<&str, Vec<Measured>>> = Mutex::new(BTreeMap::new());
    println!("{part}: {measured:?}");
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    told.entry(part).or_default().push(measured);
    if PARTS
        .iter()
        .all(|(part, tests)| told.get(part).is_some_and(|told| told.len() == *tests))
    {
        println!("{}", table(&told));
        let broken = broken_promises(&told);
        assert!(
            broken.is_empty() || std::env::var_os("MEMBERSHIP_NUMBERS").is_none(),
            "{broken:?}"
        );
    }
}

/// Times depend on the machine: only `make membership-numbers` asks for them.
fn broken_promises(told: &BTreeMap<&str, Vec<Measured>>) -> Vec<&'static str> {
    let (cycle, all) = (sum(&told["cycle"]), sum(told.values().flatten()));
    let promises = [
        ("a removal without a proof", all.unproven == 0),
        ("two members in transit", all.most_in_transit <= 1),
        ("a commit that was sent twice", all.most_told <= 1),
        ("an act that was repeated twice for a crash", all.most_repeats <= 1),
        (
            "more than 2 s from proof to patch",
            cycle.proof_to_patch <= SignedDuration::from_secs(2),
        ),
        (
            "more than 30 s until members == pods",
            cycle.agreed_after <= SignedDuration::from_secs(30),
        ),
        ("removals after which nobody agreed", cycle.disagreed == 0),
    ];
    promises
        .into_iter()
        .filter(|(_, is_kept)| !is_kept)
        .map(|(what, _)| what)
        .collect()
}

fn table(told: &BTreeMap<&str, Vec<Measured>>) -> String {
    let of = |part: &str| sum(&told[part]);
    let all = sum(told.values().flatten());
    let (killed, paused, cycle) = (of("killed").points, of("paused").points, of("cycle"));
    let seconds = |duration: SignedDuration| format!("{:.2} s", duration.as_secs_f64());
    let rows = [
        ("promised", "measured".to_owned()),
        (
            "no removal without a proof of that operation",
            format!("{} of {} removals without one", all.unproven, all.removals),
        ),
        (
            "at most one member in transit",
            format!("{} at most", all.most_in_transit),
        ),
        (
            "every crash point ends as if nothing had happened",
            format!("all of {} did ({killed} killed, {paused} paused)", all.points),
        ),
        ("no residue after an abort", format!("none after {} aborts", all.aborts)),
        (
            "at most one repeated act for a crash, none that commits",
            format!(
                "{} at most; what commits was sent {} time at most",
                all.most_repeats, all.most_told
            ),
        ),
        (
            "at most 2 s from proof to patch",
            format!("{} at most, undisturbed", seconds(cycle.proof_to_patch)),
        ),
        (
            "every survivor's word is at most 2 s old at the patch",
            format!("{} at most, crashes included", seconds(all.oldest_word)),
        ),
        (
            "members == pods within 30 s of the pod's end",
            format!(
                "{} at most, undisturbed; {} at most after a crash",
                seconds(cycle.agreed_after),
                seconds(all.agreed_after)
            ),
        ),
    ];
    let lines = rows
        .iter()
        .map(|(promised, measured)| format!("{promised:<56}{measured}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn sum<'a>(each: impl IntoIterator<Item = &'a Measured>) -> Measured {
    let mut sum = Measured::default();
    for measured in each {
        sum += measured.clone();
    }
    sum
}
