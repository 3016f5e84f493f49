//! Each look: did the model do what the HPA did, did we, and if not, by which rule of ours?

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use autoscaler_core::Policy;

use crate::case::{Case, Kind};
use crate::difference::{Difference, Differences};
use crate::model::Model;
use crate::pods::Pods;
use crate::record::Look;
use crate::replay::Replay;

/// Rows of each kind that are shown when the test fails.
const SHOWN: usize = 12;

/// What came of all looks.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) looks: usize,
    pub(crate) changes: usize,
    /// Looks at metrics of every pod.
    pub(crate) pod_by_pod: usize,
    pub(crate) equal: usize,
    /// By the smallest set of our rules that makes the HPA decide as we did.
    pub(crate) explained: BTreeMap<Differences, usize>,
    /// Nothing explains these.
    pub(crate) unexplained: Vec<String>,
    /// All of our rules together do not make our decision of it.
    pub(crate) inexact: Vec<String>,
    /// The model is not the HPA here.
    pub(crate) strange: Vec<String>,
    /// Cases with such a look: what was seen of them is not certain enough to compare by.
    pub(crate) left_out: usize,
}

/// The sides of one case under comparison.
struct Sides<'a> {
    ours: Replay<'a>,
    hpa: Model<'a>,
    all: [Model<'a>; 2],
}

impl Verdict {
    pub(crate) fn judge(&mut self, case: &Case, looks: &[Look]) {
        let policy = case.policy();
        let mut sides = Sides {
            ours: Replay::new(case, &policy),
            hpa: Model::new(case, &policy, Differences::NONE),
            all: range(case, &policy, Differences::all()),
        };
        let (strange, inexact) = (self.strange.len(), self.inexact.len());
        let mut seen = Vec::with_capacity(looks.len());
        for (index, look) in looks.iter().enumerate() {
            seen.push(self.judge_look(&mut sides, case, index, look));
        }
        if self.strange.len() > strange {
            self.inexact.truncate(inexact);
            self.left_out += 1;
            return;
        }
        self.explain(case, &policy, looks, &seen);
    }

    /// What was decided at one look, with the pods that the HPA saw.
    fn judge_look(&mut self, sides: &mut Sides<'_>, case: &Case, index: usize, look: &Look) -> (Pods, i64) {
        self.looks += 1;
        self.changes += usize::from(look.result != look.spec);
        self.pod_by_pod += usize::from(case.kind == Kind::Pods);
        // Where a pod changed at that moment, the HPA's own proposal tells what it saw of it.
        let proposed = look.proposed.map(|count| count.max(0));
        let fits = |pods: &&Pods| !look.asked || sides.hpa.proposal(look, pods) == proposed;
        let pods = look.pods.iter().find(fits);
        if pods.is_none() {
            self.strange
                .push(row(case, index, look, "the model proposes otherwise", 0));
        }
        let pods = pods.or(look.pods.first()).cloned().unwrap_or_default();
        let (hpa, ours) = (i64::from(look.result), i64::from(sides.ours.decide(look, &pods)));
        let model = sides.hpa.decide(look, &pods);
        if model != hpa {
            self.strange
                .push(row(case, index, look, &format!("the model decides {model}"), ours));
        }
        let (low, high) = decided(&mut sides.all, look, &pods);
        if !(low..=high).contains(&ours) {
            let what = format!("all of our rules give {low} to {high}");
            self.inexact.push(row(case, index, look, &what, ours));
        }
        self.equal += usize::from(ours == hpa);
        (pods, ours)
    }

    /// Finds the smallest set of our rules for each look at which we decided otherwise.
    fn explain(&mut self, case: &Case, policy: &Policy, looks: &[Look], seen: &[(Pods, i64)]) {
        let differs = |index: &usize| seen[*index].1 != i64::from(looks[*index].result);
        let mut open: Vec<usize> = (0..looks.len()).filter(differs).collect();
        for set in Differences::small() {
            let Some(last) = open.last().copied() else { return };
            let mut models = range(case, policy, set);
            let ranges = looks.iter().zip(seen).take(last + 1);
            let ranges: Vec<_> = ranges
                .map(|(look, (pods, _))| decided(&mut models, look, pods))
                .collect();
            let before = open.len();
            open.retain(|index| !(ranges[*index].0..=ranges[*index].1).contains(&seen[*index].1));
            if open.len() < before {
                *self.explained.entry(set).or_default() += before - open.len();
            }
        }
        for index in open {
            let row = row(case, index, &looks[index], "nothing explains it", seen[index].1);
            self.unexplained.push(row);
        }
    }

    /// Counts of the causes: each single rule, found or not, then those that took several.
    fn causes(&self) -> Vec<(Differences, usize)> {
        let singles = Difference::ALL.into_iter().map(|rule| (Differences::NONE.and(rule), 0));
        let mut causes: BTreeMap<Differences, usize> = singles.collect();
        causes.extend(&self.explained);
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(set, count)| (set.len(), Reverse(*count)));
        causes
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (looks, changes) = (self.looks, self.changes);
        let share = changes * 100 / looks.max(1);
        writeln!(
            formatter,
            "{looks:>7} decisions of the HPA, {changes} of them ({share} %) a change of size"
        )?;
        writeln!(formatter, "{:>7} by metrics of every pod", self.pod_by_pod)?;
        writeln!(formatter, "{:>7} decided the same", self.equal)?;
        for (set, count) in self.causes() {
            writeln!(formatter, "{count:>7} differ: {set}")?;
        }
        for (what, rows) in [
            ("differ, and nothing explains it", &self.unexplained),
            ("where our rules together are not our core", &self.inexact),
            ("where the model is not the HPA", &self.strange),
        ] {
            writeln!(formatter, "{:>7} {what}", rows.len())?;
            for row in rows.iter().take(SHOWN) {
                writeln!(formatter, "{row}")?;
            }
        }
        Ok(())
    }
}

/// With and without the tenth of a window that runs may add: the ends of a range.
fn range<'a>(case: &'a Case, policy: &'a Policy, set: Differences) -> [Model<'a>; 2] {
    [set, set.without(Difference::Runs)].map(|set| Model::new(case, policy, set))
}

/// Lowest and highest of the two ends.
fn decided(models: &mut [Model<'_>; 2], look: &Look, pods: &Pods) -> (i64, i64) {
    let [one, other] = models;
    let (one, other) = (one.decide(look, pods), other.decide(look, pods));
    (one.min(other), one.max(other))
}

fn row(case: &Case, index: usize, look: &Look, what: &str, ours: i64) -> String {
    let Look {
        at,
        spec,
        status,
        pods,
        samples,
        loads,
        asked,
        proposed,
        result,
        ..
    } = look;
    format!(
        "        {} look {index} at {at}: {spec} replicas ({status} in status, {pods:?}), {samples:?} of {loads:?} \
         (asked: {asked}), proposes {proposed:?}, HPA {result}, ours {ours}: {what}",
        case.name
    )
}
