//! The two ports of a node: VerneMQ's HTTP API, and the one between the nodes, where tests play clients and turn knobs too.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::clients;
use super::command::Command;
use super::commands::{Known, Outcome, text};
use super::leave::{spawn, suspend_here};
use super::membership::hear;
use super::node::Node;
use super::options::AuthMode;
use super::peers::{Letter, Message};
use super::status;
use crate::http_server::{Reply, full, respond};

const JSON: &str = "application/json";
const API: &str = "/api/v1/";

/// The API, as the world sees it: replies that take too long, or that are to be lost, never come.
pub(super) async fn api(node: Arc<Node>, request: Request<Incoming>) -> Reply {
    let patience = {
        let seconds = node.state().knobs.reply_cut_seconds;
        node.options.scaled(seconds)
    };
    let answer = tokio::time::timeout(patience, route(&node, &request)).await;
    let loses = request.uri().path().starts_with(API) && node.state().knobs.loses_replies;
    match answer {
        Ok(answer) if !loses => answer,
        Ok(_) | Err(_) => Reply::HangUp,
    }
}

async fn route(node: &Arc<Node>, request: &Request<Incoming>) -> Reply {
    let path = request.uri().path();
    if let Some(command) = path.strip_prefix(API) {
        return management(node, request, command).await;
    }
    if let Some((status, body)) = status::health(node, path) {
        return respond(status, JSON, body.to_string());
    }
    match path {
        "/metrics" => respond(StatusCode::OK, "text/plain", status::metrics(node)),
        "/status.json" if node.state().knobs.status_fails => empty(StatusCode::INTERNAL_SERVER_ERROR),
        "/status.json" => respond(StatusCode::OK, JSON, status::status_json(node).await.to_string()),
        _ => empty(StatusCode::NOT_FOUND),
    }
}

/// The order of cowboy's REST handlers: the method, then the form, then the key.
async fn management(node: &Arc<Node>, request: &Request<Incoming>, path: &str) -> Reply {
    if request.method() == Method::OPTIONS {
        return empty(StatusCode::OK);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = request.uri().query().unwrap_or_default();
    let known = Command::of_url(path, query).and_then(|command| Known::read(&command));
    let Ok(known) = known else {
        return empty(StatusCode::BAD_REQUEST);
    };
    if !is_authorized(node, request) {
        return unauthorized();
    }
    match known.run(node).await {
        Outcome::Said(said) => respond(StatusCode::OK, JSON, said.to_string()),
        Outcome::Crashed => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// `vmq_auth_apikey.erl:119-137`: the user of basic authentication, or the header `x-api-key`.
fn is_authorized(node: &Node, request: &Request<Incoming>) -> bool {
    if node.options.auth_mode == AuthMode::Noauth {
        return true;
    }
    let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    let key = match header("authorization") {
        Some(basic) => basic.strip_prefix("Basic ").and_then(user_of),
        None => header("x-api-key"),
    };
    let state = node.state();
    key.is_some_and(|key| state.metadata.keys.get(&key).is_some_and(|scope| scope == "mgmt"))
}

/// The user of `base64(user:password)`.
fn user_of(credentials: &str) -> Option<String> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = credentials.trim().trim_end_matches('=').bytes();
    let digits: Option<Vec<usize>> = digits
        .map(|byte| alphabet.iter().position(|letter| *letter == byte))
        .collect();
    let mut bytes = Vec::new();
    for four in digits?.chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - four.len()));
        let three = [bits >> 16, bits >> 8, bits].map(|byte| u8::try_from(byte & 0xff).unwrap_or_default());
        bytes.extend(&three[..four.len() - 1]);
    }
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(user, _)| user.to_owned())
}

fn unauthorized() -> Reply {
    let response = Response::builder()
        .status(StatusCode::UNAUTHORIZED)
        .header("www-authenticate", r#"Authorization realm="VerneMQ""#);
    Reply::Send(response.body(full("")).expect("constant headers"))
}

fn empty(status: StatusCode) -> Reply {
    respond(status, JSON, "")
}

/// The port between the nodes: `/peer` for them, `/admin` for the command line, the rest for tests.
pub(super) async fn inside(node: Arc<Node>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return said(Err(error.to_string())),
    };
    said(match path.as_str() {
        "/peer" => match parse(&body) {
            Ok(letter) => heard(&node, letter).await,
            Err(error) => Err(error),
        },
        "/admin" => match parse(&body) {
            Ok(tokens) => admin(&node, tokens).await,
            Err(error) => Err(error),
        },
        "/knobs" => parse(&body).and_then(|change| turn(&node, change)),
        "/state" => Ok(everything(&node)),
        _ => play(&node, &path, &body).await,
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn said(outcome: Result<Value, String>) -> Reply {
    match outcome {
        Ok(value) => respond(StatusCode::OK, JSON, value.to_string()),
        Err(error) => respond(StatusCode::CONFLICT, "text/plain", error),
    }
}

async fn heard(node: &Arc<Node>, Letter { from, message }: Letter) -> Result<Value, String> {
    if node.state().knobs.unreachable.contains(&from) {
        return Err("cut off".to_owned());
    }
    Ok(match message {
        Message::Ping => json!(!node.state().is_stopping),
        Message::IsReady => json!(node.state().is_ready()),
        Message::Members(members) => {
            hear(node, members).await;
            Value::Null
        }
        Message::SendMembers => json!(node.state().members),
        Message::Metadata(news) => {
            node.hear_metadata(news);
            Value::Null
        }
        Message::SendMetadata => json!(node.state().metadata),
        Message::Suspend => {
            suspend_here(node);
            Value::Null
        }
        order @ Message::Leave { .. } => json!(spawn(node, order).await.map_err(|error| error.to_string())?),
        Message::Enqueue { client, messages } => {
            node.change_queue(&client, |state| state.enqueue(&client, messages));
            Value::Null
        }
        Message::Drain { client } => {
            let queue = node.change_queue(&client, |state| state.queues.remove(&client));
            json!(queue.unwrap_or_default().messages)
        }
        Message::ReplaceDeadQueue { client } => {
            node.change_queue(&client, |state| state.enqueue(&client, Vec::new()));
            Value::Null
        }
        Message::Status => status::own_status(node),
    })
}

/// `vmq-admin`: the same commands, with short flags, and a limit of 60 s that it does not tell the work of
/// (`files/nodetool:20-26`).
async fn admin(node: &Arc<Node>, tokens: Vec<String>) -> Result<Value, String> {
    let known = Command::of_tokens(&tokens).and_then(|command| Known::read(&command));
    let known = known.map_err(|error| error.to_string())?;
    let running = Arc::clone(node);
    let run = tokio::spawn(async move { known.run(&running).await });
    match tokio::time::timeout(node.options.scaled(60.0), run).await {
        Ok(Ok(Outcome::Said(said))) => Ok(said),
        Ok(Ok(Outcome::Crashed) | Err(_)) => Err("RPC to the node failed: crashed".to_owned()),
        Err(_) => Err("RPC to the node failed: timeout".to_owned()),
    }
}

fn turn(node: &Node, change: Value) -> Result<Value, String> {
    let mut state = node.state();
    state.knobs = state.knobs.changed(change).map_err(|error| error.to_string())?;
    Ok(json!(state.knobs))
}

/// For tests: what a broker never tells in one piece.
fn everything(node: &Node) -> Value {
    let state = node.state();
    json!({
        "name": node.name(),
        "members": state.readiness.members,
        "has_history": state.has_history,
        "queues": state.queues.iter().map(|(client, queue)| {
            json!({"client": client, "is_online": queue.is_online, "messages": queue.messages})
        }).collect::<Vec<_>>(),
        "listeners": state.listeners.iter().map(|row| row.row(state.online())).collect::<Vec<_>>(),
        "is_stopping": state.is_stopping,
    })
}

/// What a client does.
#[derive(Debug, Deserialize)]
struct Play {
    client: String,
    #[serde(default)]
    is_clean: bool,
    #[serde(default)]
    messages: Vec<String>,
}

async fn play(node: &Arc<Node>, path: &str, body: &[u8]) -> Result<Value, String> {
    let Play {
        client,
        is_clean,
        messages,
    } = parse(body)?;
    let refused = |refusal: clients::Refusal| refusal.to_string();
    match path {
        "/connect" => clients::connect(node, &client, is_clean)
            .await
            .map(|present| json!(present))
            .map_err(refused),
        "/disconnect" => {
            clients::disconnect(node, &client).await;
            Ok(text("Done"))
        }
        "/publish" => clients::publish(node, &client, messages)
            .await
            .map(|()| Value::Null)
            .map_err(refused),
        "/receive" => clients::receive(node, &client)
            .map(|messages| json!(messages))
            .map_err(refused),
        _ => Err(format!("no such thing: {path}")),
    }
}
