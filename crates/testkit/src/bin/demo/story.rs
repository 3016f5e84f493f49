//! The live part: load comes and goes, both targets follow, and whether they really did is checked.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use autoscaler_testkit::prometheus::Prometheus;
use autoscaler_testkit::wait::within;
use kube::Client;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::follow::{Goal, look};
use crate::journey::Journey;
use crate::screen::{Screen, Tone};
use crate::setup::Servers;
use crate::table::{self, Teller};
use crate::time_lapse::FACTOR;

/// The targets, in the order of the table. The sizes follow from the numbers in the examples.
pub(crate) const GOALS: [Goal; 2] = [
    // 0.2 messages a second, 0.06 of them for each broker.
    Goal {
        name: "vernemq",
        kind: "StatefulSet",
        floor: 1,
        peak: 4,
    },
    // minReplicas and maxReplicas: 5 to 35 is far below and far above the target of 20.
    Goal {
        name: "metrics-app",
        kind: "Deployment",
        floor: 2,
        peak: 5,
    },
];

/// When the demo gives up. On an idle machine it takes 75 seconds.
const LIMIT: Duration = Duration::from_secs(112);

/// How often is looked.
const POLL: Duration = Duration::from_millis(300);

/// How long the API server may fail to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long the brokers stay at their peak before their client leaves.
const AT_PEAK: Duration = Duration::from_secs(4);

/// Says what is about to be seen.
pub(crate) fn introduce(screen: &Screen) -> anyhow::Result<()> {
    let title = "MetricAutoscaler demo: two workloads grow and shrink with what Prometheus says";
    let text = format!(
        "
  vernemq      StatefulSet  an MQTT broker: one replica for each 0.06 messages a second   examples/vernemq-publish-rate
  metrics-app  Deployment   each pod shows a number: more of them above 20, fewer below   examples/fake-load

Real: etcd, kube-apiserver and its controllers, Prometheus, and the operator with exactly the rights of config/rbac.
Simulated: the containers. Pods become Ready on a node that does not exist (kwok), and two exporters show Prometheus
what the pods would show. Everything runs on this machine, reachable from nowhere else, and is removed at the end.

Time runs {FACTOR} times as fast: each duration in the examples is divided by {FACTOR}. A query is asked every 1 s instead of
every 15 s and looks back [4s] instead of [1m]. A shrink waits for 20 s of lower load (vernemq; by default 300 s) or
4 s (metrics-app; set to 60 s). Nothing else differs, but two things are left out: nginx, the second Deployment of fake-load,
and membership: no broker runs in these pods that could leave before its pod goes.
"
    );
    screen.line(Tone::Title, title)?;
    Ok(screen.line(Tone::Plain, text)?)
}

/// Runs until every target has grown to its peak and shrunk again, or time is up: the sizes tell which.
pub(crate) async fn tell(screen: &Screen, servers: &Servers) -> anyhow::Result<Vec<Journey>> {
    let clock = Clock::start();
    let mut followers = GOALS.map(|goal| Follower::new(servers, goal, clock));
    let mut client_left = ClientLeaves::default();
    screen.line(Tone::Faint, format!("\n{}\n", table::LEGEND))?;
    screen.line(Tone::Title, table::heading())?;
    for follower in &mut followers {
        follower.follow(screen).await?;
    }
    note(
        screen,
        &clock,
        "apply -f examples/fake-load/load.yaml",
        "the number swings from 5 to 35",
    )?;
    servers.apply_faster("fake-load/load.yaml").await?;
    note(
        screen,
        &clock,
        "apply -f examples/vernemq-publish-rate/load.yaml",
        "0.2 messages a second",
    )?;
    servers.apply_faster("vernemq-publish-rate/load.yaml").await?;
    loop {
        sleep(POLL).await;
        let mut ended = true;
        for follower in &mut followers {
            ended &= follower.follow(screen).await?;
        }
        if ended || clock.elapsed() > LIMIT {
            return Ok(followers.map(|follower| follower.journey).into());
        }
        if client_left.is_due(&followers[0].journey) {
            note(
                screen,
                &clock,
                "scale deployment mqtt-publisher --replicas=0",
                "no more messages",
            )?;
            servers
                .run(&["scale", "deployment", "mqtt-publisher", "--replicas=0"])
                .await?;
        }
    }
}

/// The verdict on what was seen.
pub(crate) fn conclude(screen: &Screen, journeys: &[Journey]) -> anyhow::Result<()> {
    let lacks: Vec<String> = journeys.iter().filter_map(Journey::lacks).collect();
    if !lacks.is_empty() {
        bail!(
            "{} s of load have passed, and {}",
            LIMIT.as_secs(),
            lacks.join("; and ")
        );
    }
    let title = "Both grew with their load and shrank again. Their sizes, read from the workloads themselves:";
    screen.line(Tone::Growth, format!("\n{title}"))?;
    for journey in journeys {
        screen.line(Tone::Plain, format!("  {:12} {}", journey.goal.name, journey.path()))?;
    }
    Ok(())
}

/// A change of the load, as the command that makes it.
fn note(screen: &Screen, clock: &Clock, arguments: &str, effect: &str) -> anyhow::Result<()> {
    Ok(screen.line(
        Tone::Load,
        format!("{:>4}  kubectl {arguments}  # {effect}", clock.now()),
    )?)
}

/// The MQTT client goes away once its brokers have been at their peak for a while.
#[derive(Debug, Default)]
struct ClientLeaves {
    peak_since: Option<Instant>,
    done: bool,
}

impl ClientLeaves {
    fn is_due(&mut self, brokers: &Journey) -> bool {
        if self.done || !brokers.has_peaked() {
            return false;
        }
        let since = *self.peak_since.get_or_insert_with(Instant::now);
        self.done = since.elapsed() >= AT_PEAK;
        self.done
    }
}

/// Watches one target.
struct Follower<'a> {
    client: Client,
    prometheus: &'a Prometheus,
    journey: Journey,
    teller: Teller,
}

impl<'a> Follower<'a> {
    fn new(servers: &'a Servers, goal: Goal, clock: Clock) -> Self {
        Self {
            client: servers.plane.client_as_admin(),
            prometheus: &servers.prometheus,
            journey: Journey::new(goal),
            teller: Teller::new(goal, clock),
        }
    }

    /// Looks once and tells what is new. Returns whether its journey is over and its autoscaler knows.
    async fn follow(&mut self, screen: &Screen) -> anyhow::Result<bool> {
        let goal = self.journey.goal;
        let seen = within(PATIENCE, || look(&self.client, &goal))
            .await
            .map_err(anyhow::Error::msg);
        let seen = seen.with_context(|| format!("failed to read {} and its autoscaler", goal.name))?;
        self.journey.observe(&seen);
        let row = match self.teller.news(&seen) {
            None if self.teller.is_silent() => {
                let total = self.prometheus.value(&seen.query).await;
                Some(self.teller.heartbeat(&seen, total))
            }
            news => news,
        };
        if let Some(row) = row {
            screen.line(row.tone, row.text)?;
        }
        Ok(self.journey.is_complete() && seen.is_at_rest())
    }
}

/// Waits until a target has the size that it has without load.
pub(crate) async fn wait_at_floor(servers: &Servers, limit: Duration) -> anyhow::Result<()> {
    let client = servers.plane.client_as_admin();
    for goal in GOALS {
        let at_floor = within(limit, || async {
            let seen = look(&client, &goal).await.map_err(|error| error.to_string())?;
            if seen.is_at_rest() && seen.ready == goal.floor {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        });
        at_floor.await.map_err(anyhow::Error::msg).with_context(|| {
            let Goal { name, floor, .. } = goal;
            format!("{name} did not come to rest at {floor} replicas")
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::setup::repository;

    /// The texts and goals above are about these lines.
    #[test]
    fn the_examples_are_what_the_demo_says_about_them() {
        let lines = [
            ("vernemq-publish-rate/autoscaler.yaml", "kind: StatefulSet"),
            ("vernemq-publish-rate/autoscaler.yaml", "minReplicas: 1"),
            ("vernemq-publish-rate/autoscaler.yaml", "[1m]"),
            ("vernemq-publish-rate/autoscaler.yaml", "averageValue: 60m"),
            ("vernemq-publish-rate/load.yaml", "replicas: 1"),
            ("vernemq-publish-rate/load.yaml", "sleep 5"),
            ("fake-load/autoscaler.yaml", "kind: Deployment"),
            ("fake-load/autoscaler.yaml", "minReplicas: 2"),
            ("fake-load/autoscaler.yaml", "maxReplicas: 5"),
            ("fake-load/autoscaler.yaml", "averageValue: 20"),
            ("fake-load/autoscaler.yaml", "stabilizationWindowSeconds: 60"),
            ("fake-load/load.yaml", "middle: \"20\""),
            ("fake-load/load.yaml", "amplitude: \"15\""),
        ];
        for (file, line) in lines {
            let text = fs::read_to_string(repository().join("examples").join(file)).unwrap();
            assert!(text.contains(line), "{line:?} is no longer in {file}");
        }
        let brokers = repository().join("examples/vernemq-publish-rate/autoscaler.yaml");
        let text = fs::read_to_string(brokers).unwrap();
        assert!(
            !text.contains("stabilizationWindowSeconds"),
            "vernemq has the default window"
        );
    }
}
