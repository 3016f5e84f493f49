//! One source as the operator sees it: queries become readings, and readings are probed before a change of size.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::{Evidence, Failure, FailureClass, PartialCause, Reading};
use futures::future;
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Answer, Value};
use crate::health::Health;
use crate::observer::{Observer, Outcome, RequestKind, Silent};
use crate::plan::{PlannedQuery, QueryPlan, offset_text};
use crate::probe::{Coverage, Probe, ProbeContext, judge};
use crate::share::{Asked, Sent, Share, Sharing};
use crate::source::{Source, SourceConfig, SourceError};

/// How old a shared answer may be: half the shortest interval, so that no autoscaler is ever given the answer to its
/// own previous evaluation, and far below the interval of any scrape.
const SHARED_AGE: Duration = Duration::from_millis(500);
/// How old the proof of an absence may be: whether `up` exists does not change from one query to the next.
const PROOF_AGE: Duration = Duration::from_secs(10);
/// Longer answers are not kept for others.
const LARGEST_KEPT_SERIES: usize = 64;

type Answered = Result<Arc<Answer>, Failure>;

/// A client of one source. Sources share nothing, so that one which hangs delays no other.
#[derive(Debug)]
pub struct Prometheus {
    line: Arc<Line>,
    answers: Arc<Share<Answered>>,
}

/// What a request needs, whoever polls it.
#[derive(Debug)]
struct Line {
    source: Source,
    slots: Semaphore,
    health: Health,
    observer: Arc<dyn Observer>,
}

impl Prometheus {
    /// A client, with its files read once. Fails where the operator should not start: a URL, header or file that
    /// cannot be used. Nothing is sent.
    pub fn new(config: SourceConfig) -> Result<Self, SourceError> {
        Self::observed(config, Arc::new(Silent))
    }

    /// A client whose requests are counted.
    pub fn observed(config: SourceConfig, observer: Arc<dyn Observer>) -> Result<Self, SourceError> {
        let source = Source::new(config)?;
        let slots = Semaphore::new(source.max_concurrent().min(Semaphore::MAX_PERMITS));
        Ok(Self {
            line: Arc::new(Line {
                source,
                slots,
                health: Health::default(),
                observer,
            }),
            answers: Share::new(),
        })
    }

    /// Reads a query once. A number has not been probed.
    pub async fn read(&self, query: &PlannedQuery, deadline: Instant) -> Reading {
        let evidence = match query.plan() {
            Ok(_) => Evidence::Unprobed,
            Err(error) if error.refuses_the_text() => return Reading::Failed(Failure::of(FailureClass::BadQuery)),
            Err(_) => Evidence::Unprobeable,
        };
        match self.ask(RequestKind::Query, &query.shared_text(), deadline).await {
            Ok(answer) => {
                self.proven(answer.reading(evidence), answer.warned, query, deadline)
                    .await
            }
            Err(failure) => Reading::Failed(failure),
        }
    }

    /// Probes the selectors behind a reading, and judges it (R1, R2). To be asked before a change of size. A reading
    /// that is no number, or cannot be probed, is returned as it is; a probe that fails is a failed reading.
    pub async fn probe(
        &self,
        query: &PlannedQuery,
        reading: Reading,
        context: &ProbeContext,
        deadline: Instant,
    ) -> Reading {
        let (Reading::Fresh { value, .. }, Ok(plan)) = (&reading, query.plan()) else {
            return reading;
        };
        let value = *value;
        let coverages = match self.coverages(plan, context, deadline).await {
            Ok((_, true)) => {
                return Reading::Partial {
                    value,
                    cause: PartialCause::Warning,
                };
            }
            Ok((coverages, false)) => coverages,
            Err(failure) => return Reading::Failed(failure),
        };
        self.proven(judge(reading, &coverages, context), false, query, deadline)
            .await
    }

    /// The coverage of each selector, and whether any came with a warning.
    async fn coverages<'a>(
        &self,
        plan: &'a QueryPlan,
        context: &'a ProbeContext,
        deadline: Instant,
    ) -> Result<(Vec<(Probe<'a>, Coverage)>, bool), Failure> {
        let requests = plan.leaves.iter().map(|leaf| async move {
            let probe = Probe::new(leaf, plan.look_back, context.own_pods.as_ref());
            let answer = self.ask(RequestKind::Probe, &probe.text().into(), deadline).await?;
            let coverage = probe.coverage(&answer)?;
            Ok(((probe, coverage), answer.warned))
        });
        let (coverages, warned): (Vec<_>, Vec<bool>) = future::try_join_all(requests).await?.into_iter().unzip();
        Ok((coverages, warned.contains(&true)))
    }

    /// Fills in whether the source would know (R4): it has answered for one look-back, and has scraped targets both
    /// now and one look-back ago. An answer with a warning proves nothing.
    async fn proven(&self, reading: Reading, warned: bool, query: &PlannedQuery, deadline: Instant) -> Reading {
        let absent = matches!(reading, Reading::Missing { .. } | Reading::NotANumber { .. });
        if !absent || warned || !query.wants_proof_of_absence() {
            return reading;
        }
        let source_proven = self.source_would_know(query.look_back(), deadline).await;
        match reading {
            Reading::Missing { .. } => Reading::Missing { source_proven },
            Reading::NotANumber { .. } => Reading::NotANumber { source_proven },
            other => other,
        }
    }

    async fn source_would_know(&self, look_back: SignedDuration, deadline: Instant) -> bool {
        if !self.line.health.has_answered_for(look_back, Instant::now()) {
            return false;
        }
        let text = format!("count(up) and count(up{})", offset_text(look_back));
        let answer = self.ask(RequestKind::Proof, &text.into(), deadline).await;
        answer
            .is_ok_and(|answer| !answer.warned && matches!(&answer.value, Value::Vector(series) if !series.is_empty()))
    }

    /// One question, shared with whoever asks the same, answered before the deadline or not at all.
    async fn ask(&self, kind: RequestKind, text: &Arc<str>, deadline: Instant) -> Answered {
        let Asked { answer, joined } = self.answers.ask(text, sharing(kind), is_worth_keeping, |sent| {
            let (line, text) = (Arc::clone(&self.line), Arc::clone(text));
            async move { line.request(kind, &text, &sent).await }
        });
        if joined {
            self.line.observer.shared(kind);
        }
        timeout_at(deadline, answer)
            .await
            .unwrap_or(Err(Failure::of(FailureClass::Timeout)))
    }
}

/// Who may share what. A probe never takes an answer that was given before it was asked for: something has just
/// changed, or is about to.
fn sharing(kind: RequestKind) -> Sharing {
    let answered = match kind {
        RequestKind::Query => Some(SHARED_AGE),
        RequestKind::Probe => None,
        RequestKind::Proof => Some(PROOF_AGE),
    };
    Sharing {
        answered,
        under_way: SHARED_AGE,
    }
}

fn is_worth_keeping(answered: &Answered) -> bool {
    answered.as_ref().is_ok_and(|answer| match &answer.value {
        Value::Scalar(_) | Value::Other => true,
        Value::Vector(series) => series.len() <= LARGEST_KEPT_SERIES,
    })
}

impl Line {
    /// One request, in its turn. Dropping it at any point ends it and gives back its slot.
    async fn request(self: Arc<Self>, kind: RequestKind, text: &str, sent: &Sent) -> Answered {
        let _slot = self.slots.acquire().await.expect("the slots are never closed");
        let record = Recorded {
            line: &self,
            kind,
            sent: sent.now(),
            ended: false,
        };
        let answered = match self.source.send(text).await {
            Ok(raw) => answer::parse(raw.status, &raw.body).map(Arc::new),
            Err(failure) => Err(failure),
        };
        record.end(&answered);
        answered
    }
}

/// A request that is counted however it ends.
struct Recorded<'a> {
    line: &'a Line,
    kind: RequestKind,
    sent: Instant,
    ended: bool,
}

impl Recorded<'_> {
    fn end(mut self, answered: &Answered) {
        self.ended = true;
        match answered {
            Ok(_) => {
                self.line.health.answered(self.sent);
                self.observe(Outcome::Answered);
            }
            Err(failure) => {
                self.line.health.failed(self.sent, failure.class);
                self.observe(Outcome::Failed(failure.class));
            }
        }
    }

    fn observe(&self, outcome: Outcome) {
        self.line.observer.finished(self.kind, outcome, self.sent.elapsed());
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.line.health.silent(self.sent);
            self.observe(Outcome::Abandoned);
        }
    }
}
