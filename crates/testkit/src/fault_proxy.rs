//! Answers: what does the operator do when Prometheus misbehaves? A proxy in front of a real one.
//!
//! Passes everything on unchanged unless a fault is set, and records what was asked, so that a test can count queries and look
//! at their parameters. Everything here is immediate; a test may have a proxy of its own.

mod fault;
mod request;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Request;
use hyper::body::Incoming;

use crate::http_server::{Reply, serve};
use crate::listener::Listener;

pub(crate) use fault::ask;
pub use fault::{Fault, Gate};
pub use request::Recorded;

type Condition = Arc<dyn Fn(&Recorded) -> bool + Send + Sync>;

struct Rule {
    applies: Condition,
    fault: Fault,
}

/// What the handler of each request shares with the test.
struct Shared {
    upstream: SocketAddr,
    rules: Mutex<Vec<Rule>>,
    recorded: Mutex<Vec<Recorded>>,
    streamed: Arc<AtomicU64>,
}

impl Shared {
    /// The latest fault that applies.
    fn fault(&self, request: &Recorded) -> Option<Fault> {
        let rules = lock(&self.rules);
        rules
            .iter()
            .rev()
            .find(|rule| (rule.applies)(request))
            .map(|rule| rule.fault.clone())
    }

    async fn handle(&self, request: Request<Incoming>) -> Reply {
        let (recorded, request) = match request::record(request).await {
            Ok(both) => both,
            Err(reply) => return reply,
        };
        let fault = self.fault(&recorded);
        lock(&self.recorded).push(recorded);
        match fault {
            Some(fault) => fault.apply(request, self.upstream, &self.streamed).await,
            None => fault::forward(request, self.upstream).await,
        }
    }
}

/// A proxy on a loopback port.
pub struct FaultProxy {
    listener: Listener,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts passing requests on to `upstream`, such as [`crate::prometheus::Prometheus::address`].
    pub fn start(upstream: SocketAddr) -> Self {
        let (rules, recorded, streamed) = Default::default();
        let shared = Arc::new(Shared {
            upstream,
            rules,
            recorded,
            streamed,
        });
        let handling = Arc::clone(&shared);
        let listener = serve(move |request| {
            let shared = Arc::clone(&handling);
            Box::pin(async move { shared.handle(request).await })
        });
        Self { listener, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What to give the operator as `--prometheus-url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Every request from now on meets this fault.
    pub fn inject(&self, fault: Fault) {
        self.inject_where(|_| true, fault);
    }

    /// Requests with this text in their PromQL meet this fault. Of several faults that apply, the latest counts.
    pub fn inject_for(&self, part_of_query: &str, fault: Fault) {
        let part = part_of_query.to_owned();
        self.inject_where(
            move |request| request.query().is_some_and(|query| query.contains(&part)),
            fault,
        );
    }

    /// Requests for which `applies` is true meet this fault.
    pub fn inject_where(&self, applies: impl Fn(&Recorded) -> bool + Send + Sync + 'static, fault: Fault) {
        lock(&self.shared.rules).push(Rule {
            applies: Arc::new(applies),
            fault,
        });
    }

    /// No more faults, and the port is open. Requests that hang keep hanging.
    pub fn clear(&self) {
        lock(&self.shared.rules).clear();
        self.listener.open();
    }

    /// Closes the port and cuts all connections: whoever connects is refused, until [`FaultProxy::clear`].
    pub fn refuse(&self) {
        self.listener.close();
    }

    /// All requests so far, in order of arrival; those that met a fault too.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared.recorded).clone()
    }

    /// Their PromQL.
    pub fn queries(&self) -> Vec<String> {
        let recorded = lock(&self.shared.recorded);
        recorded
            .iter()
            .filter_map(|request| request.query().map(str::to_owned))
            .collect()
    }

    /// Starts recording from nothing again.
    pub fn forget(&self) {
        lock(&self.shared.recorded).clear();
    }

    /// How many bytes of [`Fault::Huge`] answers were taken by clients (or lie in socket buffers).
    pub fn streamed_bytes(&self) -> u64 {
        self.shared.streamed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let upstream = &self.shared.upstream;
        formatter
            .debug_struct("FaultProxy")
            .field("address", &self.address())
            .field("upstream", upstream)
            .finish_non_exhaustive()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
