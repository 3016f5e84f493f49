//! Answers: how does a misbehaving Prometheus look on the wire?

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1::handshake;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::http_server::{BoxError, Reply, full, respond};

const JSON: &str = "application/json";
const MEGABYTE: usize = 1 << 20;

/// What happens to a request instead of being passed on unchanged.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It is never answered; the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    HangUp,
    /// It is passed on after so long.
    Slow(Duration),
    /// It is passed on as soon as the gate is open.
    Held(Gate),
    /// The answer is this, whatever it was: an HTML page with 200, a 503, …
    Respond {
        /// The HTTP status.
        status: u16,
        /// The header `Content-Type`.
        content_type: String,
        /// The body.
        body: String,
    },
    /// The client is sent to this URL (302), as a proxy does that wants a log-in.
    Redirect(String),
    /// The answer is this JSON, with status 200.
    Answer(Value),
    /// A well-formed vector of so many megabytes is streamed, without saying beforehand how long it is.
    Huge {
        /// Its size.
        megabytes: usize,
    },
    /// The real answer, cut off after so many bytes although more were promised.
    Truncated(usize),
    /// The real answer with these `warnings` added.
    Warnings(Vec<String>),
    /// The real answer with these `infos` added.
    Infos(Vec<String>),
}

/// Where requests wait until a test lets them pass, so that something can be made to happen between two of them.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A gate that is closed.
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets those who wait pass, and all who come later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub async fn pass(&self) {
        // We hold the sender, so the only error there is, its end, cannot happen.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Fault {
    /// An HTML page with status 200, as a login page or a misrouted Ingress gives.
    pub fn html() -> Self {
        let body = "<!doctype html><html><body><h1>Sign in</h1></body></html>".to_owned();
        Self::Respond {
            status: 200,
            content_type: "text/html; charset=utf-8".to_owned(),
            body,
        }
    }

    /// An empty answer with this status.
    pub fn status(status: u16) -> Self {
        Self::Respond {
            status,
            content_type: "text/plain".to_owned(),
            body: String::new(),
        }
    }

    pub(super) async fn apply(
        self,
        request: Request<Full<Bytes>>,
        upstream: SocketAddr,
        streamed: &Arc<AtomicU64>,
    ) -> Reply {
        match self {
            Self::Hang => std::future::pending().await,
            Self::HangUp => Reply::HangUp,
            Self::Slow(delay) => {
                tokio::time::sleep(delay).await;
                forward(request, upstream).await
            }
            Self::Held(gate) => {
                gate.pass().await;
                forward(request, upstream).await
            }
            Self::Respond {
                status,
                content_type,
                body,
            } => {
                let status = StatusCode::from_u16(status).expect("a test injects statuses that exist");
                respond(status, &content_type, body)
            }
            Self::Redirect(location) => redirect(&location),
            Self::Answer(value) => respond(StatusCode::OK, JSON, value.to_string()),
            Self::Huge { megabytes } => huge(megabytes, streamed),
            Self::Truncated(length) => truncate(request, upstream, length).await,
            Self::Warnings(warnings) => annotate(request, upstream, "warnings", warnings).await,
            Self::Infos(infos) => annotate(request, upstream, "infos", infos).await,
        }
    }
}

/// Passes the request on over a connection of its own, and the answer back as it comes.
pub(super) async fn forward(request: Request<Full<Bytes>>, upstream: SocketAddr) -> Reply {
    match ask(request, upstream).await {
        Ok(response) => Reply::Send(response.map(|body| body.map_err(BoxError::from).boxed_unsync())),
        Err(error) => bad_gateway(&error),
    }
}

/// What the upstream answers, over a connection of its own.
pub(crate) async fn ask(request: Request<Full<Bytes>>, upstream: SocketAddr) -> Result<Response<Incoming>, BoxError> {
    let stream = TcpStream::connect(upstream).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// The whole real answer, uncompressed.
async fn ask_plainly(mut request: Request<Full<Bytes>>, upstream: SocketAddr) -> Result<Response<Bytes>, BoxError> {
    request.headers_mut().remove("accept-encoding");
    let (head, body) = ask(request, upstream).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

async fn annotate(request: Request<Full<Bytes>>, upstream: SocketAddr, list: &str, notes: Vec<String>) -> Reply {
    let response = match ask_plainly(request, upstream).await {
        Ok(response) => response,
        Err(error) => return bad_gateway(&error),
    };
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(response.body()) else {
        return Reply::Send(response.map(full));
    };
    let existing = envelope.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(existing) = existing {
        existing.extend(notes.into_iter().map(Value::String));
    }
    respond(response.status(), JSON, Value::Object(envelope).to_string())
}

async fn truncate(request: Request<Full<Bytes>>, upstream: SocketAddr, length: usize) -> Reply {
    match ask_plainly(request, upstream).await {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            head.headers.insert("content-length", body.len().into());
            let kept = body.slice(..length.min(body.len()));
            let first = stream::once(async { Ok(Frame::data(kept)) });
            // The error ends the connection before the promised length. Without the pause it would come before what has
            // been written so far is sent.
            let end = stream::once(async {
                tokio::task::yield_now().await;
                Err(BoxError::from("cut off on purpose"))
            });
            Reply::Send(Response::from_parts(
                head,
                StreamBody::new(first.chain(end)).boxed_unsync(),
            ))
        }
        Err(error) => bad_gateway(&error),
    }
}

fn redirect(location: &str) -> Reply {
    let response = Response::builder()
        .status(StatusCode::FOUND)
        .header("location", location);
    Reply::Send(response.body(full("")).expect("a test injects URLs"))
}

fn huge(megabytes: usize, streamed: &Arc<AtomicU64>) -> Reply {
    let sample = format!(
        r#"{{"metric":{{"filler":"{}"}},"value":[1700000000,"1"]}},"#,
        "x".repeat(950)
    );
    let chunk = Bytes::from(sample.repeat(64));
    let last = Bytes::from(r#"{"metric":{},"value":[1700000000,"1"]}]}}"#);
    let first = Bytes::from(r#"{"status":"success","data":{"resultType":"vector","result":["#);
    let chunks = (megabytes * MEGABYTE).div_ceil(chunk.len());
    let parts = std::iter::once(first)
        .chain(std::iter::repeat_n(chunk, chunks))
        .chain([last]);
    let streamed = Arc::clone(streamed);
    let counted = parts.map(move |part| {
        streamed.fetch_add(u64::try_from(part.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok::<_, BoxError>(Frame::data(part))
    });
    let response = Response::builder().header("content-type", JSON);
    let body = StreamBody::new(stream::iter(counted)).boxed_unsync();
    Reply::Send(response.body(body).expect("a constant content type"))
}

fn bad_gateway(error: &BoxError) -> Reply {
    respond(StatusCode::BAD_GATEWAY, "text/plain", error.to_string())
}
