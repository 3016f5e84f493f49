//! What is in RabbitMQ before it shrinks, and must be there afterwards: persistent sessions of MQTT with messages that wait for
//! their clients, and a quorum queue.

use std::collections::BTreeSet;

use autoscaler_testkit::wait::eventually;
use serde_json::{Value, json};

use super::super::stage::{PATIENCE, Stage};
use super::mqtt::Client;

const SESSIONS: u32 = 10;
const MESSAGES: u32 = 10;
const ORDERS: u32 = 50;

/// See the module.
pub(super) struct Contents<'a> {
    stage: &'a Stage,
    client: reqwest::Client,
}

impl<'a> Contents<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        let client = reqwest::Client::new();
        Self { stage, client }
    }

    /// Sessions begin on each of so many nodes. Every message is acknowledged: a majority has it.
    pub(super) async fn fill(&self, nodes: u32) {
        for session in 0..SESSIONS {
            let mut client = self
                .connect(session % nodes, &format!("session-{session}"), false)
                .await;
            assert!(!client.had_session);
            client.subscribe(&format!("session/{session}")).await.unwrap();
            client.disconnect().await.unwrap();
        }
        let queue = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        self.manage(reqwest::Method::PUT, "queues/%2f/orders", queue).await;
        let binding = json!({"routing_key": "orders"});
        self.manage(reqwest::Method::POST, "bindings/%2f/e/amq.topic/q/orders", binding)
            .await;
        let mut publisher = self.connect(0, "publisher", true).await;
        for session in 0..SESSIONS {
            for message in messages(session) {
                publisher
                    .publish(&format!("session/{session}"), &message)
                    .await
                    .unwrap();
            }
        }
        for order in orders() {
            publisher.publish("orders", &order).await.unwrap();
        }
        publisher.disconnect().await.unwrap();
    }

    /// Each client finds its session on whichever node it comes to, and all of its messages in it.
    pub(super) async fn assert_all_there(&self, nodes: u32) {
        for session in 0..SESSIONS {
            let mut client = self
                .connect((session + 1) % nodes, &format!("session-{session}"), false)
                .await;
            assert!(client.had_session, "session {session} is lost");
            let mut received = BTreeSet::new();
            while received.len() < messages(session).count() {
                let message = client.receive().await;
                received.insert(message.unwrap_or_else(|error| panic!("session {session} has {received:?}: {error}")));
            }
            assert_eq!(received, messages(session).collect());
            client.disconnect().await.unwrap();
        }
        let all = json!({"count": 2 * ORDERS, "ackmode": "ack_requeue_false", "encoding": "auto"});
        let answer = self.manage(reqwest::Method::POST, "queues/%2f/orders/get", all).await;
        let rows: Value = serde_json::from_str(&answer).unwrap();
        let rows = rows.as_array().unwrap().iter();
        let read: Vec<&str> = rows.map(|row| row["payload"].as_str().unwrap()).collect();
        assert_eq!(read, orders().collect::<Vec<_>>());
    }

    /// Again and again: just after a client has gone, another one of its name may be refused.
    async fn connect(&self, node: u32, identifier: &str, clean: bool) -> Client {
        eventually(&format!("{identifier} at node {node}"), PATIENCE, || async {
            Client::connect(self.address(node)?, identifier, clean)
                .await
                .map_err(|error| error.to_string())
        })
        .await
    }

    /// Of the management API, which every node has.
    async fn manage(&self, method: reqwest::Method, what: &str, body: Value) -> String {
        let url = format!("http://{}:15672/api/{what}", self.address(0).unwrap());
        let request = self
            .client
            .request(method, url)
            .basic_auth("guest", Some("guest"))
            .json(&body);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        answer.text().await.unwrap()
    }

    fn address(&self, node: u32) -> Result<std::net::Ipv4Addr, String> {
        let pod = format!("broker-{node}");
        let address = self.stage.kubelet.address(&self.stage.world.namespace, &pod);
        address.ok_or_else(|| format!("{pod} does not run"))
    }
}

fn messages(session: u32) -> impl Iterator<Item = String> {
    (0..MESSAGES).map(move |message| format!("{session}-{message}"))
}

fn orders() -> impl Iterator<Item = String> {
    (0..ORDERS).map(|order| format!("order-{order}"))
}
