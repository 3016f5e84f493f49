//! From a spec to a profile that can be used, or to every fault of it, each with its field. Nothing is asked of anybody.

mod digest;
mod machine;
mod position;
mod request;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::limits::{MAX_ACT_SECONDS, MAX_STEPS};
use autoscaler_api::profile::{
    Act, Asked, CredentialRule, ForEach, GateAt, MemberAccess, ProfileGate, ProfileStep, Question, StepUndo,
    SubjectQuestions,
};
use autoscaler_api::{MembershipProfileSpec, SpecError};
use autoscaler_core::membership::GateTime;

use position::{Position, readable};
use request::{OF_A_POD, OF_THE_TARGET};

use crate::expression::{Expression, Use};
use crate::profile::{ActPart, Ask, Compiled, GatePart, Parts, Request, Source, StepPart, UndoPart};
use crate::template::Template;

/// So long a reply is waited for unless the act says otherwise.
const ACT_SECONDS: i32 = 10;

impl Compiled {
    /// Compiles a profile, or tells every fault of it.
    pub fn compile(spec: &MembershipProfileSpec) -> Result<Self, Vec<SpecError>> {
        let mut faults = Faults::default();
        let parts = faults.profile(spec);
        match parts {
            Some(parts) if faults.0.is_empty() => Ok(Self(Arc::new(parts))),
            _ => Err(faults.0),
        }
    }
}

/// Whatever is wrong, in the order in which it is found.
#[derive(Debug, Default)]
struct Faults(Vec<SpecError>);

impl Faults {
    /// Notes a fault, and goes on with the rest.
    fn note<T>(&mut self, field: &str, outcome: Result<T, String>) -> Option<T> {
        outcome
            .map_err(|message| self.0.push(SpecError::new(field, message)))
            .ok()
    }

    fn profile(&mut self, spec: &MembershipProfileSpec) -> Option<Parts> {
        let each_member = Position::of(Asked::EachMember).before_anybody_leaves();
        let access = self.access(&spec.member);
        let members = self.members(&spec.membership.members, each_member);
        let healthy = self.question("spec.membership.healthy", &spec.membership.healthy, each_member.proof());
        let subject = self.subject(spec.subject.as_ref());
        self.doubt(spec);
        let gates = self.gates(spec.gates.as_deref().unwrap_or_default());
        let steps = self.steps(spec.drain.as_deref().unwrap_or_default());
        let drained = self.question("spec.drained", &spec.drained, Position::of(Asked::EachSurvivor).proof());
        let progress = self.optional(spec.progress.as_ref(), |faults, ask| {
            faults.question("spec.progress", ask, Position::of(Asked::Leaving).or_prometheus())
        });
        let forget = self.optional(spec.forget.as_ref(), |faults, act| faults.act("spec.forget", act));
        let machine = machine::profile(self, spec);
        let (name, port) = access?;
        let (sessions, leaving) = subject?;
        Some(Parts {
            spec: spec.clone(),
            machine: machine?,
            name,
            port,
            members: members?,
            healthy: healthy?,
            sessions,
            leaving,
            gates: gates?,
            steps: steps?,
            drained: drained?,
            progress: progress?,
            forget: forget?,
        })
    }

    fn access(&mut self, member: &MemberAccess) -> Option<(Template, u16)> {
        let name = self.name(&member.name);
        if let Some(credential) = &member.credential {
            self.credential(credential);
        }
        let port = u16::try_from(member.port).ok().filter(|port| *port > 0);
        let port = self.note("spec.member.port", port.ok_or_else(|| "must be 1 to 65535".to_owned()));
        Some((name?, port?))
    }

    fn members(&mut self, question: &Question, position: Position) -> Option<Ask> {
        let field = "spec.membership.members";
        if question.http.is_none() {
            self.fault(field, "needs http: it is what the other questions may read as members");
            return None;
        }
        self.question(field, question, position)
    }

    fn subject(&mut self, questions: Option<&SubjectQuestions>) -> Option<(Option<Ask>, Vec<Ask>)> {
        let position = Position::of(Asked::Leaving);
        let sessions = questions.and_then(|of| of.sessions.as_ref());
        let sessions = self.optional(sessions, |faults, ask| {
            faults.question("spec.subject.sessions", ask, position)
        });
        let leaving = questions.and_then(|of| of.leaving.as_deref()).unwrap_or_default();
        let leaving = self.each(leaving, |faults, at, ask| {
            faults.question(&format!("spec.subject.leaving[{at}]"), ask, position)
        });
        Some((sessions?, leaving?))
    }

    /// After a crash only the member itself can tell that what may not be sent twice was never sent (M1).
    fn doubt(&mut self, spec: &MembershipProfileSpec) {
        let questions = spec.subject.as_ref().and_then(|of| of.leaving.as_deref());
        let is_told = questions.is_some_and(|leaving| !leaving.is_empty());
        let once = |step: &&ProfileStep| step.commits.unwrap_or(false) && !step.repeatable.unwrap_or(false);
        if let (Some(step), false) = (spec.drain.iter().flatten().find(once), is_told) {
            let name = &step.name;
            let why = format!(
                "is needed: {name:?} commits and is not repeatable, and nobody else can tell whether it was begun"
            );
            self.fault("spec.subject.leaving", &why);
        }
    }

    fn fault(&mut self, field: &str, message: &str) {
        self.0.push(SpecError::new(field, message));
    }

    /// What need not be there.
    #[expect(clippy::option_option, reason = "it may be faulty, or not there")]
    fn optional<S, T>(
        &mut self,
        part: Option<&S>,
        compile: impl FnOnce(&mut Self, &S) -> Option<T>,
    ) -> Option<Option<T>> {
        match part {
            None => Some(None),
            Some(part) => compile(self, part).map(Some),
        }
    }

    /// Every item, so that every fault is told.
    fn each<S, T>(
        &mut self,
        items: &[S],
        mut compile: impl FnMut(&mut Self, usize, &S) -> Option<T>,
    ) -> Option<Vec<T>> {
        let parts: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(at, item)| compile(self, at, item))
            .collect();
        parts.into_iter().collect()
    }

    fn name(&mut self, name: &str) -> Option<Template> {
        let field = "spec.member.name";
        let template = self.template(field, name, &[&OF_THE_TARGET, &OF_A_POD], false)?;
        if !name.contains("$(pod)") && !name.contains("$(ordinal)") {
            self.fault(field, "must tell one member from the next: use $(pod) or $(ordinal)");
        }
        Some(template)
    }

    fn credential(&mut self, credential: &CredentialRule) {
        if reqwest::header::HeaderName::from_bytes(credential.header.as_bytes()).is_err() {
            self.fault("spec.member.credential.header", "is not the name of an HTTP header");
        }
        let is_plain =
            |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
        // It becomes part of a path: whatever could lead out of the directory is refused here too.
        if credential.name.is_empty() || !credential.name.chars().all(is_plain) {
            self.fault(
                "spec.member.credential.name",
                "must be lower case letters, digits and '-'",
            );
        }
    }

    fn gates(&mut self, gates: &[ProfileGate]) -> Option<Vec<GatePart>> {
        self.names("spec.gates", gates.iter().map(|gate| gate.name.as_str()));
        let position = Position::chosen(Asked::EachMember).or_prometheus().proof();
        self.each(gates, |faults, at, gate| {
            Some(GatePart {
                name: gate.name.clone(),
                time: match gate.at.unwrap_or_default() {
                    GateAt::Start => GateTime::Start,
                    GateAt::Always => GateTime::Always,
                },
                ask: faults.question(&format!("spec.gates[{at}].ask"), &gate.ask, position)?,
            })
        })
    }

    fn steps(&mut self, steps: &[ProfileStep]) -> Option<Vec<StepPart>> {
        self.names("spec.drain", steps.iter().map(|step| step.name.as_str()));
        self.each(steps, Self::step)
    }

    fn step(&mut self, at: usize, step: &ProfileStep) -> Option<StepPart> {
        let field = format!("spec.drain[{at}]");
        if step.commits.unwrap_or(false) && step.undo.is_some() {
            self.fault(
                &format!("{field}.undo"),
                "a step that commits cannot be undone: leave out undo, or commits",
            );
        }
        let position = Position::chosen(Asked::Leaving).proof();
        let done = self.question(&format!("{field}.doneWhen"), &step.done_when, position);
        let act = self.act(&format!("{field}.act"), &step.act);
        let undo = self.optional(step.undo.as_ref(), |faults, undo| faults.undo(&field, undo));
        Some(StepPart {
            name: step.name.clone(),
            done: done?,
            act: act?,
            undo: undo?,
        })
    }

    fn undo(&mut self, step: &str, undo: &StepUndo) -> Option<UndoPart> {
        let residue = self.question(
            &format!("{step}.undo.residue"),
            &undo.residue,
            Position::chosen(Asked::Leaving),
        );
        let act = self.act(&format!("{step}.undo.act"), &undo.act);
        Some(UndoPart {
            residue: residue?,
            act: act?,
        })
    }

    fn names<'a>(&mut self, field: &str, names: impl Iterator<Item = &'a str>) {
        let mut known = BTreeSet::new();
        for (at, name) in names.enumerate() {
            if at >= MAX_STEPS {
                return self.fault(field, &format!("has more than {MAX_STEPS} items"));
            }
            if !known.insert(name) {
                self.fault(&format!("{field}[{at}].name"), &format!("there is another {name:?}"));
            }
        }
    }

    fn question(&mut self, field: &str, question: &Question, position: Position) -> Option<Ask> {
        if position.of.is_some() && question.of.is_some() {
            self.fault(&format!("{field}.of"), "it is said already who is asked here");
        }
        let source = match (&question.http, &question.promql) {
            (None, None) => Some(Source::Members),
            (Some(http), None) => self
                .request(&format!("{field}.http"), http, position.has_leaving, false)
                .map(Source::Http),
            (None, Some(_)) if !position.may_ask_prometheus => {
                self.fault(&format!("{field}.promql"), "is for gates and progress only");
                None
            }
            (None, Some(query)) => self.promql(&format!("{field}.promql"), query),
            (Some(_), Some(_)) => {
                self.fault(field, "ask by http or by promql, not by both");
                None
            }
        };
        let variables = readable(question, position);
        let purpose = Use {
            variables: &variables,
            is_proof: position.is_proof,
        };
        let expression = self.note(&format!("{field}.expr"), Expression::compile(&question.expr, purpose));
        Some(Ask {
            field: field.strip_prefix("spec.").unwrap_or(field).to_owned(),
            of: question.of.unwrap_or(position.default_of),
            source: source?,
            expression: expression?,
        })
    }

    fn act(&mut self, field: &str, act: &Act) -> Option<ActPart> {
        let for_each = self.optional(act.for_each.as_ref(), |faults, each| {
            faults.for_each(&format!("{field}.forEach"), each)
        });
        let request = self.request(&format!("{field}.http"), &act.http, true, act.for_each.is_some());
        let reply = Use {
            variables: &["json", "status", "leaving", "member"],
            is_proof: false,
        };
        let ok = self.optional(act.ok_when.as_ref(), |faults, text| {
            faults.note(&format!("{field}.okWhen"), Expression::compile(text, reply))
        });
        let refused = self.optional(act.refused_when.as_ref(), |faults, text| {
            faults.note(&format!("{field}.refusedWhen"), Expression::compile(text, reply))
        });
        let seconds = act.timeout_seconds.unwrap_or(ACT_SECONDS);
        if !(1..=MAX_ACT_SECONDS).contains(&seconds) {
            self.fault(
                &format!("{field}.timeoutSeconds"),
                &format!("must be 1 to {MAX_ACT_SECONDS}"),
            );
        }
        Some(ActPart {
            to: act.to,
            for_each: for_each?,
            request: request?,
            ok: ok?,
            refused: refused?,
            timeout: Duration::from_secs(u64::try_from(seconds).ok()?),
        })
    }

    fn for_each(&mut self, field: &str, each: &ForEach) -> Option<(Request, Expression)> {
        let request = self.request(&format!("{field}.http"), &each.http, true, false);
        let purpose = Use {
            variables: &["json", "status", "leaving", "member"],
            is_proof: false,
        };
        let items = self.note(&format!("{field}.expr"), Expression::compile(&each.expr, purpose));
        Some((request?, items?))
    }
}

#[cfg(test)]
mod tests;
