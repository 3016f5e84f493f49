//! The API server, for whoever is given the address of this proxy in a kubeconfig: TLS with a certificate of the plane's own
//! authority, answers passed on as they come, watches too.

use std::net::SocketAddr;
use std::time::Duration;

use futures::TryStreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response};
use reqwest::Client;

use super::{CallLog, Callee, attend, call};
use crate::http_server::{Body, BoxError, Reply, serve_tls};
use crate::listener::Listener;
use crate::plane::ControlPlane;

/// The name of the API server in the log.
const CALLEE: &str = "kube-apiserver";

/// Longer than any test.
const WATCH: Duration = Duration::from_hours(24);

/// A proxy in front of a plane's API server.
#[derive(Debug)]
pub struct RecordedApi {
    listener: Listener,
}

impl RecordedApi {
    /// Starts passing calls on, and writing them into this log; that of a kubelet, so that there is one order of all.
    pub fn start(plane: &ControlPlane, log: CallLog) -> Self {
        let upstream = plane.api_server_address();
        let client = crate::http::client(Some(plane.certificates().authority_der()));
        let listener = serve_tls(plane.certificates().server_config(), move |request| {
            let (log, client) = (log.clone(), client.clone());
            Box::pin(async move { pass(request, upstream, &client, &log).await })
        });
        Self { listener }
    }

    /// For [`ControlPlane::write_kubeconfig_via`].
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }
}

async fn pass(request: Request<Incoming>, upstream: SocketAddr, client: &Client, log: &CallLog) -> Reply {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Reply::HangUp;
    };
    let body = body.to_bytes();
    let callee = Callee {
        namespace: String::new(),
        pod: CALLEE.to_owned(),
        uid: String::new(),
    };
    let call = call(callee, &head, &body);
    let url = format!("https://{upstream}{}", call.path);
    let carry_out = || async move {
        let mut headers = head.headers;
        headers.remove("host");
        let sent = client
            .request(head.method, url)
            .headers(headers)
            .timeout(WATCH)
            .body(body);
        Ok((streamed(sent.send().await?)?, Bytes::new()))
    };
    attend(log, call, carry_out).await
}

fn streamed(answer: reqwest::Response) -> Result<Response<Body>, BoxError> {
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        // How it is framed is ours.
        if name != "transfer-encoding" && name != "connection" {
            response = response.header(name, value);
        }
    }
    let frames = answer.bytes_stream().map_ok(Frame::data).map_err(BoxError::from);
    Ok(response.body(StreamBody::new(frames).boxed_unsync())?)
}
