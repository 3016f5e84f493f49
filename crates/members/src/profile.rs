//! A compiled profile: what [`look`](crate::Members::look) and [`act`](crate::Members::act) work with.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::MembershipProfileSpec;
use autoscaler_api::profile::{Asked, CredentialRule, HttpMethod, Recipient};
use autoscaler_core::membership::{GateTime, Profile};

use crate::expression::Expression;
use crate::template::Template;

/// A profile that can be used. Immutable, and cheap to clone.
#[derive(Debug, Clone)]
pub struct Compiled(pub(crate) Arc<Parts>);

/// Its parts, each compiled.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) spec: MembershipProfileSpec,
    pub(crate) machine: Profile,
    pub(crate) name: Template,
    pub(crate) port: u16,
    pub(crate) members: Ask,
    pub(crate) healthy: Ask,
    pub(crate) sessions: Option<Ask>,
    pub(crate) leaving: Vec<Ask>,
    pub(crate) gates: Vec<GatePart>,
    pub(crate) steps: Vec<StepPart>,
    pub(crate) drained: Ask,
    pub(crate) progress: Option<Ask>,
    pub(crate) forget: Option<ActPart>,
}

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Where it stands in the spec, for people.
    pub(crate) field: String,
    pub(crate) of: Asked,
    pub(crate) source: Source,
    pub(crate) expression: Expression,
}

/// Where the answer comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// What the member lists, which is asked for in any case.
    Members,
    /// A request of its own.
    Http(Request),
    /// Prometheus.
    PromQl(Template),
}

/// A request, with its variables.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: HttpMethod,
    pub(crate) path: Template,
    pub(crate) query: Vec<(Template, Option<Template>)>,
    pub(crate) body: Option<Template>,
}

#[derive(Debug)]
pub(crate) struct GatePart {
    pub(crate) name: String,
    pub(crate) time: GateTime,
    pub(crate) ask: Ask,
}

#[derive(Debug)]
pub(crate) struct StepPart {
    pub(crate) name: String,
    pub(crate) done: Ask,
    pub(crate) act: ActPart,
    pub(crate) undo: Option<UndoPart>,
}

#[derive(Debug)]
pub(crate) struct UndoPart {
    pub(crate) residue: Ask,
    pub(crate) act: ActPart,
}

#[derive(Debug)]
pub(crate) struct ActPart {
    pub(crate) to: Recipient,
    pub(crate) for_each: Option<(Request, Expression)>,
    pub(crate) request: Request,
    pub(crate) ok: Option<Expression>,
    pub(crate) refused: Option<Expression>,
    pub(crate) timeout: Duration,
}

impl Compiled {
    /// What the machine of the core has to know.
    pub fn machine(&self) -> &Profile {
        &self.0.machine
    }

    /// The spec it was compiled from.
    pub fn spec(&self) -> &MembershipProfileSpec {
        &self.0.spec
    }

    /// Of the whole profile: another one for every change of it.
    pub fn digest(&self) -> &str {
        &self.0.machine.digest
    }

    /// The secret that goes with each request, if any.
    pub fn credential(&self) -> Option<&CredentialRule> {
        self.0.spec.member.credential.as_ref()
    }

    /// A step by its name: an operation may know others than the profile has now.
    pub(crate) fn step(&self, name: &str) -> Option<&StepPart> {
        self.0.steps.iter().find(|step| step.name == name)
    }
}
