//! A client of etcd that writes a number after the other, through whichever member serves, and notes what was acknowledged
//! and who belonged to the cluster at that moment.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::stage::Stage;

/// Between two writes: this is the load, and not a wait.
const PACE: Duration = Duration::from_millis(50);
/// A member that has just been removed may not answer any more.
const ANSWER: Duration = Duration::from_secs(3);
/// Where the process listens itself: what is written is no call of the operator, and is not recorded.
const PORT: u16 = 12_379;

/// Who belonged to the cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Members {
    /// How many there are.
    pub(super) count: usize,
    pub(super) ids: BTreeSet<String>,
    /// The names of those that have started.
    pub(super) started: BTreeSet<String>,
    /// How many have no vote.
    pub(super) learners: usize,
}

/// What is noted. Keys and values are texts of digits whose length makes them valid base64, as the API has them.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) written: BTreeMap<String, String>,
    /// Each change.
    pub(super) seen: Vec<Members>,
}

/// See the module.
pub(super) struct Writer<'a> {
    stage: &'a Stage,
    client: reqwest::Client,
    book: RefCell<Book>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(stage: &'a Stage) -> Self {
        autoscaler_testkit::install_crypto_provider();
        let client = reqwest::Client::builder().timeout(ANSWER).build().unwrap();
        let book = RefCell::default();
        Self { stage, client, book }
    }

    /// What was noted.
    pub(super) fn into_book(self) -> Book {
        self.book.into_inner()
    }

    /// Writes for ever.
    pub(super) async fn write(&self) -> std::convert::Infallible {
        let mut pace = tokio::time::interval(PACE);
        let mut through: u32 = 0;
        for number in 0_u64.. {
            pace.tick().await;
            let (key, value) = (format!("{number:08}"), format!("{:012}", number * 31));
            // In turn: each of them forwards it to the one that leads. One that is not there, or is about to go, is passed over.
            for _ in 0..8 {
                through = (through + 1) % 8;
                let pod = format!("broker-{through}");
                if self
                    .ask(&pod, "kv/put", json!({"key": key, "value": value}))
                    .await
                    .is_ok()
                {
                    self.book.borrow_mut().written.insert(key, value);
                    self.look(&pod).await;
                    break;
                }
            }
        }
        unreachable!("there are numbers enough")
    }

    async fn look(&self, pod: &str) {
        // What the leader has agreed on with a majority, or nothing.
        if let Ok(members) = self.members(pod, true).await {
            let mut book = self.book.borrow_mut();
            if book.seen.last() != Some(&members) {
                book.seen.push(members);
            }
        }
    }

    /// Who belongs to the cluster as one member knows it.
    pub(super) async fn members(&self, pod: &str, linearizable: bool) -> Result<Members, String> {
        let answer = self
            .ask(pod, "cluster/member/list", json!({"linearizable": linearizable}))
            .await?;
        let rows = answer["members"].as_array().ok_or("no list")?;
        let text = |row: &Value, field: &str| row[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Members {
            count: rows.len(),
            ids: rows.iter().filter_map(|row| text(row, "ID")).collect(),
            started: rows.iter().filter_map(|row| text(row, "name")).collect(),
            learners: rows.iter().filter(|row| row["isLearner"] == true).count(),
        })
    }

    /// All that is stored, as a majority has it.
    pub(super) async fn read_all(&self, pod: &str) -> Result<BTreeMap<String, String>, String> {
        // From the first key (a zero) to the end (a zero as well).
        let all = self
            .ask(pod, "kv/range", json!({"key": "AA==", "range_end": "AA=="}))
            .await?;
        let rows = all["kvs"].as_array().into_iter().flatten();
        let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
        Ok(rows.map(|row| (text(row, "key"), text(row, "value"))).collect())
    }

    async fn ask(&self, pod: &str, what: &str, body: Value) -> Result<Value, String> {
        let address = self.stage.kubelet.address(&self.stage.world.namespace, pod);
        let address = address.ok_or_else(|| format!("{pod} does not run"))?;
        let url = format!("http://{address}:{PORT}/v3/{what}");
        let answer = self.client.post(url).json(&body).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }
}
