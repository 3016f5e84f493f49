//! Prometheus is real: it scrapes the exporter, remembers, and misbehaves only when a proxy makes it.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::time::Duration;

use autoscaler_testkit::exporter::Exporter;
use autoscaler_testkit::fault_proxy::{Fault, FaultProxy};
use autoscaler_testkit::prometheus::{Prometheus, PrometheusError, PrometheusOptions};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Shared: tests differ by job.
async fn prometheus() -> &'static Prometheus {
    static PROMETHEUS: OnceCell<Prometheus> = OnceCell::const_new();
    PROMETHEUS
        .get_or_init(|| async { Prometheus::start(PrometheusOptions::default()).await.unwrap() })
        .await
}

#[tokio::test]
async fn the_rate_of_a_scraped_counter_is_what_was_set() {
    let (prometheus, exporter) = (prometheus().await, Exporter::start());
    let series = r#"mqtt_publish_received{node="VerneMQ@10.0.0.1",mqtt_version="4"}"#;
    exporter.set_rate(series, 120.0);
    prometheus
        .add_target("rate", exporter.address(), &[("namespace", "messaging")])
        .unwrap();
    let query = r#"sum(rate(mqtt_publish_received{job="rate",namespace="messaging"}[4s]))"#;
    // Scrape times jitter by milliseconds, the counter does not.
    let rate = prometheus.wait_for(query, |rate| (rate - 120.0).abs() < 2.0).await;
    assert!(rate > 0.0);

    let answer = prometheus.query(r#"rate(mqtt_publish_received{job="rate"}[4s])"#).await;
    assert_eq!(answer["data"]["result"][0]["metric"]["mqtt_version"], "4");
    exporter.set_rate(series, 0.0);
    prometheus.wait_for(query, |rate| rate < 1.0).await;
}

#[tokio::test]
async fn a_target_that_fails_or_is_removed_goes_stale() {
    let (prometheus, exporter) = (prometheus().await, Exporter::start());
    exporter.set("fake_load", 30.0);
    prometheus.add_target("stale", exporter.address(), &[]).unwrap();
    prometheus
        .wait_for(r#"fake_load{job="stale"}"#, |value| value > 29.0)
        .await;
    exporter.fail(true);
    prometheus.wait_for(r#"up{job="stale"}"#, |up| up < 0.5).await;
    prometheus
        .wait_for(r#"absent(fake_load{job="stale"})"#, |absent| absent > 0.5)
        .await;
    exporter.fail(false);
    prometheus.wait_for(r#"up{job="stale"}"#, |up| up > 0.5).await;
    prometheus.remove_target("stale", exporter.address()).unwrap();
    prometheus
        .wait_for(r#"absent(up{job="stale"})"#, |absent| absent > 0.5)
        .await;
}

#[tokio::test]
async fn the_past_that_was_given_can_be_asked_for_at_once() {
    let hour = Duration::from_hours(1);
    let options = PrometheusOptions::default()
        .with_history(
            r#"http_requests_total{pod="a"}"#,
            hour,
            Duration::from_secs(15),
            |age| 7.0 * age.as_secs_f64(),
        )
        .with_history(r#"http_requests_total{pod="b"}"#, hour, Duration::from_secs(15), |_| {
            3.0
        });
    let prometheus = Prometheus::start(options).await.unwrap();
    let rate = prometheus.value("sum(rate(http_requests_total[30m]))").await.unwrap();
    assert!((rate - 7.0).abs() < 0.1, "{rate}");
    assert_eq!(prometheus.value("count(http_requests_total)").await, Some(2.0));
    assert_eq!(prometheus.value("http_requests_total").await, None, "two are not one");
}

#[tokio::test]
async fn it_comes_back_on_the_same_port_with_its_data() {
    let prometheus = Prometheus::start(PrometheusOptions::default()).await.unwrap();
    let exporter = Exporter::start();
    exporter.set("kept", 5.0);
    prometheus.add_target("restart", exporter.address(), &[]).unwrap();
    prometheus.wait_for("kept", |value| value > 4.0).await;
    let url = prometheus.url();

    prometheus.server.stop().await;
    assert!(prometheus.try_query("kept").await.is_err());
    exporter.refuse(true);
    prometheus.server.start().await.unwrap();
    assert_eq!(prometheus.url(), url);
    assert!(prometheus.value("count_over_time(kept[10m])").await.unwrap() >= 1.0);

    prometheus.server.pause().unwrap();
    let asked = timeout(Duration::from_millis(300), prometheus.try_query("kept")).await;
    assert!(asked.is_err(), "{asked:?}");
    prometheus.server.resume().unwrap();
    prometheus.wait_for("vector(1)", |value| value > 0.0).await;
}

#[tokio::test]
async fn a_configuration_it_does_not_understand_is_reported_with_its_own_words() {
    let options = PrometheusOptions::default().with_configuration("scrape_configs: [{job: a}]");
    let error = Prometheus::start(options).await.unwrap_err();
    assert!(matches!(error, PrometheusError::Process(_)), "{error}");
    assert!(error.to_string().contains("field job not found"), "{error}");
}

#[tokio::test]
async fn a_whole_configuration_can_be_given() {
    let exporter = Exporter::start();
    exporter.set(r#"huaweicloud_sys_elb_m7_in_Bps{lbaas_listener_id="a1b2"}"#, 3500.0);
    let text = format!(
        "global: {{scrape_interval: 500ms}}\n\
         scrape_configs:\n\
         - job_name: cloudeye\n  \
           static_configs: [{{targets: [\"{}\"]}}]\n  \
           metric_relabel_configs: [{{regex: lbaas_listener_id, action: labeldrop}}]\n",
        exporter.address()
    );
    let prometheus = Prometheus::start(PrometheusOptions::default().with_configuration(text))
        .await
        .unwrap();
    let query = r#"huaweicloud_sys_elb_m7_in_Bps{job="cloudeye",lbaas_listener_id=""}"#;
    prometheus.wait_for(query, |value| value > 3499.0).await;
}

#[tokio::test]
async fn a_proxy_in_front_of_it_is_invisible_until_it_makes_trouble() {
    let prometheus = prometheus().await;
    let proxy = FaultProxy::start(prometheus.address());
    let ask = async || {
        let url = format!("{}/api/v1/query?query=vector(42)", proxy.url());
        autoscaler_testkit::install_crypto_provider();
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).map_err(|_| text)
    };
    let answer = ask().await.unwrap();
    assert_eq!(answer["data"]["result"][0]["value"][1], "42");
    proxy.inject_for("vector(42)", Fault::Warnings(vec!["partial".into()]));
    assert_eq!(ask().await.unwrap()["warnings"], json!(["partial"]));
    proxy.inject(Fault::html());
    assert!(ask().await.unwrap_err().starts_with("<!doctype html>"));
    assert_eq!(proxy.queries(), ["vector(42)"; 3]);
    assert!(
        proxy
            .requests()
            .iter()
            .all(|request| request.parameter("time").is_none())
    );
}
