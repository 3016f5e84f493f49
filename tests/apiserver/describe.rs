//! `kubectl describe mas` alone tells a stranger what was measured, what was wanted, what limited it, and when it may act
//! next.

use autoscaler_testkit::fault_proxy::Fault;

use crate::operator::Operator;
use crate::world::{World, assert_contains};
use crate::writers::rival;

impl World {
    /// What a stranger reads, line by line without the indentation.
    async fn describe(&self, name: &str) -> Description {
        let arguments = ["describe", "mas", name, "-n", &self.namespace];
        let output = self.plane.kubectl(&arguments).await.unwrap();
        assert!(output.success, "{output:?}");
        Description(output.stdout)
    }
}

struct Description(String);

impl Description {
    /// The line `key: value`, at the only or last place where it is.
    fn field(&self, key: &str) -> &str {
        let lines = self.0.lines().rev();
        let value = lines.filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(':'));
        value
            .map(str::trim)
            .next()
            .unwrap_or_else(|| panic!("no {key} in\n{}", self.0))
    }

    fn says(&self, part: &str) {
        assert_contains(&self.0, part);
    }
}

/// A Deployment of 3 replicas, for a load that asks for that, and its autoscaler.
async fn settled(world: &World, more: &str) -> Operator {
    world.set_load(300.0).await;
    world.workload("Deployment", "web", 2).await;
    let operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", more).await;
    world.wait_replicas("Deployment", "web", 3).await;
    world
        .wait_status("web", "it is at rest", |status| {
            (status.current_replicas == Some(3)).then_some(())
        })
        .await;
    operator
}

#[tokio::test]
async fn a_steady_autoscaler_tells_what_it_measures_and_that_nothing_limits_it() {
    let world = World::new("steady").await;
    let _operator = settled(&world, "").await;
    let text = world.describe("web").await;
    // Measured.
    assert_eq!(text.field("Targets"), "100/100 (avg)");
    assert_eq!(text.field("Value"), "100");
    assert_eq!(text.field("Reading"), "Fresh");
    // Wanted, and why.
    assert_eq!(
        (text.field("Current Replicas"), text.field("Desired Replicas")),
        ("3", "3")
    );
    assert_eq!(
        text.field("Summary"),
        "holding at 3: metric load: 100 per replica, target 100, within tolerance"
    );
    text.says("2 -> 3: metric load: 150 per replica, target 100, asks for 3");
    // Nothing limits it.
    text.says("Message:               the metrics ask for 3, and nothing limits it");
    // The events say the same.
    text.says("New size: 3, was 2; reason: metric load: 150 per replica, target 100, asks for 3");
}

#[tokio::test]
async fn a_cooldown_tells_what_is_wanted_and_when_it_may_be_had() {
    let world = World::new("cooling").await;
    let _operator = settled(&world, "  cooldown: {scaleDownSeconds: 600}\n").await;
    world.set_load(100.0).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "CoolingDown")
        .await;
    let text = world.describe("web").await;
    let next = text.field("Next Change Time");
    let limit = format!("the scaleDown cooldown of 600 s holds 3 until {next}");
    assert_eq!(
        text.field("Summary"),
        format!("holding at 3, wants 1: metric load: 33.333 per replica, target 100, asks for 1; {limit}")
    );
    text.says(&format!("Message:               {limit}"));
    assert_eq!(text.field("Proposal"), "1");
}

#[tokio::test]
async fn a_metric_that_blocks_shrinking_is_named_with_the_time_since_when() {
    let world = World::new("blocked").await;
    let nobody_serves = format!(
        "  - name: queue\n    prometheus: {{query: 'sum(queue{{namespace=\"{}\"}})'}}\n    target: {{value: 10}}\n",
        world.namespace
    );
    world.set_load(100.0).await;
    world.workload("Deployment", "web", 3).await;
    let _operator = world.operator().await;
    world.autoscale("web", "Deployment", "web", &nobody_serves).await;
    world
        .wait_condition("web", "ScalingLimited", "True", "ScaleDownBlockedByMetric")
        .await;
    let text = world.describe("web").await;
    let since = text.field("Since");
    text.says(&format!(
        "Message:               metric queue: no series, blocks scaling down since {since}"
    ));
    assert_eq!(
        text.field("Summary"),
        format!(
            "holding at 3, wants 1: metric load: 33.333 per replica, target 100, asks for 1; metric queue: no series, \
             blocks scaling down since {since}"
        )
    );
    assert_eq!(text.field("Targets"), "33.333/100 (avg), <Missing>/10");
    assert_eq!(text.field("Reading"), "Missing");
}

#[tokio::test]
async fn a_source_that_is_down_is_told_with_the_time_since_when() {
    let world = World::new("down").await;
    let _operator = settled(&world, "").await;
    world.proxy.inject(Fault::status(503));
    world.wait_condition("web", "Ready", "False", "SourceUnavailable").await;
    let text = world.describe("web").await;
    assert_contains(
        text.field("Summary"),
        "holding at 3: no metric has been readable since ",
    );
    text.says("metric load: cannot be read: ");
}

#[tokio::test]
async fn a_conflict_names_the_other_autoscaler() {
    let world = World::new("conflict").await;
    let _operator = settled(&world, "").await;
    world
        .plane
        .apply(&rival(&world, "HorizontalPodAutoscaler"))
        .await
        .unwrap();
    world.wait_condition("web", "Ready", "False", "TargetConflict").await;
    let text = world.describe("web").await;
    assert_eq!(
        text.field("Summary"),
        "Deployment web is scaled by HorizontalPodAutoscaler theirs: this one writes nothing"
    );
    text.says("Reason:                TargetConflict");
    assert_eq!(text.field("Current Replicas"), "3");
}
