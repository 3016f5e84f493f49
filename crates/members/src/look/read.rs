//! From answers to facts. Whatever was not answered, or cannot be read, is not known: never a yes, and never a no.

use std::collections::{BTreeMap, BTreeSet};

use autoscaler_core::membership::{Fact, Gate, Operation, View};
use cel::Value;

use super::{Answers, Found, Subject};
use crate::client::Silence;
use crate::cluster::Pod;
use crate::expression::values::{as_bool, as_texts, as_whole, texts};
use crate::profile::{Ask, Compiled, Source, StepPart};
use crate::scene::Scene;

/// So many sentences of trouble are told.
const MAX_TROUBLE: usize = 16;

/// What the answers say.
struct Reading<'a> {
    scene: &'a Scene<'a>,
    answers: &'a Answers,
    /// The members that each pod lists.
    lists: BTreeMap<u32, Vec<String>>,
}

pub(super) fn found(scene: &Scene<'_>, answers: &Answers, profile: &Compiled, operation: Option<&Operation>) -> Found {
    let mut reading = Reading {
        scene,
        answers,
        lists: BTreeMap::new(),
    };
    reading.lists = reading.lists();
    let parts = scene.profile;
    let steps: Vec<Option<&StepPart>> = match operation {
        Some(operation) => operation
            .plan
            .steps
            .iter()
            .map(|step| profile.step(&step.name))
            .collect(),
        None => parts.steps.iter().map(Some).collect(),
    };
    let done = |step: Option<&StepPart>| step.map_or(Fact::Unknown, |step| reading.fact(&step.done));
    Found {
        views: scene.cluster.pods.iter().map(|pod| reading.view(pod)).collect(),
        subject: reading.subject(),
        gates: parts
            .gates
            .iter()
            .map(|gate| Gate {
                name: gate.name.clone(),
                time: gate.time,
                is_open: reading.fact(&gate.ask),
            })
            .collect(),
        done: steps.iter().copied().map(done).collect(),
        residue: steps.iter().map(|step| reading.residue(*step)).collect(),
        drained: reading.fact(&parts.drained),
        progress: parts.progress.as_ref().and_then(|ask| reading.number(ask)),
        trouble: reading.trouble(),
    }
}

impl Reading<'_> {
    /// An empty list is no answer: whoever belongs to a cluster lists itself.
    fn lists(&self) -> BTreeMap<u32, Vec<String>> {
        let members = &self.scene.profile.members;
        let lists = self.scene.cluster.pods.iter().filter_map(|pod| {
            let list = self.value(members, pod).as_ref().and_then(as_texts)?;
            (!list.is_empty()).then_some((pod.ordinal, list))
        });
        lists.collect()
    }

    fn view(&self, pod: &Pod) -> View {
        View {
            ordinal: pod.ordinal,
            lists: self.lists.get(&pod.ordinal).cloned(),
            is_healthy: self.fact_of(&self.scene.profile.healthy, pod),
        }
    }

    fn subject(&self) -> Subject {
        let parts = self.scene.profile;
        let sessions = parts.sessions.as_ref().and_then(|ask| self.number(ask));
        Subject {
            is_stopped: self.is_stopped(),
            is_leaving: parts
                .leaving
                .iter()
                .map(|ask| self.fact(ask))
                .max()
                .unwrap_or(Fact::Unknown),
            sessions: sessions.and_then(|sessions| u64::try_from(sessions).ok()),
        }
    }

    /// Two witnesses, for each may be behind: the kubelet reports nothing that runs, and nobody listens. Whoever answers is
    /// not stopped.
    fn is_stopped(&self) -> Fact {
        let leaving = self.scene.leaving.as_ref().map(|leaving| leaving.ordinal);
        let Some(pod) = leaving.and_then(|ordinal| self.scene.cluster.pod(ordinal)) else {
            return Fact::Unknown;
        };
        let is_reported = pod.is_reported_stopped(self.scene.profile.spec.member.container.as_deref());
        let mut answers = self.answers_of(pod).peekable();
        if answers.peek().is_none() {
            return Fact::Unknown;
        }
        let answers: BTreeSet<Option<Silence>> = answers.map(Result::err).collect();
        if answers.contains(&None) {
            return Fact::No;
        }
        let nobody_listens = answers.iter().all(|silence| match silence {
            Some(Silence::Refused | Silence::NoAddress) => true,
            Some(
                Silence::HostNetwork
                | Silence::CredentialMissing
                | Silence::Unreachable
                | Silence::Timeout
                | Silence::TooLarge,
            )
            | None => false,
        });
        if is_reported && nobody_listens {
            Fact::Yes
        } else {
            Fact::Unknown
        }
    }

    fn answers_of(&self, pod: &Pod) -> impl Iterator<Item = Result<u16, Silence>> {
        let ordinal = pod.ordinal;
        let of_pod = self
            .answers
            .of_members
            .iter()
            .filter(move |((of, _), _)| *of == ordinal);
        of_pod.map(|(_, answer)| answer.as_ref().map(|answer| answer.status).map_err(|silence| *silence))
    }

    fn residue(&self, step: Option<&StepPart>) -> Fact {
        match step {
            // An operation of another profile: nothing is known of what it did.
            None => Fact::Unknown,
            Some(step) => step.undo.as_ref().map_or(Fact::No, |undo| self.fact(&undo.residue)),
        }
    }

    /// Whether everybody who is asked affirms it. Nobody affirms nothing.
    fn fact(&self, ask: &Ask) -> Fact {
        if matches!(ask.source, Source::PromQl(_)) {
            return known(self.of_prometheus(ask).as_ref().and_then(as_bool));
        }
        match self.scene.asked(ask.of) {
            Some(pods) if !pods.is_empty() => Fact::all(pods.into_iter().map(|pod| self.fact_of(ask, pod))),
            Some(_) | None => Fact::Unknown,
        }
    }

    fn fact_of(&self, ask: &Ask, pod: &Pod) -> Fact {
        known(self.value(ask, pod).as_ref().and_then(as_bool))
    }

    /// A number that one member, or Prometheus, gives.
    fn number(&self, ask: &Ask) -> Option<i64> {
        if matches!(ask.source, Source::PromQl(_)) {
            return as_whole(&self.of_prometheus(ask)?);
        }
        match self.scene.asked(ask.of)?.as_slice() {
            [pod] => as_whole(&self.value(ask, pod)?),
            _ => None,
        }
    }

    fn of_prometheus(&self, ask: &Ask) -> Option<Value> {
        let Source::PromQl(query) = &ask.source else {
            return None;
        };
        let value = *self.answers.of_prometheus.get(&self.scene.promql(query)?)?;
        ask.expression.evaluate(&vec![("value", Value::Float(value))])
    }

    /// What an expression makes of the answer of one member.
    fn value(&self, ask: &Ask, pod: &Pod) -> Option<Value> {
        let mut variables = self.scene.variables(pod);
        if let Some(list) = self.lists.get(&pod.ordinal) {
            variables.push(("members", texts(list)));
        }
        if let Source::Http(request) = &ask.source {
            let request = self.scene.request(request, pod, None)?;
            let answer = self.answers.of_members.get(&(pod.ordinal, request))?.as_ref().ok()?;
            // Whoever does not ask for the status reads only what is meant to be read.
            if !(200..300).contains(&answer.status) && !ask.expression.reads("status") {
                return None;
            }
            variables.push(("status", Value::Int(i64::from(answer.status))));
            variables.extend(answer.json.clone().map(|json| ("json", json)));
        }
        ask.expression.evaluate(&variables)
    }

    /// One sentence for each pod that does not answer, or whose answer about the membership cannot be read.
    fn trouble(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for pod in &self.scene.cluster.pods {
            let answers: BTreeSet<Result<u16, Silence>> = self.answers_of(pod).collect();
            for answer in answers {
                match answer {
                    Err(silence) => sentences.push(format!("{} {silence}", pod.name)),
                    Ok(status @ (401 | 403)) => {
                        sentences.push(format!("{} refuses the credential (HTTP {status})", pod.name));
                    }
                    Ok(status) if !(200..300).contains(&status) => {
                        sentences.push(format!("{} answers with HTTP {status}", pod.name));
                    }
                    Ok(_) => {}
                }
            }
            sentences.extend(self.unreadable(pod));
        }
        for gate in &self.scene.profile.gates {
            if matches!(gate.ask.source, Source::PromQl(_)) && self.of_prometheus(&gate.ask).is_none() {
                sentences.push(format!(
                    "the query of gate {} has no one answer that can be read",
                    gate.name
                ));
            }
        }
        sentences.truncate(MAX_TROUBLE);
        sentences
    }

    /// Who answers everything, but not in the words that the profile reads.
    fn unreadable(&self, pod: &Pod) -> Option<String> {
        let all_well = self
            .answers_of(pod)
            .all(|answer| answer.is_ok_and(|status| (200..300).contains(&status)));
        let members = &self.scene.profile.members;
        let is_unreadable = all_well && !self.lists.contains_key(&pod.ordinal);
        is_unreadable.then(|| format!("{}: {} cannot be read from its answer", pod.name, members.field))
    }
}

fn known(value: Option<bool>) -> Fact {
    value.map_or(Fact::Unknown, Fact::from)
}
