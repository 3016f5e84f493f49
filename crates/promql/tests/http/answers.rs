//! Answers that are too long, too late, cut or not answers at all.

use std::io::Write;
use std::sync::Arc;

use autoscaler_core::{Failure, FailureClass, Reading};
use autoscaler_promql::{Outcome, Prometheus, RequestKind, SourceConfig};
use axum::body::{Body, Bytes};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fake::{Fake, answer, number};
use crate::{Notes, client, failed, fresh, impatient, patient, query, read};

#[tokio::test]
async fn an_answer_over_the_cap_is_too_large_and_one_at_the_cap_is_not() {
    let body = number("42");
    let cap = body.len();
    let server = Fake::answering(200, body).await;
    let capped = |max_answer_bytes| {
        client(SourceConfig {
            max_answer_bytes,
            ..SourceConfig::new(server.url())
        })
    };
    assert_eq!(capped(cap).read(&query("m"), patient()).await, fresh(42));
    assert_eq!(
        capped(cap - 1).read(&query("m"), patient()).await,
        failed(FailureClass::AnswerTooLarge, Some(200))
    );
}

#[tokio::test]
async fn an_endless_answer_is_too_large() {
    let server = Fake::start(|_| {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 4096])));
        async { answer(200, Body::from_stream(chunks)) }
    })
    .await;
    assert_eq!(
        read(&server, "m").await,
        failed(FailureClass::AnswerTooLarge, Some(200))
    );
}

/// Appends a compressed stretch of blanks, which JSON allows.
fn gzipped(text: &str, blanks: usize) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    for _ in 0..blanks >> 12 {
        encoder.write_all(&[b' '; 1 << 12]).unwrap();
    }
    encoder.finish().unwrap().into()
}

async fn compressed(body: Bytes) -> Fake {
    Fake::start(move |seen| {
        assert!(seen.headers["accept-encoding"].to_str().unwrap().contains("gzip"));
        let body = body.clone();
        async move {
            Response::builder()
                .status(200)
                .header("content-encoding", "gzip")
                .body(Body::from(body))
                .unwrap()
        }
    })
    .await
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let server = compressed(gzipped(&number("42"), 1 << 20)).await;
    assert_eq!(read(&server, "m").await, fresh(42));
}

#[tokio::test]
async fn a_gzip_bomb_is_counted_after_decompression() {
    let bomb = gzipped(&number("42"), 100 << 20);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let server = compressed(bomb).await;
    assert_eq!(
        read(&server, "m").await,
        failed(FailureClass::AnswerTooLarge, Some(200))
    );
}

#[tokio::test]
async fn a_source_that_does_not_answer_in_time_is_a_timeout() {
    let notes = Arc::new(Notes::default());
    let server = Fake::start(|_| std::future::pending()).await;
    let prometheus = Prometheus::observed(SourceConfig::new(server.url()), Arc::clone(&notes) as _).unwrap();
    assert_eq!(
        prometheus.read(&query("m"), impatient()).await,
        failed(FailureClass::Timeout, None)
    );
    assert_eq!(notes.finished(), [(RequestKind::Query, Outcome::Abandoned)]);
}

#[tokio::test]
async fn a_body_that_stops_halfway_is_a_timeout() {
    let server = Fake::start(|_| async {
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{\"status\""))]);
        answer(
            200,
            Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending())),
        )
    })
    .await;
    let prometheus = client(SourceConfig::new(server.url()));
    assert_eq!(
        prometheus.read(&query("m"), impatient()).await,
        failed(FailureClass::Timeout, None)
    );
}

#[tokio::test]
async fn a_source_that_refuses_connections_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let reading = client(SourceConfig::new(url)).read(&query("m"), patient()).await;
    assert_eq!(reading, failed(FailureClass::Unreachable, None));
}

/// A server that says `text` to whoever comes, and hangs up.
async fn hanging_up(text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_is_unreachable() {
    let url = hanging_up(String::new()).await;
    let reading = client(SourceConfig::new(url)).read(&query("m"), patient()).await;
    assert_eq!(reading, failed(FailureClass::Unreachable, None));
}

#[tokio::test]
async fn a_connection_cut_within_the_answer_is_a_malformed_answer() {
    let url = hanging_up(format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{}",
        number("42")
    ))
    .await;
    let reading = client(SourceConfig::new(url)).read(&query("m"), patient()).await;
    assert_eq!(reading, failed(FailureClass::MalformedAnswer, Some(200)));
}

/// A server that is overloaded, and says for how long.
async fn overloaded(status: u16, retry_after: &'static str) -> Fake {
    Fake::start(move |_| async move {
        Response::builder()
            .status(status)
            .header("date", "Sun, 22 Nov 2026 12:00:00 GMT")
            .header("retry-after", retry_after)
            .body(Body::empty())
            .unwrap()
    })
    .await
}

fn left_alone(status: u16, seconds: u64) -> Reading {
    let words = format!("the source asked to be left alone for {seconds} s");
    Reading::Failed(
        Failure::of(FailureClass::Unavailable)
            .with_status(status)
            .because(words),
    )
}

#[tokio::test]
async fn a_source_that_asks_to_be_left_alone_is_and_that_is_told() {
    let table = [
        (429, "60", 60),
        (503, "86400", 300),
        (503, "Sun, 22 Nov 2026 12:02:00 GMT", 120),
    ];
    for (status, retry_after, seconds) in table {
        let server = overloaded(status, retry_after).await;
        let prometheus = client(SourceConfig::new(server.url()));
        for text in ["a", "b", "a", "c", "b", "d", "a"] {
            let reading = prometheus.read(&query(text), patient()).await;
            assert_eq!(reading, left_alone(status, seconds), "{retry_after}");
        }
        // The same query at once; any other, as soon as several have been answered so.
        assert_eq!(server.texts(), ["a", "b", "c"], "{retry_after}");
    }
}

#[tokio::test]
async fn a_wish_that_cannot_be_read_or_is_over_is_passed_over() {
    for retry_after in ["0", "soon", "-1", "Sun, 22 Nov 2026 11:59:00 GMT"] {
        let server = overloaded(503, retry_after).await;
        let prometheus = client(SourceConfig::new(server.url()));
        for text in ["a", "b"] {
            let reading = prometheus.read(&query(text), patient()).await;
            assert_eq!(reading, failed(FailureClass::Unavailable, Some(503)), "{retry_after}");
        }
        assert_eq!(server.texts(), ["a", "b"]);
    }
}

#[tokio::test]
async fn html_json_of_others_and_errors_have_their_classes() {
    let bad = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    let table = [
        (200, "<html>Sign in</html>", FailureClass::MalformedAnswer),
        (200, "{\"status\":\"success\",\"da", FailureClass::MalformedAnswer),
        (401, "", FailureClass::Unauthorized),
        (400, bad, FailureClass::BadQuery),
        (
            400,
            "<html>plain HTTP sent to HTTPS port</html>",
            FailureClass::HttpStatus,
        ),
        (503, "Service Unavailable", FailureClass::Unavailable),
        (500, "", FailureClass::HttpStatus),
    ];
    for (status, body, class) in table {
        let server = Fake::answering(status, body).await;
        assert_eq!(read(&server, "m").await, failed(class, Some(status)), "{status} {body}");
    }
}
