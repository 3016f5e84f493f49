use std::net::SocketAddr;

use super::*;
use crate::exporter::Exporter;
use crate::ports::free_address;

fn port(log: &CallLog, upstream: SocketAddr) -> (SocketAddr, RecordedPort) {
    let [namespace, pod, uid] = ["space", "broker-0", "1234"].map(str::to_owned);
    let (address, callee) = (free_address(), Callee { namespace, pod, uid });
    (
        address,
        RecordedPort::closed(address, upstream, callee, log.clone()).unwrap(),
    )
}

async fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    crate::http::answer(crate::http::client(None).get(format!("http://{address}{path}"))).await
}

#[tokio::test]
async fn calls_are_passed_on_and_written_down_with_what_was_heard() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("calls");
    let (log, exporter) = (CallLog::create(&file).unwrap(), Exporter::start());
    exporter.set("up", 1.0);
    let (address, port) = port(&log, exporter.address());
    assert!(get(address, "/closed").await.is_err());
    port.open();
    assert!(get(address, "/metrics?a=b").await.unwrap().contains("up 1"));
    let calls = log.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].path.as_str(), calls[0].heard),
        ("/metrics?a=b", Heard::Status(200))
    );
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 2);
    port.close();
    assert!(get(address, "/closed").await.is_err());
    assert_eq!(log.calls().len(), 1);
}

#[tokio::test]
async fn a_lost_request_does_not_arrive_and_a_lost_reply_has_done_its_work() {
    let (log, exporter) = (CallLog::default(), Exporter::start());
    let (address, port) = port(&log, exporter.address());
    port.open();
    log.lose(Loss::Request, 1, |call| call.path == "/lost");
    log.lose(Loss::Reply, 1, |call| call.path == "/unheard");
    assert!(get(address, "/lost").await.is_err());
    assert_eq!(exporter.scrapes(), 0);
    assert!(get(address, "/unheard").await.is_err());
    assert_eq!(exporter.scrapes(), 1);
    assert!(get(address, "/unheard").await.is_ok());
    let heard: Vec<_> = log.calls().iter().map(|call| call.heard).collect();
    assert_eq!(heard, [Heard::Cut, Heard::Cut, Heard::Status(200)]);
}

#[tokio::test]
async fn a_call_is_held_before_or_after_it_is_carried_out_and_goes_on_when_released() {
    let (log, exporter) = (CallLog::default(), Exporter::start());
    let (address, port) = port(&log, exporter.address());
    port.open();
    for (side, scrapes) in [(Side::Before, 0), (Side::After, 2)] {
        let mut held = log.hold(side, |call| call.path == "/held");
        let asked = tokio::spawn(async move { get(address, "/held").await });
        let call = held.reached(Duration::from_secs(30)).await.unwrap();
        assert_eq!((call.path.as_str(), exporter.scrapes()), ("/held", scrapes));
        assert!(!asked.is_finished());
        held.release();
        assert!(asked.await.unwrap().is_ok());
        assert_eq!(exporter.scrapes(), scrapes.max(1));
    }
}

#[tokio::test]
async fn whoever_goes_away_while_a_call_is_held_has_not_asked() {
    let (log, exporter) = (CallLog::default(), Exporter::start());
    let (address, port) = port(&log, exporter.address());
    port.open();
    let mut held = log.hold(Side::Before, |_| true);
    let asked = tokio::spawn(async move { get(address, "/held").await });
    held.reached(Duration::from_secs(30)).await.unwrap();
    asked.abort();
    assert!(asked.await.is_err());
    // The next one is served, and the first one never is.
    assert!(get(address, "/").await.is_ok());
    held.release();
    assert!(get(address, "/").await.is_ok());
    assert_eq!(exporter.scrapes(), 2);
    let passed_on: Vec<_> = log.calls().iter().map(|call| call.is_passed_on).collect();
    assert_eq!(
        (log.calls()[0].heard, passed_on),
        (Heard::Nothing, vec![false, true, true])
    );
}
