//! The life of one autoscaler within a term: evaluated at once, then on its own interval, until it is gone or the term
//! ends. A panic is caught here: one bad object never stops the others (R23).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use autoscaler_api::conditions::reason;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::clock::{BootTime, Clock};
use crate::context::Context;
use crate::metrics::{EvaluationOutcome, ObjectName};
use crate::progress::Pace;
use crate::reconcile::act::Acted;
use crate::reconcile::observe::Blocked;
use crate::reconcile::report::report;
use crate::reconcile::{Turn, take_turn};
use crate::subject::Subject;

/// Longest pause after panics.
const LONGEST_QUARANTINE: Duration = Duration::from_mins(5);

/// See the module. Returns whether the last status was accepted.
pub(crate) async fn run(context: Context, subject: Subject, pace: Arc<Pace>, stop: CancellationToken) -> bool {
    let name = ObjectName {
        namespace: subject.snapshot.namespace.clone(),
        name: subject.snapshot.name.clone(),
    };
    let uid = subject.snapshot.uid.clone();
    let evaluation: Evaluation = |context, subject, turn, stop| Box::pin(take_turn(context, subject, turn, stop));
    let flushed = look_after(&context, subject, &pace, &stop, evaluation).await;
    context.metrics.forget(&name, &uid);
    flushed
}

/// What an evaluation is. Boxed, so that an autoscaler at rest costs a timer and not the state of an evaluation.
type Evaluation =
    for<'a> fn(&'a Context, &'a mut Subject, Turn, &'a CancellationToken) -> BoxFuture<'a, EvaluationOutcome>;

async fn look_after(
    context: &Context,
    mut subject: Subject,
    pace: &Pace,
    stop: &CancellationToken,
    evaluation: Evaluation,
) -> bool {
    let mut due = context.clock.boot();
    let mut earliest = due;
    loop {
        let is_gone = subject.gone;
        let next = next_turn(&subject, due);
        tokio::select! {
            biased;
            () = stop.cancelled() => return subject.written.is_flushed(),
            edited = subject.edited() => match edited {
                Some(()) => {
                    due = context.clock.boot().max(earliest);
                    continue;
                }
                None => return true,
            },
            () = sleep_until(&context.clock, next), if !is_gone => {}
        }
        if context.clock.boot() < due {
            evaluate(context, &mut subject, Turn::Look, stop, evaluation).await;
            continue;
        }
        earliest = context.clock.boot().plus(context.settings.min_interval);
        let began = context.clock.boot();
        let lateness = began.since(due);
        let outcome = evaluate(context, &mut subject, Turn::Evaluate, stop, evaluation).await;
        let took = context.clock.boot().since(began);
        context.metrics.evaluated(outcome, lateness, took);
        due = next_due(context, &subject);
        pace.due(due, subject.interval());
    }
}

/// An evaluation, or a look before it.
fn next_turn(subject: &Subject, evaluation: BootTime) -> BootTime {
    let look = subject.membership.due().filter(|_| subject.panics == 0);
    look.map_or(evaluation, |look| look.min(evaluation))
}

/// Tokio's timers stand still while the machine sleeps, and our clock does not: many short sleeps notice soon.
async fn sleep_until(clock: &Clock, due: BootTime) {
    const LONGEST: Duration = Duration::from_secs(10);
    loop {
        let left = due.since(clock.boot());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST)).await;
    }
}

/// One evaluation, with its panics caught. At the end of the term it is abandoned where nothing has been written yet.
async fn evaluate(
    context: &Context,
    subject: &mut Subject,
    turn: Turn,
    stop: &CancellationToken,
    evaluation: Evaluation,
) -> EvaluationOutcome {
    let evaluated = AssertUnwindSafe(evaluation(context, subject, turn, stop)).catch_unwind();
    let outcome = evaluated.await.unwrap_or(EvaluationOutcome::Panicked);
    if outcome == EvaluationOutcome::Panicked {
        quarantine(context, subject).await;
    } else {
        subject.panics = 0;
    }
    outcome
}

/// Says so in log and status, and makes the next evaluation wait longer.
async fn quarantine(context: &Context, subject: &mut Subject) {
    subject.panics += 1;
    let (namespace, name, panics) = (&subject.snapshot.namespace, &subject.snapshot.name, subject.panics);
    tracing::error!(%namespace, %name, panics, "an evaluation panicked; the object is quarantined for a while");
    let message = "the operator failed on this object; its log has the place in the code".to_owned();
    let now = subject.now(&context.clock);
    let blocked = Blocked {
        reason: reason::INTERNAL_ERROR,
        message,
        target: None,
        now,
    };
    // What panicked may be the report itself.
    let report = AssertUnwindSafe(report(context, subject, Acted::Blocked(Box::new(blocked)))).catch_unwind();
    drop(report.await);
}

/// When to evaluate next: on the beat that all who ask the same question share, or later after panics.
fn next_due(context: &Context, subject: &Subject) -> BootTime {
    let now = context.clock.boot();
    if subject.panics > 0 {
        let pause = subject.interval().saturating_mul(1 << subject.panics.min(10));
        return now.plus(pause.clamp(subject.interval(), LONGEST_QUARANTINE.max(subject.interval())));
    }
    let wall = u64::try_from(context.clock.now().as_millisecond()).unwrap_or(0);
    now.plus(until_beat(wall, subject.interval(), question(subject)))
}

/// Those who ask the same question are evaluated at the same instant, so that it is asked once; different questions are
/// spread over the interval.
fn question(subject: &Subject) -> u64 {
    let mut hasher = DefaultHasher::new();
    let first = subject
        .prepared
        .as_ref()
        .ok()
        .and_then(|prepared| prepared.metrics.first());
    match first.and_then(|metric| metric.query.as_ref()) {
        Some(query) => query.text().hash(&mut hasher),
        None => subject.snapshot.uid.hash(&mut hasher),
    }
    hasher.finish()
}

/// Time until the next beat of a phase within the interval, but at least half an interval: the first evaluation of an
/// object is at once, and the second must not follow on its heels.
fn until_beat(now_milliseconds: u64, interval: Duration, question: u64) -> Duration {
    let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let phase = question % interval;
    let earliest = now_milliseconds + interval / 2;
    let past = (earliest % interval + interval - phase) % interval;
    let beat = if past == 0 {
        earliest
    } else {
        earliest + (interval - past)
    };
    Duration::from_millis(beat - now_milliseconds)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::task::JoinSet;

    use super::*;
    use crate::context::simulated::Server;
    use crate::progress::Progress;

    #[tokio::test(start_paused = true)]
    async fn r23_a_panic_is_caught_and_told_and_rests_its_own_autoscaler_alone() {
        static FAILING: AtomicUsize = AtomicUsize::new(0);
        static SOUND: AtomicUsize = AtomicUsize::new(0);
        let panics: Evaluation = |_, _, _, _| {
            FAILING.fetch_add(1, Ordering::Relaxed);
            async { panic!("a defect of ours") }.boxed()
        };
        let holds: Evaluation = |_, _, _, _| {
            SOUND.fetch_add(1, Ordering::Relaxed);
            async { EvaluationOutcome::Unchanged }.boxed()
        };
        let server = Server::default();
        let context = server.context();
        let progress = Progress::new(context.clock.clone());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for (name, evaluation) in [("failing", panics), ("sound", holds)] {
            let (subject, newest) = server.create(name, &context.clock);
            let pace = progress.begin(subject.snapshot.key());
            let (context, stop) = (context.clone(), stop.clone());
            tasks.spawn(async move {
                let _newest = newest;
                look_after(&context, subject, &pace, &stop, evaluation).await
            });
        }
        tokio::time::sleep(Duration::from_mins(10)).await;
        stop.cancel();
        while let Some(ended) = tasks.join_next().await {
            assert!(ended.is_ok(), "the panic was caught");
        }
        // At once, and after pauses of 30, 60, 120 and 240 s; every 15 s.
        assert_eq!(FAILING.load(Ordering::Relaxed), 5);
        assert!((39..=41).contains(&SOUND.load(Ordering::Relaxed)));
        let told = server.object("failing")["status"]["conditions"].to_string();
        assert!(told.contains(reason::INTERNAL_ERROR), "{told}");
        assert!(server.object("sound")["status"].is_null());
    }

    #[test]
    fn the_same_question_shares_its_beat_and_the_next_one_is_an_interval_later() {
        let interval = Duration::from_secs(15);
        let beat = |now: u64| now + u64::try_from(until_beat(now, interval, 4_711).as_millis()).unwrap();
        let first = beat(1_000_003);
        assert_eq!(beat(1_000_900), first);
        assert_eq!(beat(first), first + 15_000);
        assert_eq!(first % 15_000, 4_711);
    }

    #[test]
    fn the_next_evaluation_is_never_sooner_than_half_an_interval_nor_later_than_one_and_a_half() {
        for now in 0..20_000 {
            let wait = until_beat(now, Duration::from_secs(10), 1_234).as_millis();
            assert!((5_000..=15_000).contains(&wait), "{now}: {wait}");
        }
    }
}
