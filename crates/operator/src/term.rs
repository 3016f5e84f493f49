//! One term of leadership: everything it needs is made anew and dropped with it, so nothing of an old term can act.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::args::Args;
use crate::context::{Context, Settings};
use crate::events::Events;
use crate::fleet::Fleet;
use crate::leader::Term;
use crate::membership::Profiles;
use crate::pods::Pods;
use crate::progress::Progress;
use crate::rivals::Rivals;
use crate::run::{Process, Stopped};
use crate::target::Targets;

/// Leads until `stop`. Dropping the future ends everything as well.
pub(crate) async fn lead(process: Process, term: Term, stop: CancellationToken) -> Stopped {
    // Watches run in tasks of their own; the guard ends them however this future ends.
    let watches = CancellationToken::new();
    let _end_watches = watches.clone().drop_guard();
    let progress = Arc::new(Progress::new(process.clock.clone()));
    let (readiness, health) = (progress.clone(), progress.clone());
    let _ready = process.ready.add("autoscalers", move || readiness.readiness());
    let _healthy = process.health.add("evaluations", move || health.health());
    let context = context(process, &term, &watches);
    let flushed = Fleet::new(context, term.handover, progress, stop).run().await;
    Stopped { flushed }
}

fn context(process: Process, term: &Term, watches: &CancellationToken) -> Context {
    let Process {
        args,
        client,
        clock,
        gate,
        metrics,
        prometheus,
        members,
        ..
    } = process;
    let namespace = args.namespace.clone();
    let rivals = Rivals::watch(&client, &gate, namespace.as_deref(), watches);
    let targets = Targets::new(client.clone(), gate.clone(), clock.clone(), namespace, watches.clone());
    let pods = Pods::new(client.clone(), gate.clone(), clock.clone(), watches.clone());
    let events = Events::new(client.clone(), &gate, clock.clone(), instance(&args));
    let profiles = if args.built_in_profiles_only {
        Profiles::only_built_in()
    } else {
        Profiles::watch(&client, &gate, &clock, watches)
    };
    Context {
        settings: Arc::new(settings(&args)),
        prometheus,
        targets: Arc::new(targets),
        pods: Arc::new(pods),
        rivals,
        events: Arc::new(events),
        members,
        profiles,
        epoch: u64::try_from(term.epoch).unwrap_or(0),
        metrics: Arc::new(metrics),
        client,
        gate,
        clock,
    }
}

fn settings(args: &Args) -> Settings {
    Settings {
        min_interval: args.min_interval,
        query_timeout: args.query_timeout,
        max_mode: args.max_mode,
        namespace: args.namespace.clone(),
        credentials_dir: args.credentials_dir.clone(),
        cluster_domain: args.cluster_domain.clone(),
    }
}

/// The name of this replica, for events.
fn instance(args: &Args) -> String {
    args.identity
        .clone()
        .unwrap_or_else(|| env!("CARGO_PKG_NAME").to_owned())
}
