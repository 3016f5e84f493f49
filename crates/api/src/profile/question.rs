//! One question: who is asked what, and the expression that reads the answer.

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

use crate::limits::{MAX_EXPRESSION, MAX_QUERY, MAX_QUERY_PARTS, MAX_TEMPLATE};

/// A question and the expression that reads its answer. No answer, or one that cannot be read, is never a yes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.http) || !has(self.promql)").message("ask by http or by promql, not by both"))]
#[x_kube(validation = Rule::new("!has(self.of) || !has(self.promql)").message("promql is asked of Prometheus: leave out of"))]
pub struct Question {
    /// Which members are asked; all of them must affirm it. Only where it is not said already; the default is then Leaving,
    /// and EachMember for a gate.
    ///
    /// Leaving: the member that leaves. EachSurvivor: every other one. EachMember: every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Asked")]
    pub of: Option<Asked>,

    /// The request whose answer the expression reads as json and status. Default: none, and the expression reads only members,
    /// those that the member lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRequest>,

    /// A PromQL query that gives one number, which the expression reads as value: a template. Only for gates and progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = MAX_QUERY))]
    pub promql: Option<String>,

    /// The expression, in CEL: docs/reference/profiles.md has its grammar.
    ///
    /// Example: `json.table.size() > 0 && json.table.all(row, row.Running)`
    #[schemars(length(min = 1, max = MAX_EXPRESSION))]
    pub expr: String,
}

/// Which members are asked.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// The member that leaves.
    Leaving,
    /// Every other member.
    EachSurvivor,
    /// Every member.
    EachMember,
}

/// One HTTP request to a member, at the IP of its pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// Default GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "HttpMethod")]
    pub method: Option<HttpMethod>,

    /// The path, from its first slash to before the question mark: a template.
    #[schemars(length(min = 1, max = MAX_TEMPLATE))]
    pub path: String,

    /// What stands behind the question mark, sent in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<QueryPart>", length(min = 1, max = MAX_QUERY_PARTS))]
    pub query: Option<Vec<QueryPart>>,

    /// A JSON body: a template. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = MAX_TEMPLATE))]
    pub body: Option<String>,
}

/// One part of a query.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct QueryPart {
    /// What stands before the '=', or all of it.
    #[schemars(length(min = 1, max = MAX_TEMPLATE))]
    pub name: String,

    /// What stands behind the '=': a template. Default: the part is its name alone, as flags are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_TEMPLATE))]
    pub value: Option<String>,
}

/// How something is asked for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum HttpMethod {
    /// GET.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// POST.
    #[serde(rename = "POST")]
    Post,
    /// PUT.
    #[serde(rename = "PUT")]
    Put,
    /// DELETE.
    #[serde(rename = "DELETE")]
    Delete,
}
