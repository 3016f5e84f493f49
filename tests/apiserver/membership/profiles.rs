//! Profiles of the cluster's own: each is told at once whether it can be used, and stands above what is built in.

use autoscaler_api::conditions::reason;
use autoscaler_api::profile::MembershipProfile;
use autoscaler_testkit::wait::eventually;
use kube::Api;
use kube::api::DeleteParams;

use crate::shared::repository;
use crate::world::{DEADLINE, World, assert_contains};

/// The profile of `VerneMQ` as it is shipped, under a name of this world, with its member's name in other words.
fn manifest(world: &World, name: &str) -> String {
    let shipped = std::fs::read_to_string(repository().join("config/profiles/vernemq.yaml")).unwrap();
    let own = shipped.replacen("name: vernemq\n", &format!("name: {}\n", world.cluster_name()), 1);
    let named = own.replacen("$(pod)", name, 1);
    assert!(named != own || name == "$(pod)");
    named
}

async fn wait_accepted(world: &World, status: &str) -> String {
    let profiles: Api<MembershipProfile> = Api::all(world.client.clone());
    eventually(&format!("it is answered {status}"), DEADLINE, || async {
        let profile = profiles.get(&world.cluster_name()).await.unwrap();
        let generation = profile.metadata.generation;
        let said = profile.status.unwrap_or_default();
        let verdict = said.conditions.into_iter().find(|found| found.type_ == "Accepted");
        verdict
            .filter(|verdict| verdict.status == status && said.observed_generation == generation)
            .map(|verdict| verdict.message)
    })
    .await
}

/// A profile comes, is answered, and goes.
pub(crate) async fn answered(world: &World) {
    world.plane.apply(&manifest(world, "$(pod)")).await.unwrap();
    wait_accepted(world, "True").await;
    let profiles: Api<MembershipProfile> = Api::all(world.client.clone());
    let (name, parameters) = (world.cluster_name(), DeleteParams::default());
    profiles.delete(&name, &parameters).await.unwrap();
}

#[tokio::test]
async fn a_profile_is_told_which_field_is_wrong_and_so_is_whoever_uses_it() {
    let world = World::new("profiles").await;
    let _operator = world.operator().await;
    let name = world.cluster_name();
    world.create_workload("StatefulSet", "web", 1).await;
    let more = format!("  membership: {{profileName: {name}}}\n");
    world.set_load(100.0).await;
    world.autoscale("web", "StatefulSet", "web", &more).await;
    world
        .wait_condition("web", "MembershipHealthy", "False", reason::PROFILE_NOT_FOUND)
        .await;

    world.plane.apply(&manifest(&world, "$(pot)")).await.unwrap();
    let message = wait_accepted(&world, "False").await;
    assert_contains(&message, "spec.member.name: ");
    let shown = world.plane.kubectl(&["get", "mpf", &name]).await.unwrap().stdout;
    assert_contains(&shown, "False");
    let told = world
        .wait_condition("web", "MembershipHealthy", "False", reason::PROFILE_NOT_ACCEPTED)
        .await;
    assert_contains(
        &told,
        &format!("MembershipProfile {name} cannot be used: spec.member.name: "),
    );

    world.plane.apply(&manifest(&world, "$(pod)")).await.unwrap();
    wait_accepted(&world, "True").await;
    // It is used: nothing answers in the pods of this plane.
    world
        .wait_condition("web", "MembershipHealthy", "False", reason::MEMBER_SILENT)
        .await;
    answered(&world).await;
}
