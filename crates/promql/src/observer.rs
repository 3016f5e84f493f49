//! What the client tells whoever counts: one call per request, cheap, with no text of a user in it.

use std::fmt::Debug;
use std::time::Duration;

use autoscaler_core::FailureClass;

/// Counts requests. Called on the request path: it must not block.
pub trait Observer: Send + Sync + Debug {
    /// One HTTP request has ended, whoever asked for it.
    fn finished(&self, kind: RequestKind, outcome: Outcome, took: Duration);

    /// A question was answered by another's request (the same text at the same instant).
    fn shared(&self, kind: RequestKind);
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// A user's query.
    Query,
    /// Age, coverage or targets of one selector (R1, R2, R4).
    Probe,
    /// Whether an absence can be believed (R4).
    Proof,
}

impl RequestKind {
    /// The stable name used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Probe => "probe",
            Self::Proof => "proof",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A well-formed answer, whatever it says.
    Answered,
    /// No usable answer.
    Failed(FailureClass),
    /// Everyone who asked gave up first: a deadline, or the end of the process.
    Abandoned,
}

impl Outcome {
    /// The stable name used in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(class) => class.as_str(),
            Self::Abandoned => "abandoned",
        }
    }
}

/// Counts nothing.
#[derive(Debug)]
pub(crate) struct Silent;

impl Observer for Silent {
    fn finished(&self, _: RequestKind, _: Outcome, _: Duration) {}

    fn shared(&self, _: RequestKind) {}
}
