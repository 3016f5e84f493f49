//! Answers: how much can whoever reaches our port take of us? So many connections at a time, so long each, one request on each
//! and so much of its head. What is asked is not looked at here.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// The most that is held for whoever connects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at a time. One more ends the oldest, rather than wait: whoever holds connections open and says nothing
    /// would else keep the kubelet's probes out.
    pub(super) connections: usize,
    /// From a connection to the last byte of its answer: longer than the kubelet and, unless told otherwise, Prometheus wait.
    pub(super) deadline: Duration,
    /// Of a request's head.
    pub(super) head_bytes: usize,
}

impl Bounds {
    /// Two replicas of Prometheus and the kubelet's two probes are four.
    pub(super) const USUAL: Self = Self {
        connections: 32,
        deadline: Duration::from_secs(20),
        head_bytes: 16 << 10,
    };
}

/// Serves until dropped.
pub(super) async fn serve(mut listener: TcpListener, router: Router, bounds: Bounds) {
    let mut open = Open::default();
    loop {
        // Not `TcpListener::accept`: this one waits where there are no file descriptors left.
        let (stream, _) = Listener::accept(&mut listener).await;
        open.make_room(bounds.connections);
        let answered = answer(stream, router.clone(), bounds);
        open.0.push_back(tokio::spawn(answered).abort_handle());
    }
}

/// One request. That it failed is the other side's own affair.
async fn answer(stream: TcpStream, router: Router, bounds: Bounds) {
    let mut server = Builder::new(TokioExecutor::new()).http1_only();
    server.http1().keep_alive(false).max_buf_size(bounds.head_bytes);
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = timeout(bounds.deadline, connection).await;
}

/// Connections, the oldest first. They end with it.
#[derive(Debug, Default)]
struct Open(VecDeque<AbortHandle>);

impl Open {
    fn make_room(&mut self, most: usize) {
        self.0.retain(|connection| !connection.is_finished());
        while self.0.len() >= most {
            let Some(oldest) = self.0.pop_front() else { return };
            oldest.abort();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        for connection in &self.0 {
            connection.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    /// For what must happen, however slow the machine is.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// Longer than any test.
    const NEVER: Duration = Duration::from_hours(1);

    async fn server(bounds: Bounds) -> (SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/healthz", get(async || "ok\n"));
        (
            address,
            AbortOnDropHandle::new(tokio::spawn(serve(listener, router, bounds))),
        )
    }

    /// All that the server sends until it hangs up.
    async fn heard(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
            .await
            .expect("the server hangs up");
        String::from_utf8(bytes).unwrap()
    }

    async fn told(address: SocketAddr, words: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    }

    const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn whoever_holds_connections_open_keeps_nobody_out_and_loses_the_oldest() {
        let bounds = Bounds {
            connections: 2,
            deadline: NEVER,
            ..Bounds::USUAL
        };
        let (address, _server) = server(bounds).await;
        let oldest = told(address, "").await;
        let _older = told(address, "GET /heal").await;
        for _ in 0..3 {
            let said = heard(told(address, PROBE).await).await;
            assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("ok\n"), "{said}");
        }
        assert_eq!(heard(oldest).await, "");
    }

    #[tokio::test]
    async fn whoever_does_not_come_to_an_end_is_hung_up_on() {
        let bounds = Bounds {
            deadline: Duration::from_millis(50),
            ..Bounds::USUAL
        };
        let (address, _server) = server(bounds).await;
        for words in ["", "GET /healthz HTTP/1.1\r\nHost"] {
            assert_eq!(heard(told(address, words).await).await, "", "{words}");
        }
    }

    #[tokio::test]
    async fn a_connection_is_for_one_request() {
        let (address, _server) = server(Bounds {
            deadline: NEVER,
            ..Bounds::USUAL
        })
        .await;
        let said = heard(told(address, &PROBE.repeat(2)).await).await;
        assert_eq!(said.matches("HTTP/1.1 200 ").count(), 1, "{said}");
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_refused() {
        let (address, _server) = server(Bounds {
            deadline: NEVER,
            ..Bounds::USUAL
        })
        .await;
        let endless = format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(Bounds::USUAL.head_bytes));
        let said = heard(told(address, &endless).await).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    }
}
