//! The profile of VerneMQ, trap by trap (`docs/reference/profiles.md` and the head of `config/profiles/vernemq.yaml`).

use autoscaler_core::membership::{Effect, Fact, GateTime, Reply};
use rstest::rstest;
use serde_json::{Value, json};

use crate::cluster::Stage;
use crate::member::Says;

pub(crate) const SHOW: &str = "GET /api/v1/cluster/show";
pub(crate) const LISTENERS: &str = "GET /api/v1/listener/show";
const STATUS: &str = "GET /status.json";
pub(crate) const LEAVE: &str = "GET /api/v1/cluster/leave";
pub(crate) const RESTART: &str = "GET /api/v1/listener/restart";

pub(crate) const SOFT: Effect = Effect::Drain(0);
pub(crate) const HARD: Effect = Effect::Drain(1);

pub(crate) fn show(nodes: &[String]) -> Value {
    let rows: Vec<Value> = nodes
        .iter()
        .map(|node| json!({"Node": node, "Running": true}))
        .collect();
    json!({"type": "table", "table": rows})
}

fn listeners(rows: &[(&str, &str, &str)]) -> Value {
    let row = |(kind, port, status): &(&str, &str, &str)| json!({"type": kind, "status": status, "address": "10.0.0.7", "port": port});
    json!({"type": "table", "table": rows.iter().map(row).collect::<Vec<_>>()})
}

fn running() -> Value {
    listeners(&[
        ("http", "8888", "running"),
        ("mqtt", "1883", "running"),
        ("mqttws", "8080", "running"),
        ("vmq", "44053", "running"),
    ])
}

pub(crate) fn suspended() -> Value {
    listeners(&[
        ("http", "8888", "running"),
        ("mqtt", "1883", "suspended"),
        ("mqttws", "8080", "suspended"),
    ])
}

/// After a leave with teardown.
fn deleted() -> Value {
    listeners(&[("http", "8888", "running"), ("vmq", "44053", "running")])
}

pub(crate) fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Three members that agree, serve, and are well.
pub(crate) async fn three() -> Stage {
    let stage = Stage::of("vernemq", 3).await;
    stage.all_say(SHOW, &show(&stage.names(0..3)));
    stage.all_say(LISTENERS, &running());
    let status = |name: &str| (name.to_owned(), json!({"num_online": 7, "num_offline": 40}));
    let of_all: serde_json::Map<String, Value> = stage.names(0..3).iter().map(|name| status(name)).collect();
    stage.all_say(STATUS, &json!([of_all]));
    stage
}

#[tokio::test]
async fn three_members_that_are_well_say_so() {
    let stage = three().await;
    let found = stage.look().await;
    assert_eq!(found.trouble, Vec::<String>::new());
    for view in &found.views {
        assert_eq!(view.lists.as_deref(), Some(stage.names(0..3).as_slice()));
        assert_eq!(view.is_healthy, Fact::Yes);
    }
    assert_eq!(
        (
            found.subject.is_stopped,
            found.subject.is_leaving,
            found.subject.sessions
        ),
        (Fact::No, Fact::No, Some(7))
    );
    assert_eq!(
        (found.done, found.residue),
        (vec![Fact::No, Fact::No], vec![Fact::No, Fact::No])
    );
    assert_eq!((found.drained, found.progress), (Fact::No, Some(40)));
    let [gate] = found.gates.as_slice() else {
        panic!("one gate")
    };
    assert_eq!(
        (gate.name.as_str(), gate.time, gate.is_open),
        ("netsplit", GateTime::Always, Fact::Yes)
    );
}

#[tokio::test]
async fn a_question_that_several_facts_need_is_asked_once() {
    let stage = three().await;
    stage.look().await;
    assert_eq!(stage.leaver().heard_of("cluster/show").len(), 1);
    assert_eq!(stage.leaver().heard_of("listener/show").len(), 1);
}

#[tokio::test]
async fn each_member_is_asked_itself_so_one_that_is_isolated_shows() {
    let stage = three().await;
    stage.leaver().says_json(SHOW, show(&stage.names(2..3)));
    let found = stage.look().await;
    assert_eq!(found.views[2].lists.as_deref(), Some(stage.names(2..3).as_slice()));
    assert_eq!(found.views[0].lists.as_deref(), Some(stage.names(0..3).as_slice()));
    // By /health/ping, by which the chart judges, it is as well as the others; and it lists itself as running.
    assert_eq!(found.views[2].is_healthy, Fact::Yes);
}

#[rstest]
#[case::an_empty_table(Says::Json(200, json!({"type": "table", "table": []})))]
#[case::an_alert_with_status_200(Says::Json(200, json!({"type": "alert", "alert": [{"type": "text", "text": "down"}]})))]
#[case::a_text_with_status_200(Says::Json(200, json!({"type": "text", "text": "error"})))]
#[case::an_empty_list(Says::Json(200, json!([])))]
#[case::a_wrong_key(Says::Json(401, json!({"type": "table", "table": [{"Node": "x", "Running": true}]})))]
#[case::an_unknown_command(Says::Json(400, json!({})))]
#[case::a_crash(Says::Text(500, "crash".to_owned()))]
#[case::no_json(Says::Text(200, "<html>".to_owned()))]
#[case::another_place(Says::Redirect("/api/v1/cluster/show".to_owned()))]
#[tokio::test]
async fn what_a_survivor_does_not_say_is_not_known(#[case] says: Says) {
    let stage = three().await;
    stage.members[0].says_json(SHOW, show(&stage.names(0..2)));
    stage.members[1].says(SHOW, says);
    let found = stage.look().await;
    assert_eq!(found.views[1].lists, None);
    assert!(!found.views[1].is_healthy.is_yes());
    assert_eq!((found.drained, found.done[1]), (Fact::Unknown, Fact::Unknown));
    assert_eq!(found.trouble.len(), 1, "{:?}", found.trouble);
    assert!(found.trouble[0].starts_with("broker-1"), "{:?}", found.trouble);
}

#[tokio::test]
async fn the_member_is_drained_only_if_every_survivor_says_so() {
    let stage = three().await;
    let without = show(&stage.names(0..2));
    stage.members[0].says_json(SHOW, without.clone());
    assert_eq!(stage.look().await.drained, Fact::No, "gossip has not come round");
    stage.members[1].says_json(SHOW, without);
    let found = stage.look().await;
    assert_eq!((found.drained, found.done[1]), (Fact::Yes, Fact::Yes));
}

#[tokio::test]
async fn a_survivor_that_does_not_run_for_the_others_is_not_well() {
    let stage = three().await;
    let mut table = show(&stage.names(0..3));
    table["table"][1]["Running"] = json!(false);
    stage.members[0].says_json(SHOW, table);
    assert_eq!(stage.look().await.views[0].is_healthy, Fact::No);
}

#[rstest]
#[case::running(running(), Fact::No, Fact::No)]
#[case::suspended(suspended(), Fact::Yes, Fact::Yes)]
#[case::one_of_them(listeners(&[("mqtt", "1883", "suspended"), ("mqttws", "8080", "running")]), Fact::No, Fact::Yes)]
#[case::deleted(deleted(), Fact::Yes, Fact::No)]
#[case::nothing(json!({"type": "table", "table": []}), Fact::No, Fact::No)]
#[case::an_alert(json!({"type": "alert", "alert": []}), Fact::Unknown, Fact::Unknown)]
#[tokio::test]
async fn a_soft_leave_is_done_when_no_mqtt_listener_runs(
    #[case] says: Value,
    #[case] done: Fact,
    #[case] residue: Fact,
) {
    let stage = three().await;
    stage.leaver().says_json(LISTENERS, says);
    let found = stage.look().await;
    assert_eq!((found.done[0], found.residue[0]), (done, residue));
    assert_eq!(found.residue[1], Fact::No, "nothing takes a hard leave back");
}

#[rstest]
#[case::running(running(), true, Fact::No)]
#[case::suspended_by_a_soft_leave(suspended(), true, Fact::No)]
#[case::deleted_by_a_hard_one(deleted(), true, Fact::Yes)]
#[case::waiting_for_somebody_to_be_ready(suspended(), false, Fact::Yes)]
#[tokio::test]
async fn a_hard_leave_shows_in_deleted_listeners_and_may_hide_while_anybody_is_down(
    #[case] listeners: Value,
    #[case] all_run: bool,
    #[case] leaving: Fact,
) {
    let stage = three().await;
    stage.leaver().says_json(LISTENERS, listeners);
    let mut table = show(&stage.names(0..3));
    table["table"][0]["Running"] = json!(all_run);
    stage.leaver().says_json(SHOW, table);
    assert_eq!(stage.look().await.subject.is_leaving, leaving);
}

#[tokio::test]
async fn a_member_that_does_not_tell_is_not_known_to_be_back() {
    let stage = three().await;
    stage.leaver().says(LISTENERS, Says::Text(500, String::new()));
    assert_eq!(stage.look().await.subject.is_leaving, Fact::Unknown);
}

#[tokio::test]
async fn a_node_that_has_left_and_is_started_again_is_not_stopped_but_may_be_idle() {
    let mut stage = three().await;
    let without = show(&stage.names(0..2));
    stage.members[..2]
        .iter()
        .for_each(|survivor| survivor.says_json(SHOW, without.clone()));
    // The same pod UID; its process serves alone, and tells only of itself.
    stage.cluster.pods[2].is_ready = false;
    stage.leaver().says_json(SHOW, show(&stage.names(2..3)));
    stage
        .leaver()
        .says_json(STATUS, json!([{stage.name(2): {"num_online": 0, "num_offline": 0}}]));
    let found = stage.look().await;
    assert_eq!(found.drained, Fact::Yes);
    assert_eq!((found.subject.is_stopped, found.subject.sessions), (Fact::No, Some(0)));
    stage
        .leaver()
        .says_json(STATUS, json!([{stage.name(2): {"num_online": 3, "num_offline": 0}}]));
    assert_eq!(stage.look().await.subject.sessions, Some(3));
}

#[tokio::test]
async fn status_that_fails_or_tells_of_others_only_tells_nothing_of_the_member() {
    let stage = three().await;
    for says in [
        Says::Text(500, String::new()),
        Says::Json(200, json!([{stage.name(0): {"num_online": 0}}])),
        Says::Json(200, json!([])),
        Says::Json(200, json!([{stage.name(2): {"num_online": "many"}}])),
    ] {
        stage.leaver().says(STATUS, says);
        let found = stage.look().await;
        assert_eq!((found.subject.sessions, found.progress), (None, None));
    }
}

#[rstest]
#[case::calm(Some(0.0), Fact::Yes)]
#[case::a_split(Some(1.0), Fact::No)]
#[case::part_of_one(Some(0.3), Fact::No)]
#[case::no_sample(None, Fact::Unknown)]
#[case::not_a_number(Some(f64::NAN), Fact::Unknown)]
#[case::infinite(Some(f64::INFINITY), Fact::Unknown)]
#[tokio::test]
async fn the_netsplit_gate_is_open_only_if_it_is_known_to_be_calm(#[case] value: Option<f64>, #[case] open: Fact) {
    let stage = three().await;
    let found = stage.look_with(value).await;
    assert_eq!(found.gates[0].is_open, open);
    assert_eq!(found.trouble.is_empty(), open != Fact::Unknown, "{:?}", found.trouble);
}

#[tokio::test]
async fn a_profile_that_has_no_such_step_any_more_knows_nothing_of_it() {
    let mut stage = three().await;
    stage.operation.plan.steps[0].name = "older".to_owned();
    let found = stage.look().await;
    assert_eq!(
        (found.done, found.residue),
        (vec![Fact::Unknown, Fact::No], vec![Fact::Unknown, Fact::No])
    );
    assert_eq!(stage.act(Effect::Undo(0)).await, Reply::Unclear);
}

#[tokio::test]
async fn the_member_keeps_the_name_that_its_operation_gave_it() {
    let mut stage = three().await;
    stage.operation.member.name = "VerneMQ@older".to_owned();
    stage.leaver().says_json(LEAVE, text("Done"));
    stage.act(HARD).await;
    assert!(stage.leaver().heard_of("leave")[0].contains("?node=VerneMQ@older&"));
}
