//! What the profile of VerneMQ sends, to whom, and what it makes of the reply.

use autoscaler_core::membership::{Effect, Reply};
use rstest::rstest;
use serde_json::json;

use crate::member::Says;
use crate::vernemq::{HARD, LEAVE, LISTENERS, RESTART, SHOW, SOFT, show, suspended, text, three};

#[tokio::test]
async fn a_soft_leave_goes_to_the_member_itself_and_names_it() {
    let stage = three().await;
    stage
        .leaver()
        .says_json(LEAVE, text("Done! Use -k to teardown and migrate existing sessions!"));
    assert_eq!(stage.act(SOFT).await, Reply::Expected);
    let name = "VerneMQ@broker-2.headless.shop.svc.cluster.local";
    assert_eq!(
        stage.leaver().heard_of("leave"),
        [format!("GET /api/v1/cluster/leave?node={name}")]
    );
    for survivor in &stage.members[..2] {
        assert!(
            survivor.heard().is_empty(),
            "a survivor that cannot ping it would throw it out"
        );
    }
}

#[tokio::test]
async fn arguments_stand_before_flags_and_flags_are_long() {
    let stage = three().await;
    stage.leaver().says_json(LEAVE, text("Done"));
    assert_eq!(stage.act(HARD).await, Reply::Expected);
    let name = "VerneMQ@broker-2.headless.shop.svc.cluster.local";
    let flags = "--kill_sessions&--summary-interval=1&--timeout=300";
    assert_eq!(
        stage.leaver().heard_of("leave"),
        [format!("GET /api/v1/cluster/leave?node={name}&{flags}")]
    );
}

#[rstest]
#[case::done(Says::Json(200, text("Done")), Reply::Expected)]
#[case::still_online(
    Says::Json(200, text("error, still online queues, check the logs, and retry!")),
    Reply::Unclear
)]
#[case::inconsistent(
    Says::Json(200, text("Can't migrate queues because cluster is inconsistent, retry!")),
    Reply::Unclear
)]
#[case::last_node(Says::Json(200, text("Unknown error: no_target_available")), Reply::Unclear)]
#[case::an_alert(Says::Json(200, json!({"type": "alert", "alert": []})), Reply::Unclear)]
#[case::nothing_readable(Says::Text(200, "Done".to_owned()), Reply::Unclear)]
#[case::a_crash(Says::Json(500, json!({})), Reply::Unclear)]
#[case::bad_arguments(Says::Json(400, json!({})), Reply::Refused)]
#[case::a_wrong_key(Says::Text(401, String::new()), Reply::Refused)]
#[case::another_place(Says::Redirect("/elsewhere".to_owned()), Reply::Unclear)]
#[tokio::test]
async fn a_reply_says_little(#[case] says: Says, #[case] reply: Reply) {
    let stage = three().await;
    stage.leaver().says(LEAVE, says);
    assert_eq!(stage.act(HARD).await, reply);
    assert_eq!(stage.leaver().heard().len(), 1, "it is sent once");
}

#[tokio::test]
async fn a_member_that_is_not_there_makes_the_reply_unclear() {
    let mut stage = three().await;
    let nobody = stage.cluster.pods[2].ip.unwrap();
    stage.cluster.pods[2].ip = Some(crate::safety::next_to(nobody));
    assert_eq!(stage.act(HARD).await, Reply::Unclear);
}

#[tokio::test]
async fn to_undo_a_soft_leave_each_suspended_mqtt_listener_is_restarted() {
    let stage = three().await;
    stage.leaver().says_json(LISTENERS, suspended());
    stage.leaver().says_json(RESTART, text("Done"));
    assert_eq!(stage.act(Effect::Undo(0)).await, Reply::Expected);
    assert_eq!(
        stage.leaver().heard_of("restart"),
        [
            "GET /api/v1/listener/restart?address=10.0.0.7&port=1883",
            "GET /api/v1/listener/restart?address=10.0.0.7&port=8080",
        ]
    );
}

#[tokio::test]
async fn where_nothing_is_suspended_there_is_nothing_to_undo() {
    let stage = three().await;
    assert_eq!(stage.act(Effect::Undo(0)).await, Reply::Expected);
    assert_eq!(stage.leaver().heard_of("restart"), Vec::<String>::new());
}

#[tokio::test]
async fn one_listener_that_does_not_come_back_leaves_the_undo_unclear_and_the_others_are_tried() {
    let stage = three().await;
    stage.leaver().says_json(LISTENERS, suspended());
    stage.leaver().says(RESTART, Says::Text(500, String::new()));
    assert_eq!(stage.act(Effect::Undo(0)).await, Reply::Unclear);
    assert_eq!(stage.leaver().heard_of("restart").len(), 2);
}

#[tokio::test]
async fn a_dead_member_is_forgotten_by_a_survivor_that_lists_it() {
    let mut stage = three().await;
    stage.cluster.pods.pop();
    // The first has heard of it already.
    stage.members[0].says_json(SHOW, show(&stage.names(0..2)));
    stage.members[1].says_json(LEAVE, text("Done"));
    assert_eq!(stage.act(Effect::Forget).await, Reply::Expected);
    assert_eq!(stage.members[0].heard_of("leave"), Vec::<String>::new());
    let name = "VerneMQ@broker-2.headless.shop.svc.cluster.local";
    assert_eq!(
        stage.members[1].heard_of("leave"),
        [format!("GET /api/v1/cluster/leave?node={name}")]
    );
}

#[tokio::test]
async fn where_nobody_lists_a_member_nobody_is_told_to_forget_it() {
    let mut stage = three().await;
    stage.cluster.pods.pop();
    stage.all_say(SHOW, &show(&stage.names(0..2)));
    assert_eq!(stage.act(Effect::Forget).await, Reply::Unclear);
    stage.members[1].says(SHOW, Says::Text(401, String::new()));
    assert_eq!(stage.act(Effect::Forget).await, Reply::Unclear);
    assert!(
        stage.members.iter().all(|member| member.heard_of("leave").is_empty()),
        "a typo would be answered Done"
    );
}
