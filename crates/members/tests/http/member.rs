//! Members that answer what a test tells them to, each at an IP of its own, and keep what they were asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;

/// What a member says to a request, by its method and path.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    Json(u16, Value),
    Text(u16, String),
    /// To another place.
    Redirect(String),
    /// It takes the request and never answers.
    Nothing,
}

/// What a member was asked.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// `GET /path?query`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// One member.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    says: Arc<Mutex<BTreeMap<String, Says>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Member {
    pub(crate) fn says(&self, to: &str, what: Says) {
        self.says.lock().unwrap().insert(to.to_owned(), what);
    }

    pub(crate) fn says_json(&self, to: &str, what: Value) {
        self.says(to, Says::Json(200, what));
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The requests of which a part is this.
    pub(crate) fn heard_of(&self, part: &str) -> Vec<String> {
        let heard = self.heard().into_iter().map(|heard| heard.line);
        heard.filter(|line| line.contains(part)).collect()
    }
}

/// Members on one port, at 127.x.0.1 and on: each test has an x of its own.
pub(crate) async fn members(count: u8) -> (u16, Vec<(IpAddr, Member)>) {
    static TEST: AtomicU8 = AtomicU8::new(1);
    let test = TEST.fetch_add(1, Ordering::Relaxed);
    let ip = |number: u8| IpAddr::V4(Ipv4Addr::new(127, test, 0, number));
    let first = TcpListener::bind((ip(1), 0)).await.unwrap();
    let port = first.local_addr().unwrap().port();
    let mut listeners = vec![first];
    for number in 2..=count {
        listeners.push(TcpListener::bind((ip(number), port)).await.unwrap());
    }
    let members = listeners.into_iter().zip(1..).map(|(listener, number)| {
        let member = Member::default();
        let router = Router::new().fallback(answer).with_state(member.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (ip(number), member)
    });
    (port, members.collect())
}

async fn answer(State(member): State<Member>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let target = parts.uri.path_and_query().unwrap().as_str().to_owned();
    member.heard.lock().unwrap().push(Heard {
        line: format!("{} {target}", parts.method),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let path = format!("{} {}", parts.method, parts.uri.path());
    let says = member.says.lock().unwrap().get(&path).cloned();
    let status = |code| StatusCode::from_u16(code).unwrap();
    match says {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Says::Json(code, what)) => (status(code), what.to_string()).into_response(),
        Some(Says::Text(code, what)) => (status(code), what).into_response(),
        Some(Says::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Some(Says::Nothing) => std::future::pending().await,
    }
}
