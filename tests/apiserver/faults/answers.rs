//! Answers that are no number, and answers that are no answer: each holds the size, under a reason of its own (R4, table C
//! of the fault cases).

use autoscaler_testkit::fault_proxy::{Fault, FaultProxy};
use rstest::rstest;
use serde_json::json;

use super::scene::{LITTLE, MUCH, REPLICAS, Scene, shared};
use crate::world::LOAD;

/// What stands in bodies and must not be shown to users: error pages tell of hosts and tokens.
const SECRET: &str = "internal-host-10-0-0-7";

/// How the size is held, and what is said meanwhile.
struct Said {
    reason: &'static str,
    class: &'static str,
    text: &'static str,
}

/// Plays what is the same for all troubles: the trouble begins, the load sinks unseen, and when the trouble is over the
/// size follows the load.
async fn held_until_over(scene: &Scene, said: &Said, begins: impl AsyncFnOnce(), ends: impl AsyncFnOnce()) {
    scene.begin(scene.spec()).await;
    begins().await;
    scene.wait_unread(said.reason, said.class, said.text).await;
    scene.is_held(REPLICAS).await;
    scene.wait_unread(said.reason, said.class, said.text).await;
    let status = serde_json::to_string(&scene.status().await).unwrap();
    assert!(!status.contains(SECRET), "{status}");
    ends().await;
    scene.wait_replicas(1).await;
    scene.is_well().await;
}

fn respond(status: u16, content_type: &str) -> Fault {
    let body = format!("<html>{SECRET}</html>");
    Fault::Respond {
        status,
        content_type: content_type.to_owned(),
        body,
    }
}

fn failed(reason: &'static str, text: &'static str) -> Said {
    Said {
        reason,
        class: "Failed",
        text,
    }
}

#[rstest]
#[case::a_page_of_html(
    "html",
    respond(200, "text/html"),
    failed("AnswerMalformed", "the answer is not Prometheus' JSON (HTTP 200)")
)]
#[case::html_that_claims_to_be_json(
    "liar",
    respond(200, "application/json"),
    failed("AnswerMalformed", "the answer is not Prometheus' JSON (HTTP 200)")
)]
#[case::json_cut_short(
    "cut",
    Fault::Truncated(40),
    failed("AnswerMalformed", "the answer is not Prometheus' JSON (HTTP 200)")
)]
#[case::a_server_that_is_overloaded(
    "overload",
    respond(503, "text/plain"),
    failed("SourceUnavailable", "the source is overloaded or shutting down (HTTP 503)")
)]
#[case::a_server_that_is_asked_too_often(
    "often",
    respond(429, "text/plain"),
    failed("SourceUnavailable", "the source is overloaded or shutting down (HTTP 429)")
)]
#[case::credentials_refused(
    "refusal",
    respond(401, "text/plain"),
    failed("SourceUnauthorized", "the source refuses the operator's credentials (HTTP 401)")
)]
#[case::an_address_that_is_not_the_api(
    "lost",
    respond(404, "text/plain"),
    failed("SourceHTTPError", "the source answers with an error (HTTP 404)")
)]
#[case::a_connection_cut_without_a_word(
    "hangup",
    Fault::HangUp,
    failed("SourceUnreachable", "the source cannot be reached")
)]
#[case::no_answer_before_the_deadline("hang", Fault::Hang, failed("SourceTimeout", "no answer in time"))]
#[tokio::test]
async fn no_answer_holds_the_size_and_is_named(#[case] name: &'static str, #[case] fault: Fault, #[case] said: Said) {
    let scene = Scene::shared(name).await;
    let trouble = std::cell::OnceCell::new();
    let begins = async || {
        let _ = trouble.set(scene.trouble(fault));
        scene.set_load(LITTLE).await;
    };
    let ends = async || trouble.get().unwrap().lift();
    held_until_over(&scene, &said, begins, ends).await;
}

#[rstest]
#[case::not_a_number("nan", f64::NAN)]
#[case::infinity("infinite", f64::INFINITY)]
#[case::less_than_any_number("abyss", f64::NEG_INFINITY)]
#[tokio::test]
async fn r4_what_is_not_a_number_holds_the_size_and_is_named(#[case] name: &'static str, #[case] value: f64) {
    let scene = Scene::shared(name).await;
    let said = Said {
        reason: "MetricNotANumber",
        class: "NotANumber",
        text: "not a number",
    };
    let begins = async || scene.set_load(value).await;
    held_until_over(&scene, &said, begins, async || scene.set_load(LITTLE).await).await;
}

#[rstest]
#[case::a_negative_number_is_no_load("negative", -500.0, 1)]
#[case::the_largest_number_there_is("largest", f64::MAX, 10)]
#[tokio::test]
async fn r6_numbers_beyond_all_sense_stay_within_the_bounds(
    #[case] name: &'static str,
    #[case] value: f64,
    #[case] replicas: u32,
) {
    let scene = Scene::shared(name).await;
    scene.begin(scene.spec()).await;
    scene.set_load(value).await;
    scene.wait_replicas(replicas).await;
    scene.is_held(replicas).await;
    scene.is_well().await;
}

#[tokio::test]
async fn r4_an_empty_answer_is_not_zero_but_missing() {
    let scene = Scene::shared("empty").await;
    let said = Said {
        reason: "MetricMissing",
        class: "Missing",
        text: "no series",
    };
    let begins = async || scene.world.exporter.remove(&scene.series(""));
    held_until_over(&scene, &said, begins, async || scene.set_load(LITTLE).await).await;
}

#[tokio::test]
async fn r4_two_series_where_one_is_due_are_not_chosen_from() {
    let scene = Scene::shared("two").await.asking(str::to_owned);
    let second = scene.series(",part=\"second\"");
    let said = Said {
        reason: "MetricTooManySeries",
        class: "TooMany",
        text: "2 series where one is due",
    };
    let begins = async || scene.world.exporter.set(&second, LITTLE);
    let ends = async || {
        scene.world.exporter.remove(&second);
        scene.set_load(LITTLE).await;
    };
    held_until_over(&scene, &said, begins, ends).await;
}

#[tokio::test]
async fn a_query_that_fails_while_it_runs_is_told_from_a_bad_one() {
    // One series matches itself; two on each side are a many-to-many match, which the real Prometheus answers with 422.
    let scene = Scene::shared("match")
        .await
        .asking(|load| format!("sum(({load} + on (case) {load}) / 2)"));
    let second = scene.series(",part=\"second\"");
    let begins = async || scene.world.exporter.set(&second, LITTLE);
    let ends = async || {
        scene.world.exporter.remove(&second);
        scene.set_load(LITTLE).await;
    };
    let said = failed("QueryFailed", "the query fails while it runs (HTTP 422)");
    held_until_over(&scene, &said, begins, ends).await;
}

#[tokio::test]
async fn a_query_that_prometheus_refuses_holds_the_size_until_it_is_mended() {
    let mut scene = Scene::shared("typo").await;
    let good = scene.query.clone();
    scene.begin(scene.spec()).await;
    scene.query = format!("{good})");
    let ask = |query: &str| json!({"spec": {"metrics": [super::scene::metric(LOAD, query)]}});
    scene.world.edit(scene.name, ask(&scene.query)).await;
    scene.set_load(LITTLE).await;
    scene
        .wait_unread("QueryRefused", "Failed", "the source refuses the query (HTTP 400)")
        .await;
    scene.is_held(REPLICAS).await;
    scene.world.edit(scene.name, ask(&good)).await;
    scene.wait_replicas(1).await;
    scene.is_well().await;
}

#[tokio::test]
async fn a_query_whose_answer_is_no_number_is_told_from_one_that_is_refused() {
    let mut scene = Scene::shared("range").await;
    let good = scene.query.clone();
    scene.begin(scene.spec()).await;
    scene.query = good.replace("sum(", "(").replace("})", "}[1m])");
    let ask = |query: &str| json!({"spec": {"metrics": [super::scene::metric(LOAD, query)]}});
    scene.world.edit(scene.name, ask(&scene.query)).await;
    scene.set_load(LITTLE).await;
    let said = "cannot be read: the query answers with a histogram, a string or a range, not with a number";
    scene.wait_unread("WrongResultType", "Failed", said).await;
    scene.is_held(REPLICAS).await;
    scene.world.edit(scene.name, ask(&good)).await;
    scene.wait_replicas(1).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::shared("redirect").await;
    let elsewhere = FaultProxy::start(scene.world.prometheus.address());
    let trouble = std::cell::OnceCell::new();
    let begins = async || {
        let _ = trouble.set(scene.trouble(Fault::Redirect(format!("{}/api/v1/query?query=1", elsewhere.url()))));
        scene.set_load(LITTLE).await;
    };
    let said = failed("SourceHTTPError", "the source answers with an error (HTTP 302)");
    held_until_over(&scene, &said, begins, async || trouble.get().unwrap().lift()).await;
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

#[tokio::test]
async fn an_answer_of_a_hundred_megabytes_is_refused_without_being_held_in_memory() {
    const ALLOWED: u64 = 64 << 10;
    let scene = Scene::shared("huge").await;
    scene.begin(scene.spec()).await;
    let process = &shared().await.1.process;
    let before = peak_kibibytes(process.pid());
    let trouble = scene.trouble(Fault::Huge { megabytes: 100 });
    scene.set_load(MUCH).await;
    scene
        .wait_unread(
            "AnswerTooLarge",
            "Failed",
            "the answer is longer than allowed (HTTP 200)",
        )
        .await;
    scene.is_held(REPLICAS).await;
    let grown = peak_kibibytes(process.pid()) - before;
    assert!(grown < ALLOWED, "the peak has grown by {grown} KiB from {before}");
    trouble.lift();
    scene.wait_replicas(5).await;
    scene.is_well().await;
}

/// The most memory that a process has ever had resident (`VmHWM` of proc(5)).
fn peak_kibibytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
