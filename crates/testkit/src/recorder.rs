//! Answers: who asked which pod for what, when, and what did they hear? A proxy in front of each pod's port, and one log.
//!
//! The times are the machine's clock, so the log can be joined with the revisions of the API server's store
//! ([`crate::revisions`]). Calls can be lost before they arrive and after they were carried out, and can be held at the same two
//! points: the sides of an act at which whoever asked can be killed or paused. The API server can have such a proxy too.

mod api;
mod port;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Response;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use crate::http_server::{Body, BoxError, Reply};

pub use api::RecordedApi;
pub(crate) use port::RecordedPort;

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
    /// The body that it sent.
    pub sent: String,
    /// The body that it was answered with, of pods only.
    pub said: String,
    /// Whether it was passed on to the callee: not if it was lost, or held until its caller was gone.
    pub is_passed_on: bool,
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

/// At which side of its being carried out a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It has not arrived.
    Before,
    /// It was carried out, and the reply is on its way.
    After,
}

/// A point at which one call is held, until this is dropped or released, or the caller is gone.
#[derive(Debug)]
pub struct Held {
    reached: watch::Receiver<Option<Call>>,
    release: watch::Sender<bool>,
}

impl Held {
    /// Waits until a call is held here.
    pub async fn reached(&mut self, deadline: Duration) -> Result<Call, String> {
        let call = tokio::time::timeout(deadline, self.reached.wait_for(Option::is_some)).await;
        match call {
            Ok(Ok(call)) => Ok(call.clone().expect("waited for one")),
            Ok(Err(_)) => Err("nobody holds calls any more".to_owned()),
            Err(_) => Err(format!("no call came within {deadline:?}")),
        }
    }

    /// Whether a call is held here, or was.
    pub fn is_reached(&self) -> bool {
        self.reached.borrow().is_some()
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.release.send_replace(true);
    }
}

/// What happens to a call.
#[derive(Debug, Clone)]
enum Fate {
    Lost(Loss),
    Held(Side, Gate),
}

/// The other end of [`Held`].
#[derive(Debug, Clone)]
struct Gate {
    reached: watch::Sender<Option<Call>>,
    released: watch::Receiver<bool>,
}

impl Gate {
    async fn hold(mut self, call: Call) {
        self.reached.send_replace(Some(call));
        // Whoever held it may be gone.
        let _ = self.released.wait_for(|released| *released).await;
    }
}

type Condition = Box<dyn Fn(&Call) -> bool + Send + Sync>;

struct Rule {
    applies: Condition,
    fate: Fate,
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
        self.rule(Fate::Lost(loss), times, applies);
    }

    /// The next call for which `applies` is true is held.
    pub fn hold(&self, side: Side, applies: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Held {
        let ((told, reached), (release, released)) = (watch::channel(None), watch::channel(false));
        let gate = Gate {
            reached: told,
            released,
        };
        self.rule(Fate::Held(side, gate), 1, applies);
        Held { reached, release }
    }

    fn rule(&self, fate: Fate, left: u32, applies: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        let applies = Box::new(applies);
        self.lock().rules.push(Rule { applies, fate, left });
    }

    /// Nothing more is lost or held.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Its number, and what is to happen to it.
    fn arrived(&self, call: Call) -> (usize, Option<Fate>) {
        let mut log = self.lock();
        let mut rules = log.rules.iter_mut().rev();
        let rule = rules.find(|rule| rule.left > 0 && (rule.applies)(&call));
        let fate = rule.map(|rule| {
            rule.left -= 1;
            rule.fate.clone()
        });
        let number = log.calls.len();
        log.write(number, &call);
        log.calls.push(call);
        (number, fate)
    }

    fn passed_on(&self, number: usize) {
        if let Some(call) = self.lock().calls.get_mut(number) {
            call.is_passed_on = true;
        }
    }

    fn answered(&self, number: usize, heard: Heard, said: &[u8]) {
        let mut log = self.lock();
        if let Some(call) = log.calls.get_mut(number) {
            (call.heard, call.answered) = (heard, Some(Timestamp::now()));
            call.said = String::from_utf8_lossy(said).into_owned();
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

/// The whole of what happens to one call, `carry_out` being all that the callee does.
async fn attend<F>(log: &CallLog, call: Call, carry_out: impl FnOnce() -> F) -> Reply
where
    F: Future<Output = Result<(Response<Body>, Bytes), BoxError>>,
{
    let (number, fate) = log.arrived(call.clone());
    match &fate {
        Some(Fate::Lost(Loss::Request)) => {
            log.answered(number, Heard::Cut, b"");
            return Reply::HangUp;
        }
        Some(Fate::Held(Side::Before, gate)) => gate.clone().hold(call.clone()).await,
        Some(Fate::Lost(Loss::Reply) | Fate::Held(Side::After, _)) | None => {}
    }
    log.passed_on(number);
    let Ok((response, said)) = carry_out().await else {
        log.answered(number, Heard::Cut, b"");
        return Reply::HangUp;
    };
    match fate {
        Some(Fate::Lost(_)) => {
            log.answered(number, Heard::Cut, &said);
            return Reply::HangUp;
        }
        Some(Fate::Held(Side::After, gate)) => gate.hold(call).await,
        Some(Fate::Held(Side::Before, _)) | None => {}
    }
    log.answered(number, Heard::Status(response.status().as_u16()), &said);
    Reply::Send(response)
}

/// A call as it arrives.
fn call(callee: Callee, head: &Parts, body: &Bytes) -> Call {
    let agent = head.headers.get("user-agent").and_then(|agent| agent.to_str().ok());
    Call {
        at: Timestamp::now(),
        callee,
        caller: agent.unwrap_or_default().to_owned(),
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        sent: String::from_utf8_lossy(body).into_owned(),
        said: String::new(),
        is_passed_on: false,
        heard: Heard::Nothing,
        answered: None,
    }
}

#[cfg(test)]
mod tests;
