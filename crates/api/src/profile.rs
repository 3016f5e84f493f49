//! The `MembershipProfile` resource: how one kind of clustered system lets a member go and takes one in, as data.
//!
//! Only shapes and bounds stand here. What the templates and expressions mean is `docs/reference/profiles.md`; they are
//! compiled, under bounds, by `autoscaler-members`, and the status says whether that worked. Every list is ordered, and so
//! are the parts of a query: to VerneMQ their order matters.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]
#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain shows this text as it stands, without Markdown"
)]
#![expect(clippy::duplicated_attributes, reason = "each printcolumn has its own type and path")]

pub mod act;
pub mod question;
pub mod status;
pub mod times;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use act::{Act, ForEach, ProfileStep, Recipient, StepUndo};
pub use question::{Asked, HttpMethod, HttpRequest, QueryPart, Question};
pub use status::{MembershipProfileStatus, accepted};
pub use times::{AllowedSizes, ProfileTimes, QuorumRule, SizeRule};

use crate::limits::{MAX_CREDENTIAL_NAME, MAX_HEADER_NAME, MAX_METRIC_NAME, MAX_STEPS, MAX_TEMPLATE};

/// How the members of one kind of system are asked, drained, proven gone and forgotten.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "metricautoscaler.dev",
    version = "v1alpha1",
    kind = "MembershipProfile",
    plural = "membershipprofiles",
    singular = "membershipprofile",
    shortname = "mpf",
    status = "MembershipProfileStatus",
    derive = "PartialEq",
    doc = "How one kind of clustered system lets a member go and takes one in. A MetricAutoscaler names it in spec.membership.profileName.",
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status",
        description = "Whether the profile can be used."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since it was created."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type=='Accepted')].message",
        description = "Why it cannot be used: the field, and what is wrong with it."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct MembershipProfileSpec {
    /// How a member is called, and how it is asked.
    pub member: MemberAccess,

    /// Who belongs to the cluster, and whether it is well. Each member is asked itself, for an isolated one believes
    /// otherwise than the rest.
    pub membership: MembershipQuestions,

    /// What the member tells of itself that leaves, or that has come. Default: nothing, and only a member that is stopped is
    /// known to serve nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectQuestions>,

    /// What must hold besides before a member is made to leave. Default: nothing. All members Ready, agreed and well, a
    /// quorum afterwards, no rollout and room in the disruption budget are asked for in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ProfileGate>", length(min = 1, max = MAX_STEPS))]
    pub gates: Option<Vec<ProfileGate>>,

    /// What makes a member leave, in this order. Default: nothing, and drained alone is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ProfileStep>", length(min = 1, max = MAX_STEPS))]
    pub drain: Option<Vec<ProfileStep>>,

    /// The proof: every survivor is asked, and all must affirm that the member is gone from the cluster. Must not hold of an
    /// empty list.
    pub drained: Question,

    /// A number that moves while a drain goes on, asked of the member that leaves or of Prometheus. A drain without
    /// movement for times.stallSeconds is stuck. Default: the steps alone show movement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Question>,

    /// Makes the survivors forget a member that is gone and still listed. Default: they do so by themselves, or a person does
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget: Option<Act>,

    /// Sizes the cluster may rest at. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<SizeRule>,

    /// How many members must be left. Default Majority.
    ///
    /// One: one member is enough. Majority: a cluster that needs more than half of its members; of two, none may leave.
    /// MajorityOrOne: the same, but of two one may leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "QuorumRule")]
    pub quorum: Option<QuorumRule>,

    /// How long things take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<ProfileTimes>,
}

/// How a member is called by the cluster, and how it is asked.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MemberAccess {
    /// What the cluster calls a member: a template with the variables pod, ordinal, target, namespace, service (the
    /// serviceName of the StatefulSet) and domain (of the cluster).
    ///
    /// Example: `VerneMQ@$(pod).$(service).$(namespace).svc.$(domain)`
    #[schemars(length(min = 1, max = MAX_TEMPLATE))]
    pub name: String,

    /// Port of its HTTP interface, at the IP of the pod: 1 to 65535.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,

    /// Name of the container that is the member: it is stopped when that container is. Default: when all containers of the
    /// pod are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = MAX_METRIC_NAME))]
    pub container: Option<String>,

    /// A secret that goes with each request. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRule>,
}

/// Which secret goes with each request, and how.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRule {
    /// Its name: the operator reads the file NAMESPACE.NAME of its credentials directory, with the namespace of the
    /// MetricAutoscaler. Lower case letters, digits and '-'.
    #[schemars(length(min = 1, max = MAX_CREDENTIAL_NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("name must be lower case letters, digits and '-', with a letter or digit first and last"))]
    pub name: String,

    /// The request header that carries it, such as x-api-key. The file holds its whole value.
    #[schemars(length(min = 1, max = MAX_HEADER_NAME))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9-]+$')")
        .message("header must be the name of an HTTP header: letters, digits and '-'"))]
    pub header: String,

    /// Whether members are asked without it where there is no such file. Default false: they are not asked at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// What each member believes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MembershipQuestions {
    /// The members it lists: an expression that gives a list of names. An empty list is no answer.
    pub members: Question,

    /// Whether it finds the cluster well.
    pub healthy: Question,
}

/// What a member tells of itself.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SubjectQuestions {
    /// How many clients it serves: an expression that gives a whole number. Default: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Question>,

    /// Whether it may be in the middle of leaving for good, which a step that commits began: it is if any of these holds, and
    /// it is not if none does. Default: not known, and such a step is never taken for undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Question>", length(min = 1, max = MAX_STEPS))]
    pub leaving: Option<Vec<Question>>,
}

/// Something that must hold before a member is made to leave.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProfileGate {
    /// Its name, unique among the gates; status and events refer to it.
    #[schemars(length(min = 1, max = MAX_METRIC_NAME))]
    #[x_kube(validation = Rule::new(NAME_RULE).message(NAME_MESSAGE))]
    pub name: String,

    /// When it must be open. Default Always.
    ///
    /// Start: before the first act only. Always: before every act, until one that cannot be taken back is intended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GateAt")]
    pub at: Option<GateAt>,

    /// The gate is open when every one that is asked affirms it. What is not known keeps it shut.
    pub ask: Question,
}

/// When a gate is asked.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GateAt {
    /// Before the first act.
    Start,
    /// Before every act.
    #[default]
    Always,
}

pub(crate) const NAME_RULE: &str = "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')";
pub(crate) const NAME_MESSAGE: &str =
    "name must be a DNS label: lower case letters, digits and '-', with a letter or digit first and last";
