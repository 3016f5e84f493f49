//! One source as the operator sees it: queries become readings, and readings are probed before a change of size.

use std::sync::Arc;
use std::time::Duration;

use autoscaler_core::coverage::judge;
use autoscaler_core::{Coverage, Evidence, Failure, FailureClass, PartialCause, Reading};
use futures::future;
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Answer, OfPods, OwnSeries, Value};
use crate::back_off::BackOff;
use crate::health::Health;
use crate::observer::{Observer, Outcome, RequestKind, Silent};
use crate::plan::{Leaf, PlanError, PlannedQuery, QueryPlan, offset_text};
use crate::probe::{Probe, ProbeContext};
use crate::share::{Asked, Sent, Share, Sharing};
use crate::slots::Slots;
use crate::source::{Raw, Source, SourceConfig, SourceError};

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
    requests: Arc<Requests>,
    answers: Arc<Share<Answered>>,
}

/// What a request needs, whoever polls it.
#[derive(Debug)]
struct Requests {
    source: Source,
    slots: Slots,
    back_off: BackOff,
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
        Ok(Self {
            requests: Arc::new(Requests {
                slots: Slots::new(source.max_concurrent()),
                source,
                back_off: BackOff::default(),
                health: Health::default(),
                observer,
            }),
            answers: Share::new(),
        })
    }

    /// Reads a query once. A number has not been probed.
    pub async fn read(&self, query: &PlannedQuery, deadline: Instant) -> Reading {
        let evidence = match evidence(query) {
            Ok(evidence) => evidence,
            Err(refused) => return refused,
        };
        match self.ask(RequestKind::Query, &query.shared_text(), deadline).await {
            Ok(answer) => {
                self.proven(answer.reading(evidence), answer.warned, query, deadline)
                    .await
            }
            Err(failure) => Reading::Failed(failure),
        }
    }

    /// Reads a query with one series for each pod, likewise. That there is none of ours proves nothing while there are
    /// others: the labels may be wrong, or our own scrape.
    pub async fn read_pods(&self, query: &PlannedQuery, own: OwnSeries<'_>, deadline: Instant) -> OfPods {
        let evidence = match evidence(query) {
            Ok(evidence) => evidence,
            Err(refused) => return refused.into(),
        };
        match self.ask(RequestKind::Query, &query.shared_text(), deadline).await {
            Ok(answer) => {
                let OfPods { reading, amounts } = answer.of_pods(own, evidence);
                let only_others = matches!(&answer.value, Value::Vector(series) if !series.is_empty());
                let reading = match reading {
                    Reading::Missing { .. } if only_others => reading,
                    other => self.proven(other, answer.warned, query, deadline).await,
                };
                OfPods { reading, amounts }
            }
            Err(failure) => Reading::Failed(failure).into(),
        }
    }

    /// Probes the selectors behind a reading, and judges it (R1, R2). To be asked before a change of size. A reading
    /// that is no number, or cannot be probed, is returned as it is; a probe that fails is a failed reading, and one that
    /// fails only where it looks at the fill of a range a partial one.
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
        let narrowed = within(plan, context.namespace.as_ref());
        let coverages = match self.coverages((plan, &narrowed), context, deadline).await {
            Ok((_, true)) => {
                return Reading::Partial {
                    value,
                    cause: PartialCause::Warning,
                };
            }
            Ok((coverages, false)) => coverages,
            Err(failure) => return Reading::Failed(failure.of_the_probe()),
        };
        let judged = judge(reading, &coverages, &context.expected());
        self.proven(judged, false, query, deadline).await
    }

    /// The coverage of each selector, and whether any came with a warning.
    async fn coverages(
        &self,
        (plan, narrowed): (&QueryPlan, &[Leaf]),
        context: &ProbeContext,
        deadline: Instant,
    ) -> Result<(Vec<Coverage>, bool), Failure> {
        let probe = |leaf| Probe::new(leaf, plan.look_back, context.own_pods.as_ref());
        let requests = plan.leaves.iter().zip(narrowed).map(|(leaf, narrowed)| async move {
            let found = self.coverage(probe(narrowed), deadline).await?;
            let nothing = found.0.now == 0 && found.0.before == 0;
            // Series that carry the label only in the answer (a join gives it) are judged as a whole.
            if nothing && leaf != narrowed {
                return self.coverage(probe(leaf), deadline).await;
            }
            Ok(found)
        });
        let (coverages, warned): (Vec<_>, Vec<bool>) = future::try_join_all(requests).await?.into_iter().unzip();
        Ok((coverages, warned.contains(&true)))
    }

    /// Both questions about one selector, at once. The second reads whole ranges, and may fail alone.
    async fn coverage(&self, probe: Probe<'_>, deadline: Instant) -> Result<(Coverage, bool), Failure> {
        let kind = RequestKind::Probe;
        let filled = async {
            let text = probe.fill_text()?;
            Some(self.ask(kind, &text.into(), deadline).await)
        };
        let text = probe.text().into();
        let (answer, filled) = future::join(self.ask(kind, &text, deadline), filled).await;
        let answer = answer?;
        let filled = filled
            .as_ref()
            .map(|filled| filled.as_deref().map_err(|failure| failure.class));
        let coverage = probe.coverage(&answer, filled)?;
        let warned = answer.warned || filled.is_some_and(|filled| filled.is_ok_and(|answer| answer.warned));
        Ok((coverage, warned))
    }

    /// Fills in whether the source would know (R4). An answer with a warning proves nothing.
    async fn proven(&self, reading: Reading, warned: bool, query: &PlannedQuery, deadline: Instant) -> Reading {
        let absent = matches!(reading, Reading::Missing { .. } | Reading::NotANumber { .. });
        if !absent || warned || !query.wants_proof_of_absence() {
            return reading;
        }
        let source_proven = match query.plan() {
            Ok(plan) => self.source_would_know(plan, deadline).await,
            // Nobody can say whose series are absent.
            Err(_) => false,
        };
        match reading {
            Reading::Missing { .. } => Reading::Missing { source_proven },
            Reading::NotANumber { .. } => Reading::NotANumber { source_proven },
            other => other,
        }
    }

    /// The source has answered for one look-back, has scraped targets both now and one look-back ago, and of those that
    /// had the series in question none is down. A workload whose own scrape fails looks just like one without load.
    async fn source_would_know(&self, plan: &QueryPlan, deadline: Instant) -> bool {
        let look_back = plan.look_back;
        if !self.requests.health.has_answered_for(look_back, Instant::now()) {
            return false;
        }
        let scrapes = format!("count(up) and count(up{})", offset_text(look_back));
        if self.finds_any(RequestKind::Proof, scrapes, deadline).await != Some(true) {
            return false;
        }
        let down = plan.leaves.iter().map(|leaf| {
            let down = Probe::new(leaf, look_back, None).absence_text();
            self.finds_any(RequestKind::Probe, down, deadline)
        });
        future::join_all(down).await.iter().all(|down| *down == Some(false))
    }

    /// Whether a query answers with any series; nothing if that cannot be told.
    async fn finds_any(&self, kind: RequestKind, text: String, deadline: Instant) -> Option<bool> {
        let answer = self.ask(kind, &text.into(), deadline).await.ok()?;
        match &answer.value {
            Value::Vector(series) if !answer.warned => Some(!series.is_empty()),
            Value::Vector(_) | Value::Scalar(_) | Value::Other => None,
        }
    }

    /// One question, shared with whoever asks the same, answered before the deadline or not at all.
    async fn ask(&self, kind: RequestKind, text: &Arc<str>, deadline: Instant) -> Answered {
        let Asked { answer, joined } = self.answers.ask(text, sharing(kind), is_worth_keeping, |sent| {
            let (requests, text) = (Arc::clone(&self.requests), Arc::clone(text));
            async move { requests.send(kind, &text, &sent).await }
        });
        if joined {
            self.requests.observer.shared(kind);
        }
        timeout_at(deadline, answer)
            .await
            .unwrap_or(Err(Failure::of(FailureClass::Timeout)))
    }
}

/// What a number of this query is given along, or the reading of one that is not even sent.
fn evidence(query: &PlannedQuery) -> Result<Evidence, Reading> {
    match query.plan() {
        Ok(_) => Ok(Evidence::Unprobed),
        Err(error) if error.refuses_the_text() => Err(not_sent(FailureClass::BadQuery, error)),
        Err(error) if error.is_passing() => Err(not_sent(FailureClass::Internal, error)),
        Err(_) => Ok(Evidence::Unprobeable),
    }
}

/// The selectors of a plan, of one namespace only if there is one to keep to.
fn within(plan: &QueryPlan, namespace: Option<&(String, String)>) -> Vec<Leaf> {
    let narrowed = |leaf: &Leaf| match namespace {
        Some((label, name)) => Leaf {
            selector: leaf.selector.within(label, name),
            ..leaf.clone()
        },
        None => leaf.clone(),
    };
    plan.leaves.iter().map(narrowed).collect()
}

/// A query that is not even sent, with the sentence that says why.
fn not_sent(class: FailureClass, error: &PlanError) -> Reading {
    Reading::Failed(Failure::of(class).because(error.to_string()))
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

impl Requests {
    /// One request, in its turn. Dropping it at any point ends it and gives back its slot.
    async fn send(self: Arc<Self>, kind: RequestKind, text: &str, sent: &Sent) -> Answered {
        let _slot = self.slots.acquire(text).await;
        let now = sent.now();
        if let Some(failure) = self.back_off.failure(text, now) {
            return Err(failure);
        }
        let record = Recorded {
            requests: &self,
            kind,
            text,
            sent: now,
            ended: false,
        };
        let answered = match self.source.send(text).await {
            Ok(raw) => self.read(text, &raw),
            Err(failure) => Err(failure),
        };
        record.end(&answered);
        answered
    }

    fn read(&self, text: &str, raw: &Raw) -> Answered {
        let answered = answer::parse(raw.status, &raw.body).map(Arc::new);
        let back_off = |wanted| self.back_off.begin(text, raw.status, wanted, Instant::now());
        match raw.retry_after.and_then(back_off) {
            Some(failure) => answered.map_err(|_| failure),
            None => answered,
        }
    }
}

/// A request that is counted however it ends.
struct Recorded<'a> {
    requests: &'a Requests,
    kind: RequestKind,
    text: &'a str,
    sent: Instant,
    ended: bool,
}

impl Recorded<'_> {
    fn end(mut self, answered: &Answered) {
        self.ended = true;
        let Requests { slots, health, .. } = self.requests;
        match answered {
            Ok(_) => {
                slots.answered(self.text);
                health.answered(self.sent);
                self.observe(Outcome::Answered);
            }
            Err(failure) => {
                match failure.class {
                    FailureClass::Timeout => slots.silent(self.text, self.sent.elapsed()),
                    _ => slots.answered(self.text),
                }
                health.failed(self.sent, failure.class);
                self.observe(Outcome::Failed(failure.class));
            }
        }
    }

    fn observe(&self, outcome: Outcome) {
        self.requests.observer.finished(self.kind, outcome, self.sent.elapsed());
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.requests.slots.silent(self.text, self.sent.elapsed());
            self.requests.health.silent(self.sent);
            self.observe(Outcome::Abandoned);
        }
    }
}

#[cfg(test)]
mod tests;
