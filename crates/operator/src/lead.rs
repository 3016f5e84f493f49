//! One term of leadership: everything it needs is made anew and dropped with it, so nothing of an old term can act.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::context::{Context, Settings};
use crate::events::Events;
use crate::fleet::{Fleet, Vitals};
use crate::leader::Term;
use crate::rivals::Rivals;
use crate::run::{Process, Stopped};
use crate::target::Targets;

/// Leads until `stop`. Dropping the future ends everything as well.
pub async fn lead(process: Process, term: Term, stop: CancellationToken) -> Stopped {
    // Watches run in tasks of their own; the guard ends them however this future ends.
    let watches = CancellationToken::new();
    let _end_watches = watches.clone().drop_guard();
    let Process {
        args,
        client,
        clock,
        gate,
        metrics,
        prometheus,
        health,
        ready,
    } = process;
    let namespace = args.namespace.clone();
    let metrics = Arc::new(metrics);
    let targets = Targets::new(
        client.clone(),
        gate.clone(),
        clock.clone(),
        namespace.clone(),
        watches.clone(),
    );
    let context = Context {
        settings: Arc::new(settings(&args)),
        prometheus,
        targets: Arc::new(targets),
        rivals: Rivals::watch(&client, &gate, namespace.as_deref(), &watches),
        events: Arc::new(Events::new(client.clone(), &gate, clock.clone(), instance(&args))),
        metrics,
        client,
        gate,
        clock: clock.clone(),
    };
    let vitals = Arc::new(Vitals::default());
    let (synced, paced) = (vitals.clone(), vitals.clone());
    let _ready = ready.add("autoscalers", move || {
        if synced.is_synced() {
            Ok(())
        } else {
            Err("the first list of autoscalers has not arrived".to_owned())
        }
    });
    let _healthy = health.add("evaluations", move || match paced.most_overdue(&clock) {
        None => Ok(()),
        Some((name, overdue)) => Err(format!(
            "the evaluation of {name} is overdue by {} s",
            overdue.as_secs()
        )),
    });
    let flushed = Fleet::new(context, term.handover, vitals, stop).run().await;
    Stopped { flushed }
}

fn settings(args: &Args) -> Settings {
    Settings {
        min_interval: args.min_interval,
        query_timeout: args.query_timeout,
        max_mode: args.max_mode,
        namespace: args.namespace.clone(),
    }
}

/// The name of this replica, for events.
fn instance(args: &Args) -> String {
    args.identity
        .clone()
        .unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned())
}
