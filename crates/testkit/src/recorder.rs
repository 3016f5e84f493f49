//! Answers: who asked which pod for what, when, and what did they hear? A proxy in front of each pod's port, and one log.
//!
//! The times are the machine's clock, so the log can be joined with the revisions of the API server's store. Replies can be
//! swallowed, and calls refused before they arrive: the two sides of an act whose outcome nobody knows.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use crate::fault_proxy::ask;
use crate::http_server::{BoxError, Reply, full, serve_on};
use crate::listener::Listener;

/// Whose port it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub uid: String,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is still under way, or whoever asked has gone away.
    Nothing,
    /// An answer with this HTTP status.
    Status(u16),
    /// The connection was cut, by the pod or by a [`Loss`].
    Cut,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// Of whom.
    pub callee: Callee,
    /// The name that the caller gives itself (`User-Agent`).
    pub caller: String,
    /// `GET`, `POST` and so on.
    pub method: String,
    /// With the query.
    pub path: String,
    /// What the caller heard.
    pub heard: Heard,
    /// When the caller heard it.
    pub answered: Option<Timestamp>,
}

/// What is lost of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It never arrives.
    Request,
    /// It arrives and is carried out, and nobody hears of it.
    Reply,
}

type Condition = Box<dyn Fn(&Call) -> bool + Send + Sync>;

struct Rule {
    applies: Condition,
    loss: Loss,
    /// How often it still applies.
    left: u32,
}

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    rules: Vec<Rule>,
    file: Option<File>,
}

/// All calls to all recorded ports. Clones share one log.
#[derive(Clone, Default)]
pub struct CallLog {
    log: Arc<Mutex<Log>>,
}

impl CallLog {
    /// A log that is also written to this file, a line of JSON when a call arrives and one when it is answered.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let log = Self::default();
        log.lock().file = Some(file);
        Ok(log)
    }

    /// All calls so far, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Of the next calls for which `applies` is true, so many lose this.
    pub fn lose(&self, loss: Loss, times: u32, applies: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        self.lock().rules.push(Rule {
            applies: Box::new(applies),
            loss,
            left: times,
        });
    }

    /// Nothing is lost any more.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Its number, and what it is to lose.
    fn arrived(&self, call: Call) -> (usize, Option<Loss>) {
        let mut log = self.lock();
        let rule = log
            .rules
            .iter_mut()
            .rev()
            .find(|rule| rule.left > 0 && (rule.applies)(&call));
        let loss = rule.map(|rule| {
            rule.left -= 1;
            rule.loss
        });
        let number = log.calls.len();
        log.write(number, &call);
        log.calls.push(call);
        (number, loss)
    }

    fn answered(&self, number: usize, heard: Heard) {
        let mut log = self.lock();
        if let Some(call) = log.calls.get_mut(number) {
            (call.heard, call.answered) = (heard, Some(Timestamp::now()));
            let call = call.clone();
            log.write(number, &call);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CallLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.lock().calls.len();
        formatter
            .debug_struct("CallLog")
            .field("calls", &calls)
            .finish_non_exhaustive()
    }
}

impl Log {
    fn write(&mut self, number: usize, call: &Call) {
        let heard = match call.heard {
            Heard::Nothing => json!(null),
            Heard::Status(status) => json!(status),
            Heard::Cut => json!("cut"),
        };
        let line = json!({
            "call": number, "at": call.at.to_string(), "namespace": call.callee.namespace, "pod": call.callee.pod,
            "uid": call.callee.uid, "caller": call.caller, "method": call.method, "path": call.path, "heard": heard,
            "answered": call.answered.map(|at| at.to_string()),
        });
        if let Some(file) = &mut self.file {
            // Whoever joins the log finds out what is missing.
            let _ = writeln!(file, "{line}");
        }
    }
}

/// A recorded port. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct RecordedPort {
    listener: Listener,
}

impl RecordedPort {
    /// Passes calls on to `upstream`, which is not there yet: the port is closed.
    pub(crate) fn closed(address: SocketAddr, upstream: SocketAddr, callee: Callee, log: CallLog) -> io::Result<Self> {
        let listener = serve_on(address, move |request| {
            let (log, callee) = (log.clone(), callee.clone());
            Box::pin(async move { pass(request, upstream, callee, &log).await })
        })?;
        listener.close();
        Ok(Self { listener })
    }

    /// The process is there.
    pub(crate) fn open(&self) {
        self.listener.open();
    }

    /// The process is gone: whoever connects is refused.
    pub(crate) fn close(&self) {
        self.listener.close();
    }
}

async fn pass(request: Request<Incoming>, upstream: SocketAddr, callee: Callee, log: &CallLog) -> Reply {
    let (head, body) = request.into_parts();
    let agent = head.headers.get("user-agent").and_then(|agent| agent.to_str().ok());
    let call = Call {
        at: Timestamp::now(),
        callee,
        caller: agent.unwrap_or_default().to_owned(),
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        heard: Heard::Nothing,
        answered: None,
    };
    let (number, loss) = log.arrived(call);
    let answer = match loss {
        Some(Loss::Request) => Err("lost".into()),
        Some(Loss::Reply) | None => {
            async {
                let body = body.collect().await?.to_bytes();
                whole(ask(Request::from_parts(head, Full::new(body)), upstream).await?).await
            }
            .await
        }
    };
    match answer {
        Ok(response) if loss.is_none() => {
            log.answered(number, Heard::Status(response.status().as_u16()));
            Reply::Send(response.map(full))
        }
        Ok(_) | Err(_) => {
            log.answered(number, Heard::Cut);
            Reply::HangUp
        }
    }
}

async fn whole(response: Response<Incoming>) -> Result<Response<hyper::body::Bytes>, BoxError> {
    let (mut head, body) = response.into_parts();
    // It is sent with its length.
    head.headers.remove("transfer-encoding");
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporter::Exporter;
    use crate::ports::free_address;

    fn port(log: &CallLog, upstream: SocketAddr) -> (SocketAddr, RecordedPort) {
        let [namespace, pod, uid] = ["space", "broker-0", "1234"].map(str::to_owned);
        let (address, callee) = (free_address(), Callee { namespace, pod, uid });
        (
            address,
            RecordedPort::closed(address, upstream, callee, log.clone()).unwrap(),
        )
    }

    async fn get(address: SocketAddr, path: &str) -> Result<String, String> {
        crate::http::answer(crate::http::client(None).get(format!("http://{address}{path}"))).await
    }

    #[tokio::test]
    async fn calls_are_passed_on_and_written_down_with_what_was_heard() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("calls");
        let (log, exporter) = (CallLog::create(&file).unwrap(), Exporter::start());
        exporter.set("up", 1.0);
        let (address, port) = port(&log, exporter.address());
        assert!(get(address, "/closed").await.is_err());
        port.open();
        assert!(get(address, "/metrics?a=b").await.unwrap().contains("up 1"));
        let calls = log.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(
            (calls[0].path.as_str(), calls[0].heard),
            ("/metrics?a=b", Heard::Status(200))
        );
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 2);
        port.close();
        assert!(get(address, "/closed").await.is_err());
        assert_eq!(log.calls().len(), 1);
    }

    #[tokio::test]
    async fn a_lost_request_does_not_arrive_and_a_lost_reply_has_done_its_work() {
        let (log, exporter) = (CallLog::default(), Exporter::start());
        let (address, port) = port(&log, exporter.address());
        port.open();
        log.lose(Loss::Request, 1, |call| call.path == "/lost");
        log.lose(Loss::Reply, 1, |call| call.path == "/unheard");
        assert!(get(address, "/lost").await.is_err());
        assert_eq!(exporter.scrapes(), 0);
        assert!(get(address, "/unheard").await.is_err());
        assert_eq!(exporter.scrapes(), 1);
        assert!(get(address, "/unheard").await.is_ok());
        let heard: Vec<_> = log.calls().iter().map(|call| call.heard).collect();
        assert_eq!(heard, [Heard::Cut, Heard::Cut, Heard::Status(200)]);
    }
}
