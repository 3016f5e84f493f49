//! One act: to whom it is sent, what is sent, how the reply is read; and the steps of a drain.

#![expect(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into the body of a function"
)]
#![expect(
    clippy::doc_markdown,
    reason = "kubectl explain shows this text as it stands, without Markdown"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HttpRequest, NAME_MESSAGE, NAME_RULE, Question};
use crate::limits::{MAX_ACT_SECONDS, MAX_EXPRESSION, MAX_METRIC_NAME};

/// One step of a drain.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.commits) && self.commits && has(self.undo))")
    .message("a step that commits cannot be undone: leave out undo, or commits"))]
pub struct ProfileStep {
    /// Its name, unique among the steps; status, events and the operation refer to it.
    #[schemars(length(min = 1, max = MAX_METRIC_NAME))]
    #[x_kube(validation = Rule::new(NAME_RULE).message(NAME_MESSAGE))]
    pub name: String,

    /// Nothing takes it back: from the moment it is intended the operation only goes forward. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<bool>,

    /// It may be sent again while it is not known to be done. Default false: it is sent once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeatable: Option<bool>,

    /// What shows that it is done. Asked before it is sent, too: what is done already is passed over. Never the reply.
    pub done_when: Question,

    /// What is sent.
    pub act: Act,

    /// What takes it back. Default: there is nothing to take back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<StepUndo>,
}

/// How a step is taken back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StepUndo {
    /// Whether something of the step is left. It is undone until this is known not to hold.
    pub residue: Question,

    /// What is sent. It may be sent again.
    pub act: Act,

    /// What the step did is in the memory of the pod and gone with it. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_with_pod: Option<bool>,
}

/// One request that changes something. Its reply is told to people, and proves nothing but a refusal.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// To whom it is sent.
    ///
    /// Leaving: to the member that leaves. AnySurvivor: to the first other member that lists it.
    pub to: Recipient,

    /// Sent once for each item that is found at the recipient just before, with the variables item.FIELD; of none, nothing
    /// is sent. Default: sent once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,

    /// The request.
    pub http: HttpRequest,

    /// Whether the reply is the one to expect, read as json and status. Default: a status from 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = MAX_EXPRESSION))]
    pub ok_when: Option<String>,

    /// Whether the reply says that it was understood and not done, for certain. An operation that can still be taken back is
    /// taken back then. Default: no reply says that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = MAX_EXPRESSION))]
    pub refused_when: Option<String>,

    /// So long a reply is waited for: 1 to 60, default 10. It may go on afterwards: times.inFlightSeconds says for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_ACT_SECONDS))]
    pub timeout_seconds: Option<i32>,
}

/// To whom an act is sent.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The member that leaves.
    Leaving,
    /// The first other member that lists it.
    AnySurvivor,
}

/// What an act is sent for.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ForEach {
    /// What the recipient is asked.
    pub http: HttpRequest,

    /// An expression that gives the items: a list of at most 32 objects.
    #[schemars(length(min = 1, max = MAX_EXPRESSION))]
    pub expr: String,
}
