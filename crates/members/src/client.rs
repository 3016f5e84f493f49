//! One HTTP request to one pod: no redirects, no proxies, no connection kept, a bounded body, a bounded time.
//!
//! It goes to the IP of a pod and nowhere else, and carries the secret in a header that nothing shows. What went wrong is told
//! by its class and code: never a body, a URL or a secret.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use autoscaler_api::profile::{CredentialRule, HttpMethod};
use cel::Value;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, redirect, retry};
use rustls::crypto::{CryptoProvider, ring};

use crate::cluster::{Cluster, Pod};
use crate::expression::values::of_json;
use crate::scene::Rendered;

/// Longest answer in bytes.
pub(crate) const MAX_BODY: usize = 256 << 10;
/// A pod is on the same network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Client(reqwest::Client);

/// An answer as far as expressions read it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// None if the body is no JSON, or too large.
    pub(crate) json: Option<Value>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Silence {
    /// The pod has no IP yet.
    NoAddress,
    /// The pod is on the network of its node.
    HostNetwork,
    /// The profile wants a secret, and the namespace has none.
    CredentialMissing,
    /// Nobody listens there.
    Refused,
    /// Nobody could be reached, or the connection broke.
    Unreachable,
    /// It took too long.
    Timeout,
    /// The body is longer than [`MAX_BODY`].
    TooLarge,
}

impl fmt::Display for Silence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoAddress => "has no IP",
            Self::HostNetwork => "is on the network of its node, so it is not asked",
            Self::CredentialMissing => "is not asked, for the credential is missing",
            Self::Refused => "refuses connections",
            Self::Unreachable => "cannot be reached",
            Self::Timeout => "does not answer in time",
            Self::TooLarge => "answers with too much",
        })
    }
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to build the HTTP client for members")]
pub struct MembersError(#[source] reqwest::Error);

impl Client {
    pub(crate) fn new() -> Result<Self, MembersError> {
        use_ring();
        let client = reqwest::Client::builder()
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .no_gzip()
            // A connection that was kept may lead to a process that is not there any more.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT)
            // Only http, so no authorities are needed, which an image may not have.
            .tls_certs_only([]);
        client.build().map(Self).map_err(MembersError)
    }

    /// Whether a pod can be asked at all; where, if so.
    pub(crate) fn address(pod: &Pod, port: u16) -> Result<SocketAddr, Silence> {
        if pod.host_network {
            return Err(Silence::HostNetwork);
        }
        pod.ip.map(|ip| SocketAddr::new(ip, port)).ok_or(Silence::NoAddress)
    }

    /// The secret for a cluster, in the header that the profile names.
    pub(crate) fn credential(
        rule: Option<&CredentialRule>,
        cluster: &Cluster,
    ) -> Result<Option<(HeaderName, HeaderValue)>, Silence> {
        let Some(rule) = rule else { return Ok(None) };
        let Some(credential) = &cluster.credential else {
            let is_optional = rule.optional.unwrap_or(false);
            return if is_optional {
                Ok(None)
            } else {
                Err(Silence::CredentialMissing)
            };
        };
        let name = HeaderName::from_bytes(rule.header.as_bytes());
        let name = name.map_err(|_| Silence::CredentialMissing)?;
        Ok(Some((name, credential.value())))
    }

    pub(crate) async fn send(
        &self,
        to: SocketAddr,
        credential: Option<(HeaderName, HeaderValue)>,
        request: &Rendered,
        timeout: Duration,
    ) -> Result<Answer, Silence> {
        let url = format!("http://{to}{}", request.path_and_query);
        let mut builder = self.0.request(method(request.method), url).timeout(timeout);
        if let Some((name, value)) = credential {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = builder.send().await.map_err(|error| silence(&error))?;
        let status = response.status().as_u16();
        let body = bounded(response).await?;
        let json = serde_json::from_slice(&body).ok().and_then(|json| of_json(&json));
        Ok(Answer { status, json })
    }
}

async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, Silence> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silence(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Silence::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn silence(error: &reqwest::Error) -> Silence {
    if error.is_timeout() {
        Silence::Timeout
    } else if error.is_connect() && is_refused(error) {
        Silence::Refused
    } else {
        Silence::Unreachable
    }
}

fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
    }
}

/// Another part of the process may have chosen it already.
fn use_ring() {
    if CryptoProvider::get_default().is_none() {
        // Losing a race against another thread leaves a provider installed, which is all that is wanted.
        let _ = ring::default_provider().install_default();
    }
}
