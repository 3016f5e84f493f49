use std::time::Duration;

use super::*;
use crate::http::{answer, client};

fn after(exporter: &Exporter, seconds: u64) -> String {
    render(&lock(&exporter.state), Instant::now() + Duration::from_secs(seconds))
}

async fn scraped(exporter: &Exporter) -> Result<String, String> {
    answer(client(None).get(format!("http://{}/metrics", exporter.address()))).await
}

#[tokio::test]
async fn gauges_are_served_as_text_with_their_type() {
    let exporter = Exporter::start();
    exporter.set(r#"queue{name="b"}"#, 0.25);
    exporter.set(r#"queue{name="a"}"#, 3.0);
    exporter.set("queue_total", f64::NAN);
    let expected =
        "# TYPE queue gauge\nqueue{name=\"a\"} 3\nqueue{name=\"b\"} 0.25\n# TYPE queue_total gauge\nqueue_total NaN\n";
    assert_eq!(scraped(&exporter).await.unwrap(), expected);
    assert_eq!(exporter.scrapes(), 1);
}

#[test]
fn a_counter_grows_at_its_rate_and_keeps_its_count_when_the_rate_changes() {
    let exporter = Exporter::start();
    exporter.set_rate("requests_total", 1000.0);
    let (load, now) = (
        lock(&exporter.state).families["requests_total"][""].clone(),
        Instant::now(),
    );
    let grown = load.value(now + Duration::from_mins(1)) - load.value(now);
    assert!((grown - 60_000.0).abs() < 1e-6, "{grown}");

    let since = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    let running = Load::Counter {
        total: 5.0,
        rate: Shape::Constant(1.0),
        since,
    };
    lock(&exporter.state)
        .families
        .get_mut("requests_total")
        .unwrap()
        .insert(String::new(), running);
    exporter.set_rate("requests_total", 0.0);
    let stopped = exporter.value("requests_total").unwrap();
    assert!(stopped >= 65.0, "{stopped}");
    assert!(after(&exporter, 1000).contains(&format!("requests_total {stopped}\n")));
    exporter.reset("requests_total");
    assert!(after(&exporter, 1000).contains("requests_total 0\n"));
}

#[tokio::test]
async fn a_removed_series_is_no_longer_exposed() {
    let exporter = Exporter::start();
    exporter.set("a", 1.0);
    exporter.set("b", 2.0);
    exporter.remove("a");
    assert_eq!(scraped(&exporter).await.unwrap(), "# TYPE b gauge\nb 2\n");
    exporter.clear();
    assert_eq!(scraped(&exporter).await.unwrap(), "");
}

#[tokio::test]
async fn told_to_fail_it_answers_500_and_told_to_refuse_it_does_not_listen() {
    let exporter = Exporter::start();
    exporter.set("a", 1.0);
    exporter.fail(true);
    assert_eq!(
        scraped(&exporter).await.unwrap_err(),
        "500 Internal Server Error: told to fail\n"
    );
    exporter.fail(false);
    exporter.refuse(true);
    assert!(scraped(&exporter).await.is_err());
    exporter.refuse(false);
    assert_eq!(scraped(&exporter).await.unwrap(), "# TYPE a gauge\na 1\n");
}
