//! Talks to a node: as an operator does, as its clients do, and as the tests that turn its knobs do.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};

/// A node's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, if it is JSON.
    pub json: Value,
    /// The body.
    pub text: String,
}

/// All that a node of the double knows of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Inside {
    /// Its name.
    pub name: String,
    /// Whom it takes for members, and whether those run.
    pub members: BTreeMap<String, bool>,
    /// Whether it could join another cluster.
    pub has_history: bool,
    /// What it keeps for whom.
    pub queues: Vec<InsideQueue>,
    /// Rows as in `listener show`.
    pub listeners: Vec<Value>,
    /// Whether it is on its way out.
    pub is_stopping: bool,
}

/// A queue of [`Inside`].
#[derive(Debug, Clone, Deserialize)]
pub struct InsideQueue {
    /// Whose it is.
    pub client: String,
    /// Whether that client is connected.
    pub is_online: bool,
    /// What waits for it.
    pub messages: Vec<String>,
}

/// What a test calls itself: its calls are told from an operator's by it.
pub const TEST: &str = "testkit";

/// A node, or anything that answers at the same address.
#[derive(Debug, Clone)]
pub struct Broker {
    api: SocketAddr,
    inside: SocketAddr,
    key: Option<String>,
    client: Client,
}

impl Broker {
    /// A node of the double at its usual ports.
    pub fn at(address: IpAddr) -> Self {
        Self::new((address, 8888).into(), (address, 44053).into())
    }

    /// A node at other ports.
    pub fn new(api: SocketAddr, inside: SocketAddr) -> Self {
        Self {
            api,
            inside,
            key: None,
            client: crate::http::client(None),
        }
    }

    /// With a key for the API.
    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// A GET of its API, such as `/api/v1/cluster/show`. An error says that there was no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.request(Method::GET, path).await
    }

    /// Any request of its API.
    pub async fn request(&self, method: Method, path: &str) -> Result<Answer, String> {
        let mut request = self.client.request(method, format!("http://{}{path}", self.api));
        request = request.header("user-agent", TEST);
        if let Some(key) = &self.key {
            request = request.header("x-api-key", key);
        }
        // As long as a leave may take.
        let answer = request
            .timeout(Duration::from_mins(2))
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, json, text })
    }

    /// The members that it lists, and which of them run; an error for anything but a table.
    pub async fn members(&self) -> Result<BTreeMap<String, bool>, String> {
        let answer = self.get("/api/v1/cluster/show").await?;
        let rows = answer.json["table"]
            .as_array()
            .ok_or_else(|| format!("{}: {}", answer.status, answer.text))?;
        let row = |row: &Value| Some((row["Node"].as_str()?.to_owned(), row["Running"].as_bool()?));
        Ok(rows.iter().filter_map(row).collect())
    }

    /// `cluster leave`, with teardown of everything.
    pub async fn leave(&self, name: &str) -> Result<Answer, String> {
        let flags = "--kill_sessions&--summary-interval=1&--timeout=120";
        self.get(&format!("/api/v1/cluster/leave?node={name}&{flags}")).await
    }

    /// Turns knobs: see [`super::Knobs`].
    pub async fn turn(&self, knobs: Value) -> Result<Value, String> {
        self.ask("knobs", &knobs).await
    }

    /// All that it knows.
    pub async fn inside(&self) -> Result<Inside, String> {
        let said = self.ask("state", &Value::Null).await?;
        serde_json::from_value(said).map_err(|error| error.to_string())
    }

    /// Connects a client; whether it had a session.
    pub async fn connect(&self, client: &str) -> Result<bool, String> {
        let said = self.ask("connect", &json!({"client": client})).await?;
        Ok(said == true)
    }

    /// Ends a client's connection.
    pub async fn disconnect(&self, client: &str) -> Result<(), String> {
        self.ask("disconnect", &json!({"client": client})).await.map(|_| ())
    }

    /// Somebody publishes here for a subscriber. `Ok` is the acknowledgement.
    pub async fn publish(&self, client: &str, messages: &[String]) -> Result<(), String> {
        self.ask("publish", &json!({"client": client, "messages": messages}))
            .await
            .map(|_| ())
    }

    /// A connected client reads and acknowledges what waits for it.
    pub async fn receive(&self, client: &str) -> Result<Vec<String>, String> {
        let said = self.ask("receive", &json!({"client": client})).await?;
        serde_json::from_value(said).map_err(|error| error.to_string())
    }

    /// `vmq-admin` of this node.
    pub async fn vmq_admin(&self, words: &[String]) -> Result<Value, String> {
        self.ask("admin", &json!(words)).await
    }

    async fn ask(&self, what: &str, body: &Value) -> Result<Value, String> {
        let request = self.client.post(format!("http://{}/{what}", self.inside)).json(body);
        let body = crate::http::answer(request.timeout(Duration::from_mins(2))).await?;
        serde_json::from_str(&body).map_err(|error| error.to_string())
    }
}
