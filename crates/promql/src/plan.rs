//! What a query reads: its selectors, and how far back it looks. Says so about any text, and never fails on one.
//!
//! A plan is made once per text, not per evaluation. What cannot be planned is said so in a sentence
//! ([`PlanError`]); only a text that could hurt whoever parses it is kept from being sent
//! ([`PlanError::refuses_the_text`]).

use std::panic;
use std::sync::Arc;
use std::thread;

use autoscaler_core::Seconds;
use jiff::SignedDuration;

pub mod bounds;
mod leaves;
mod literals;
mod selector;

use literals::Lifted;
pub use selector::Selector;
pub(crate) use selector::offset_text;

/// How far an instant selector looks back: Prometheus' default `--query.lookback-delta`.
pub const LOOKBACK_DELTA: SignedDuration = SignedDuration::from_mins(5);
/// More distinct selectors than this are not probed one by one.
pub const MAX_LEAVES: usize = 16;
/// Durations beyond this are not planned with (Prometheus' own end at 292 years).
pub const MAX_LOOK_BACK: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The parser, its check of types and the drop of its tree recurse. A quarter of this is enough for any text of
/// [`bounds::MAX_BYTES`], in debug builds too, which a test shows without the other bounds. Untouched pages cost nothing.
const PARSER_STACK_BYTES: usize = 32 << 20;

/// Why a query cannot be planned, as the sentence to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Longer than [`bounds::MAX_BYTES`].
    #[error("the query is {bytes} bytes long; at most {} are sent", bounds::MAX_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Nested deeper than [`bounds::MAX_NESTING`].
    #[error("the query nests {depth} brackets; at most {} are sent", bounds::MAX_NESTING)]
    TooNested {
        /// Its depth.
        depth: usize,
    },
    /// More than [`bounds::MAX_OPERATORS`].
    #[error("the query has {operators} operators; at most {} are sent", bounds::MAX_OPERATORS)]
    TooManyOperators {
        /// How many.
        operators: usize,
    },
    /// Our parser does not know it. Prometheus may: it is sent as it stands.
    #[error("the query is not understood here; it is sent as it stands")]
    NotUnderstood,
    /// There was no thread to parse it on. That says nothing of the text: it is to be planned again.
    #[error("the operator has no thread to read the query with; it tries again")]
    NotPlanned,
    /// Nothing but numbers: `vector(1)`, `time()`.
    #[error("the query names no series")]
    NoSeries,
    /// Only selectors with `@ <time>`, whose answer never changes.
    #[error("the query reads a fixed time (@) only")]
    FixedTime,
    /// A selector that may stand for several metrics.
    #[error("the selector {selector} names no single metric")]
    NoMetricName {
        /// The selector.
        selector: String,
    },
    /// `{a="b" or c="d"}`, which Prometheus does not know.
    #[error("a selector has alternative matchers (\"or\")")]
    AlternativeMatchers,
    /// More than [`MAX_LEAVES`].
    #[error("the query has {count} different selectors; at most {MAX_LEAVES} are probed")]
    TooManySelectors {
        /// How many.
        count: usize,
    },
    /// Beyond [`MAX_LOOK_BACK`].
    #[error("the query looks back more than 366 days")]
    LooksBackTooFar,
}

impl PlanError {
    /// Whether the text is not even sent: nobody's parser should have to read it (R5a).
    pub const fn refuses_the_text(&self) -> bool {
        match self {
            Self::TooLong { .. } | Self::TooNested { .. } | Self::TooManyOperators { .. } => true,
            Self::NotUnderstood
            | Self::NotPlanned
            | Self::NoSeries
            | Self::FixedTime
            | Self::NoMetricName { .. }
            | Self::AlternativeMatchers
            | Self::TooManySelectors { .. }
            | Self::LooksBackTooFar => false,
        }
    }

    /// Whether it is not the text that is at fault, but this process at that moment.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::NotPlanned)
    }
}

/// One distinct selector of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The selector without its time modifiers.
    pub selector: Selector,
    /// The range in brackets behind it.
    pub range: Option<SignedDuration>,
    /// How far back the query looks through it: its range, or [`LOOKBACK_DELTA`], plus the subqueries around it; or the
    /// user's word.
    pub look_back: SignedDuration,
    /// Whether the query needs the whole look-back filled: a range or a subquery does, an instant value does not, unless
    /// the user says how far it looks back (a recording rule).
    pub over_time: bool,
    /// How far into the past it is shifted, subqueries included. Probes are shifted alike: what was fresh then counts.
    pub offset: SignedDuration,
}

/// What a query reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPlan {
    /// Its selectors; at least one, at most [`MAX_LEAVES`].
    pub leaves: Vec<Leaf>,
    /// The largest look-back of them, or the user's word.
    pub look_back: SignedDuration,
}

impl QueryPlan {
    /// The plan of a text.
    pub fn of(text: &str) -> Result<Self, PlanError> {
        bounds::check_length(text)?;
        let lifted = Lifted::of(text);
        bounds::check_shape(&lifted.text)?;
        on_a_thread(&lifted, PARSER_STACK_BYTES)
    }

    /// The same plan by the user's word, which says that the data need so long to fill.
    fn looking_back(mut self, look_back: SignedDuration) -> Self {
        self.look_back = look_back;
        for leaf in &mut self.leaves {
            leaf.look_back = look_back;
            leaf.over_time = true;
        }
        self
    }
}

/// A query as a user wrote it, with its plan or why there is none. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedQuery(Arc<Planned>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Planned {
    text: Arc<str>,
    plan: Result<QueryPlan, PlanError>,
    look_back: Option<SignedDuration>,
    proof_of_absence: bool,
}

impl PlannedQuery {
    /// Plans a text. `look_back` is the user's `lookBackSeconds`, for what a text cannot tell: a recording rule hides
    /// how far back it looks.
    pub fn new(text: &str, look_back: Option<Seconds>) -> Self {
        Self::with_plan(text, planned(text, look_back), look_back)
    }

    /// A text with a plan, or a reason for none, that is known already.
    pub fn with_plan(text: &str, plan: Result<QueryPlan, PlanError>, look_back: Option<Seconds>) -> Self {
        Self(Arc::new(Planned {
            text: text.into(),
            plan,
            look_back: look_back.map(Seconds::duration),
            proof_of_absence: false,
        }))
    }

    /// Asks for `source_proven` with every reading that is Missing or not a number: needed where the user's policy
    /// takes one of them as zero, a wasted request elsewhere.
    #[must_use]
    pub fn with_proof_of_absence(self) -> Self {
        Self(Arc::new(Planned {
            proof_of_absence: true,
            ..Arc::unwrap_or_clone(self.0)
        }))
    }

    /// The text, as it is sent.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The plan, or the sentence that says why this query cannot be probed. A failure that
    /// [is passing](PlanError::is_passing) calls for another [`Self::new`].
    pub fn plan(&self) -> Result<&QueryPlan, &PlanError> {
        self.0.plan.as_ref()
    }

    /// How far back the query looks: the user's word, else the plan's, else [`LOOKBACK_DELTA`].
    pub fn look_back(&self) -> SignedDuration {
        let planned = || self.0.plan.as_ref().ok().map(|plan| plan.look_back);
        self.0.look_back.or_else(planned).unwrap_or(LOOKBACK_DELTA)
    }

    /// How long a pod must have run before a number of this query tells all of it (R10): as far back as its ranges and
    /// subqueries reach. An instant selector takes the newest sample, which is as good of a young pod as of an old one.
    pub fn spans(&self) -> SignedDuration {
        let Ok(plan) = self.plan() else { return self.look_back() };
        let over_time = plan.leaves.iter().filter(|leaf| leaf.over_time);
        over_time.map(|leaf| leaf.look_back).max().unwrap_or_default()
    }

    /// [`Self::look_back`] in whole seconds, rounded up.
    pub fn look_back_seconds(&self) -> Seconds {
        let millis = self.look_back().as_millis().max(0).unsigned_abs();
        Seconds::new(u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX))
    }

    pub(crate) fn shared_text(&self) -> Arc<str> {
        Arc::clone(&self.0.text)
    }

    pub(crate) fn wants_proof_of_absence(&self) -> bool {
        self.0.proof_of_absence
    }
}

fn planned(text: &str, look_back: Option<Seconds>) -> Result<QueryPlan, PlanError> {
    let plan = QueryPlan::of(text)?;
    Ok(match look_back {
        Some(look_back) => plan.looking_back(look_back.duration()),
        None => plan,
    })
}

fn parse(query: &Lifted<'_>) -> Result<QueryPlan, PlanError> {
    if !query.is_closed {
        return Err(PlanError::NotUnderstood);
    }
    let expression = promql_parser::parser::parse(&query.text).map_err(|_| PlanError::NotUnderstood)?;
    let leaves = leaves::of(&expression, query)?;
    let look_back = leaves
        .iter()
        .map(|leaf| leaf.look_back)
        .max()
        .ok_or(PlanError::NoSeries)?;
    Ok(QueryPlan { leaves, look_back })
}

/// Parses where the parser may recurse. It panics on a few texts (`x[1e99]` overflows its duration); that is a text not
/// understood, not a fault of ours. A thread that cannot be started (a limit of the process, no memory) says nothing of the
/// text.
fn on_a_thread(query: &Lifted<'_>, stack_bytes: usize) -> Result<QueryPlan, PlanError> {
    let guarded = || panic::catch_unwind(|| parse(query)).unwrap_or(Err(PlanError::NotUnderstood));
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("promql".into()).stack_size(stack_bytes);
        match thread.spawn_scoped(scope, guarded) {
            Ok(parser) => parser.join().unwrap_or(Err(PlanError::NotUnderstood)),
            Err(_) => Err(PlanError::NotPlanned),
        }
    })
}

#[cfg(test)]
mod tests;
