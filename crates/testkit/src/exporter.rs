//! Answers a scrape: the load generator, as a real exporter of Prometheus' text format.
//!
//! Values are functions of the time since they were set, computed when scraped, so a counter that grows at 30 per second has
//! grown by exactly 30 per second between any two scrapes. Starting one is immediate; a test may have many.
//!
//! ```no_run
//! # use std::time::Duration;
//! use autoscaler_testkit::exporter::{Exporter, Shape};
//!
//! let exporter = Exporter::start();
//! exporter.set_rate(r#"mqtt_publish_received{node="VerneMQ@10.0.0.1",mqtt_version="4"}"#, 120.0);
//! exporter.set(r#"huaweicloud_sys_elb_m7_in_Bps{lbaas_listener_id="a1b2"}"#, 3500.0);
//! let minute = Duration::from_secs(60);
//! exporter.set_shape("fake_load", Shape::Sinusoid { middle: 30.0, amplitude: 25.0, period: minute });
//! ```

mod shape;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::future::BoxFuture;
use hyper::StatusCode;

use crate::http_server::{Reply, respond, serve_on};
use crate::listener::Listener;
use crate::ports::free_address;

pub use shape::Shape;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a series shows.
#[derive(Debug, Clone)]
enum Load {
    Gauge { shape: Shape, since: Instant },
    Counter { total: f64, rate: Shape, since: Instant },
}

impl Load {
    fn value(&self, now: Instant) -> f64 {
        match self {
            Self::Gauge { shape, since } => shape.at(now - *since),
            Self::Counter { total, rate, since } => total + rate.integral(now - *since),
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Gauge { .. } => "gauge",
            Self::Counter { .. } => "counter",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// By metric name, then by labels: series of one name must stand together.
    families: BTreeMap<String, BTreeMap<String, Load>>,
    failing: bool,
    scrapes: u64,
}

/// An exporter on a loopback port, at `/metrics` (and at any other path).
#[derive(Debug)]
pub struct Exporter {
    listener: Listener,
    state: Arc<Mutex<State>>,
}

impl Default for Exporter {
    fn default() -> Self {
        Self::start()
    }
}

impl Exporter {
    /// Starts an exporter without series.
    pub fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST)
    }

    /// The same on another address of the machine, for a Prometheus in a pod.
    pub fn start_at(address: Ipv4Addr) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let scraped = Arc::clone(&state);
        let listen = |_| {
            let scraped = Arc::clone(&scraped);
            let handler = move |_| -> BoxFuture<'static, Reply> {
                let reply = scrape(&mut lock(&scraped));
                Box::pin(async move { reply })
            };
            serve_on((address, free_address().port()).into(), handler).ok()
        };
        let listener = (0..16)
            .find_map(listen)
            .expect("one of sixteen free ports can be listened on");
        Self { listener, state }
    }

    /// What a scrape target is called: `127.0.0.1:12345`.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// A gauge with this value. `series` as in PromQL: `name` or `name{label="value"}`.
    pub fn set(&self, series: &str, value: f64) {
        self.set_shape(series, Shape::Constant(value));
    }

    /// A gauge that follows a function of the time from now on.
    pub fn set_shape(&self, series: &str, shape: Shape) {
        self.put(series, |_| Load::Gauge {
            shape,
            since: Instant::now(),
        });
    }

    /// A counter that grows by `per_second` from now on. It keeps what it has counted so far.
    pub fn set_rate(&self, series: &str, per_second: f64) {
        self.set_rate_shape(series, Shape::Constant(per_second));
    }

    /// A counter whose rate follows a function of the time from now on.
    pub fn set_rate_shape(&self, series: &str, rate: Shape) {
        self.put(series, |before| {
            let since = Instant::now();
            let total = before.map_or(0.0, |load| load.value(since));
            Load::Counter { total, rate, since }
        });
    }

    /// A counter that starts from zero again, as when its process was restarted. A gauge becomes zero.
    pub fn reset(&self, series: &str) {
        self.put(series, |before| match before {
            Some(Load::Counter { rate, .. }) => Load::Counter {
                total: 0.0,
                rate: rate.clone(),
                since: Instant::now(),
            },
            Some(Load::Gauge { .. }) | None => Load::Gauge {
                shape: Shape::Constant(0.0),
                since: Instant::now(),
            },
        });
    }

    /// The series is no longer exposed: Prometheus marks it stale at the next scrape.
    pub fn remove(&self, series: &str) {
        let (name, labels) = split(series);
        if let Some(family) = lock(&self.state).families.get_mut(name) {
            family.remove(labels);
        }
    }

    /// No series at all.
    pub fn clear(&self) {
        lock(&self.state).families.clear();
    }

    /// The value at this moment.
    pub fn value(&self, series: &str) -> Option<f64> {
        let (name, labels) = split(series);
        let state = lock(&self.state);
        state
            .families
            .get(name)?
            .get(labels)
            .map(|load| load.value(Instant::now()))
    }

    /// While true, scrapes are answered with status 500: the target is down (`up` is 0) and its series go stale.
    pub fn fail(&self, failing: bool) {
        lock(&self.state).failing = failing;
    }

    /// While true, nobody listens: the target is down.
    pub fn refuse(&self, refusing: bool) {
        if refusing {
            self.listener.close();
        } else {
            self.listener.open();
        }
    }

    /// How many scrapes were answered, failures included.
    pub fn scrapes(&self) -> u64 {
        lock(&self.state).scrapes
    }

    fn put(&self, series: &str, make: impl FnOnce(Option<&Load>) -> Load) {
        let (name, labels) = split(series);
        let mut state = lock(&self.state);
        let family = state.families.entry(name.to_owned()).or_default();
        let load = make(family.get(labels));
        family.insert(labels.to_owned(), load);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `name{labels}` into `name` and `{labels}`.
fn split(series: &str) -> (&str, &str) {
    series.split_at(series.find('{').unwrap_or(series.len()))
}

fn scrape(state: &mut State) -> Reply {
    state.scrapes += 1;
    if state.failing {
        return respond(StatusCode::INTERNAL_SERVER_ERROR, CONTENT_TYPE, "told to fail\n");
    }
    respond(StatusCode::OK, CONTENT_TYPE, render(state, Instant::now()))
}

fn render(state: &State, now: Instant) -> String {
    let mut text = String::new();
    for (name, family) in &state.families {
        if let Some(first) = family.values().next() {
            let _ = writeln!(text, "# TYPE {name} {}", first.kind());
        }
        for (labels, load) in family {
            let _ = writeln!(text, "{name}{labels} {}", load.value(now));
        }
    }
    text
}

#[cfg(test)]
mod tests;
