//! The contract of the double as one table: what is asked in which state, what comes back, and what is so afterwards.
//!
//! Each row names its place in the source of VerneMQ 2.2.0 (commit 90ebd3e), of clique, or of docker-vernemq (84855d5). The
//! double is checked against every row. A real broker is checked against those that ask nothing of the runner but its address;
//! the others say what they would need.

mod shape;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::nodes::{Nodes, NodesError};
use super::{Answer, Broker};
use crate::wait::within;
use shape::fits;

const TABLE: &str = include_str!("contract.yaml");
const SOON: Duration = Duration::from_mins(1);

/// One row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// A sentence.
    pub name: String,
    /// Where that is so.
    pub source: Vec<String>,
    /// How many nodes form the cluster; called a, b, c and so on.
    #[serde(default = "one")]
    nodes: u8,
    /// Flags of all of them.
    #[serde(default)]
    flags: Vec<String>,
    /// What happens before.
    #[serde(default)]
    given: Vec<Step>,
    /// The request that the row is about.
    ask: Ask,
    /// What is so afterwards, in this order, each at last.
    #[serde(default)]
    later: Vec<Step>,
    /// Can be asked of any broker, and changes nothing there.
    #[serde(default)]
    pub real: bool,
}

impl Row {
    /// What a run against a real broker would need besides its address, if the row needs anything.
    pub fn needs(&self) -> Option<&'static str> {
        if self.real {
            None
        } else if self.nodes > 1 {
            Some("a cluster whose members may be stopped and lost")
        } else if !self.flags.is_empty() {
            Some("a broker that is configured for it")
        } else {
            Some("a broker that nobody uses, for it changes something")
        }
    }
}

fn one() -> u8 {
    1
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// Of which node.
    #[serde(default = "first")]
    of: String,
    /// `GET` if nothing is said.
    #[serde(default)]
    method: Option<String>,
    /// With the query; `{a}` is the name of node a.
    path: String,
    /// A key for the API.
    #[serde(default)]
    key: Option<String>,
    /// The HTTP status.
    #[serde(default)]
    status: Option<u16>,
    /// The shape of the body.
    #[serde(default)]
    json: Option<Value>,
    /// What the body contains.
    #[serde(default)]
    contains: Vec<String>,
    /// The connection is cut without an answer; if there is a status or a body too, either may come.
    #[serde(default)]
    cut: bool,
}

fn first() -> String {
    "a".to_owned()
}

/// Something that is done, or that comes to be.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Step {
    /// A client connects to a node and goes again, so that its queue stays there.
    Session { at: String, client: String },
    /// A client connects to a node and stays.
    Online { at: String, client: String },
    /// Somebody publishes at a node, and it is acknowledged.
    Publish {
        at: String,
        client: String,
        messages: Vec<String>,
    },
    /// What somebody publishes at a node is refused.
    PublishRefused { at: String, client: String },
    /// A node is killed.
    Kill(String),
    /// A node is told to end; its exit code.
    Terminate { node: String, code: i32 },
    /// A node that has ended starts again on its data.
    Start(String),
    /// What a node that has ended has stored is removed.
    Wipe(String),
    /// Knobs of a node are turned.
    Turn { node: String, knobs: Value },
    /// A request whose answer is not waited for.
    Send { of: String, path: String },
    /// A request, again and again until the answer fits.
    Ask(Ask),
    /// A node ends by itself; its exit code.
    Exits { node: String, code: i32 },
    /// These messages, and no others, are still at the nodes that run.
    Messages(Vec<String>),
    /// At least one of these messages is at no node that runs.
    Lost(Vec<String>),
    /// `vmq-admin` at a node.
    Admin { of: String, words: String },
    /// The running nodes list each other, and nobody else.
    Agree,
}

/// Why a row does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// There were no nodes to ask.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// A step before or after the request did not come true.
    #[error("failed at {step}: {seen}")]
    Step {
        /// Which one.
        step: String,
        /// What was seen instead.
        seen: String,
    },
    /// The answer is another one.
    #[error("failed to get the answer of the contract: {0}")]
    Answer(String),
}

/// All rows.
///
/// # Panics
///
/// When the table cannot be read: it is part of this program.
pub fn rows() -> Vec<Row> {
    serde_saphyr::from_str(TABLE).unwrap_or_else(|error| panic!("contract.yaml: {error}"))
}

/// Checks a row against nodes of the double that are made for it.
pub async fn check(row: &Row, mut nodes: Nodes) -> Result<(), Broken> {
    let flags: Vec<&str> = row.flags.iter().map(String::as_str).collect();
    nodes = nodes.with_flags(&flags);
    nodes.form(row.nodes).await?;
    for step in &row.given {
        take(step, &mut nodes).await?;
    }
    asked(&row.ask, &nodes.broker(&row.ask.of), &all_names())
        .await
        .map_err(Broken::Answer)?;
    for step in &row.later {
        take(step, &mut nodes).await?;
    }
    Ok(())
}

/// Checks a row against a real broker. Only for rows that are [`Row::real`].
pub async fn check_real(row: &Row, address: SocketAddr, key: Option<&str>) -> Result<(), Broken> {
    let mut broker = Broker::new(address, address);
    if let Some(key) = key {
        broker = broker.with_key(key);
    }
    let status = broker.get("/status.json").await.map_err(Broken::Answer)?;
    // The node that was asked comes first (vmq_status_http.erl:74).
    let own = status.json[0]
        .as_object()
        .and_then(|nodes| nodes.keys().next().cloned());
    let names = BTreeMap::from([("a".to_owned(), own.unwrap_or_default())]);
    asked(&row.ask, &broker, &names).await.map_err(Broken::Answer)
}

async fn asked(ask: &Ask, broker: &Broker, names: &BTreeMap<String, String>) -> Result<(), String> {
    let method = ask
        .method
        .as_deref()
        .unwrap_or("GET")
        .parse::<Method>()
        .map_err(|error| error.to_string())?;
    let broker = match &ask.key {
        Some(key) => broker.clone().with_key(key),
        None => broker.clone(),
    };
    let answer = broker.request(method, &filled(&ask.path, names)).await;
    match answer {
        Err(_) if ask.cut => Ok(()),
        Err(error) => Err(error),
        Ok(answer) if ask.cut && ask.status.is_none() => Err(format!("answered {answer:?}")),
        Ok(answer) => compare(ask, &answer, names),
    }
}

fn compare(ask: &Ask, answer: &Answer, names: &BTreeMap<String, String>) -> Result<(), String> {
    let seen = || format!("{} {}", answer.status, answer.text);
    let status_fits = ask.status.is_none_or(|status| status == answer.status);
    let shape = ask.json.as_ref().map(|shape| filled_value(shape, names));
    let shape_fits = shape.is_none_or(|shape| fits(&shape, &answer.json));
    let text_fits = ask
        .contains
        .iter()
        .all(|part| answer.text.contains(&filled(part, names)));
    (status_fits && shape_fits && text_fits).then_some(()).ok_or_else(seen)
}

async fn take(step: &Step, nodes: &mut Nodes) -> Result<(), Broken> {
    let outcome = match step {
        Step::Kill(node) => {
            nodes.kill(node);
            Ok(())
        }
        Step::Terminate { node, code } => same(&nodes.terminate(node).await, &Some(*code)),
        Step::Exits { node, code } => same(&nodes.exited(node).await, &Some(*code)),
        Step::Start(node) => nodes.start(node).await.map_err(|error| error.to_string()),
        Step::Wipe(node) => nodes.wipe(node).map_err(|error| error.to_string()),
        _ => within(SOON, || attempt(step, nodes)).await,
    };
    outcome.map_err(|seen| Broken::Step {
        step: format!("{step:?}"),
        seen,
    })
}

/// Steps that can be tried again.
async fn attempt(step: &Step, nodes: &Nodes) -> Result<(), String> {
    match step {
        Step::Session { at, client } => {
            nodes.broker(at).connect(client).await?;
            nodes.broker(at).disconnect(client).await
        }
        Step::Online { at, client } => nodes.broker(at).connect(client).await.map(|_| ()),
        Step::Publish { at, client, messages } => nodes.broker(at).publish(client, messages).await,
        Step::PublishRefused { at, client } => match nodes.broker(at).publish(client, &[]).await {
            Ok(()) => Err("it was acknowledged".to_owned()),
            Err(_) => Ok(()),
        },
        Step::Turn { node, knobs } => {
            let names = all_names();
            nodes.turn(node, filled_value(knobs, &names)).await
        }
        Step::Send { of, path } => {
            let (broker, path) = (nodes.broker(of), filled(path, &all_names()));
            tokio::spawn(async move { broker.get(&path).await });
            Ok(())
        }
        Step::Ask(ask) => asked(ask, &nodes.broker(&ask.of), &all_names()).await,
        Step::Messages(expected) => same(&nodes.messages().await?, expected),
        Step::Lost(published) => {
            let kept = nodes.messages().await?;
            let is_lost = published.iter().any(|message| !kept.contains(message));
            is_lost.then_some(()).ok_or_else(|| "all are there".to_owned())
        }
        Step::Admin { of, words } => {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            nodes.broker(of).vmq_admin(&words).await.map(|_| ())
        }
        Step::Agree => nodes.agree().await.map_err(|error| error.to_string()),
        Step::Kill(_) | Step::Terminate { .. } | Step::Start(_) | Step::Wipe(_) | Step::Exits { .. } => {
            Err("cannot be tried again".to_owned())
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{seen:?}"))
    }
}

fn all_names() -> BTreeMap<String, String> {
    ('a'..='e')
        .map(|name| (name.to_string(), Nodes::node(&name.to_string())))
        .collect()
}

/// `{a}` for the name of node a.
fn filled(text: &str, names: &BTreeMap<String, String>) -> String {
    let replace = |text: String, (short, name): (&String, &String)| text.replace(&format!("{{{short}}}"), name);
    names.iter().fold(text.to_owned(), replace)
}

fn filled_value(value: &Value, names: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled(text, names)),
        Value::Array(all) => all.iter().map(|value| filled_value(value, names)).collect(),
        Value::Object(all) => {
            let pairs = all
                .iter()
                .map(|(key, value)| (filled(key, names), filled_value(value, names)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_source_and_a_name_of_its_own() {
        let rows = rows();
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.name.clone()).collect();
        assert_eq!(names.len(), rows.len());
        for row in &rows {
            let is_place = |source: &String| source.contains(':');
            assert!(
                !row.source.is_empty() && row.source.iter().all(is_place),
                "{}",
                row.name
            );
            let reads_only = row.given.is_empty() && row.later.is_empty() && row.flags.is_empty();
            assert!(!row.real || reads_only, "{}", row.name);
        }
    }
}
