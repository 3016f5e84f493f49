//! What a person would type now, and what kubectl answers.

use autoscaler_testkit::binaries::{Program, locate};

use crate::screen::{Screen, Tone};
use crate::setup::{Operator, Servers};

/// The commands, with what there is to see in their answers.
const COMMANDS: [(&str, &[&str]); 3] = [
    ("Both autoscalers at a glance", &["get", "mas", "-A"]),
    (
        "The same, with why it is Ready and what limits the size",
        &["get", "mas", "-A", "-o", "wide"],
    ),
    (
        "Everything about one: what was measured, what was wanted, what limited it, and the last decisions",
        &["describe", "mas", "vernemq"],
    ),
];

/// Shows what the real kubectl prints.
pub(crate) async fn show(screen: &Screen, servers: &Servers) -> anyhow::Result<()> {
    for (about, arguments) in COMMANDS {
        screen.line(Tone::Plain, "")?;
        screen.line(Tone::Title, about)?;
        screen.line(Tone::Load, format!("$ kubectl {}", arguments.join(" ")))?;
        screen.line(Tone::Plain, servers.run(arguments).await?.trim_end())?;
    }
    Ok(())
}

/// Tells how to look around while it stays up.
pub(crate) fn invite(screen: &Screen, servers: &Servers, operator: &Operator) -> anyhow::Result<()> {
    let directory = servers.plane.directory().display().to_string();
    screen.line(Tone::Plain, "")?;
    screen.line(
        Tone::Title,
        "KEEP=1: everything stays up, and the load goes on. In another terminal:",
    )?;
    screen.line(
        Tone::Load,
        format!(
            "  export KUBECONFIG={}\n  alias kubectl={}\n  kubectl get mas --watch\n  kubectl scale deployment mqtt-publisher \
             --replicas=2    # 0.4 messages a second: 7 brokers; 3 make it 10, 0 none\n  kubectl edit configmap fake-load\
             {:24}# middle, amplitude and period of the swing",
            servers.plane.kubeconfig_path().display(),
            locate(Program::Kubectl)?.display(),
            "",
        ),
    )?;
    screen.line(
        Tone::Plain,
        format!("  Prometheus          {}", servers.prometheus.url()),
    )?;
    screen.line(
        Tone::Plain,
        format!("  operator's metrics  http://{}/metrics", operator.address),
    )?;
    screen.line(
        Tone::Plain,
        format!("  operator's log      {}", operator.process.log_path().display()),
    )?;
    screen.line(Tone::Plain, format!("  the other logs      {directory}"))?;
    screen.line(Tone::Title, "Ctrl-C ends it, and removes everything.")?;
    Ok(())
}

/// Tells what to do next.
pub(crate) fn part(screen: &Screen) -> anyhow::Result<()> {
    let text = "\nNext: `KEEP=1 make demo` stays up for you to play with; README.md has a first autoscaler for your own cluster.";
    Ok(screen.line(Tone::Plain, text)?)
}
