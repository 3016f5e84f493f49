//! One source: where it is, how to prove who we are, and how a text gets there and a body back.
//!
//! Credentials go to the configured URL and nowhere else: no redirect is followed and no proxy variable honoured. They
//! show in no `Debug` and no error. Files are read again when they change, so a rotated token, authority or client
//! certificate needs no restart.

use std::error::Error as _;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use autoscaler_core::{Failure, FailureClass};
use jiff::fmt::rfc2822;
use prometheus_http_query::InstantQueryBuilder;
use reqwest::Response;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName, RETRY_AFTER};

mod config;
mod connection;
mod files;

use config::Settings;
use connection::{Connection, Connections};

/// Above this a text goes as a POST: percent-encoded it is three times as long at most, and proxies refuse request
/// lines beyond 8 KiB (nginx' `large_client_header_buffers`). Below it a GET passes more gateways, some of which look
/// for the tenant in the URL only.
const LONGEST_GET: usize = 2048;

/// Where a source is and how it is asked. Nothing of it comes from a user's object.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// Base URL; a path is kept as the prefix of the API.
    pub url: String,
    /// Sent as `Authorization: Bearer …`.
    pub bearer_token_file: Option<PathBuf>,
    /// The only authorities trusted; without it those of the system, as in Prometheus' own `ca_file`.
    pub certificate_authority_file: Option<PathBuf>,
    /// Our own certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Sent with every request (`X-Scope-OrgID`).
    pub headers: Vec<(String, String)>,
    /// Sent with every request (`partial_response`, `namespace`).
    pub query_parameters: Vec<(String, String)>,
    /// Requests under way at once; Prometheus' own `--query.max-concurrency` is 20.
    pub max_concurrent: usize,
    /// The longest answer read, after decompression.
    pub max_answer_bytes: usize,
    /// For the connection alone.
    pub connect_timeout: Duration,
    /// What the source is told to spend on a query at most; callers' deadlines are usually shorter.
    pub query_timeout: Duration,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, followed by its intermediates.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl SourceConfig {
    /// A source without credentials and with the default limits.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            bearer_token_file: None,
            certificate_authority_file: None,
            client_certificate: None,
            headers: Vec::new(),
            query_parameters: Vec::new(),
            max_concurrent: 20,
            max_answer_bytes: 4 << 20,
            connect_timeout: Duration::from_secs(3),
            query_timeout: Duration::from_secs(30),
        }
    }
}

/// Names only: header and parameter values may be secrets, and a URL may hold one that was refused.
impl fmt::Debug for SourceConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        formatter
            .debug_struct("SourceConfig")
            .field("headers", &names(&self.headers))
            .field("query_parameters", &names(&self.query_parameters))
            .field("max_concurrent", &self.max_concurrent)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .finish_non_exhaustive()
    }
}

/// Why a source cannot be set up. No value of a header, parameter or file is in any of them.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not an absolute http or https URL, or one with parts that do not belong there.
    #[error("failed to use the URL of the source: {reason}")]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that HTTP does not allow, or that we set ourselves.
    #[error("failed to use the header {name:?}: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A query parameter that we set, or on purpose never set, ourselves.
    #[error("failed to use the query parameter {name:?}: it is not for a configuration to set")]
    QueryParameter {
        /// Its name.
        name: String,
    },
    /// A file that cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that does not hold what it should.
    #[error("failed to use {}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The HTTP client cannot be built.
    #[error("failed to build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The source is encrypted, and nobody says whose certificates are good: an image has no authorities of a system.
    #[error("failed to find the system's certificate authorities: give a file with those of the source")]
    NoAuthorities(#[source] reqwest::Error),
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    /// For how long the source asks not to be asked.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// A source that can be asked.
#[derive(Debug)]
pub(crate) struct Source {
    settings: Settings,
    connections: Connections,
}

impl Source {
    pub(crate) fn new(config: SourceConfig) -> Result<Self, SourceError> {
        let settings = Settings::of(config)?;
        let connections = Connections::open(&settings)?;
        Ok(Self { settings, connections })
    }

    /// How many requests may be under way at once.
    pub(crate) fn max_concurrent(&self) -> usize {
        self.settings.max_concurrent
    }

    /// Sends one instant query. It has no deadline of its own: whoever waits for it drops it.
    pub(crate) async fn send(&self, text: &str) -> Result<Raw, Failure> {
        let connection = self.connections.current(&self.settings);
        let request = self.request(&connection, text);
        let sent = if text.len() <= LONGEST_GET {
            request.get_raw().await
        } else {
            request.post_raw().await
        };
        let response = sent.map_err(|error| not_sent(&error))?;
        self.body(response).await
    }

    /// The request, without a `time`: the server's own now is the right one (R5). Nor with a `limit`: a truncated
    /// answer comes with a warning and a wrong count of series, and the body is capped anyway. The `timeout` lets a
    /// server behind a proxy stop working for nobody.
    fn request(&self, connection: &Connection, text: &str) -> InstantQueryBuilder {
        let timeout = i64::try_from(self.settings.query_timeout.as_millis()).unwrap_or(i64::MAX);
        let mut request = connection.client.query(text).timeout(timeout);
        for (name, value) in &self.settings.query_parameters {
            request = request.query(name, value);
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name.clone(), value.clone());
        }
        match &connection.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// Reads a body under the cap, counted as it arrives and after decompression.
    async fn body(&self, mut response: Response) -> Result<Raw, Failure> {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let failure = |class| Failure::of(class).with_status(status);
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.settings.max_answer_bytes => {
                    return Err(failure(FailureClass::AnswerTooLarge));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => {
                    return Ok(Raw {
                        status,
                        retry_after,
                        body,
                    });
                }
                Err(_) => return Err(failure(FailureClass::MalformedAnswer)),
            }
        }
    }
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3); a date is compared with the source's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let wanted = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = |text: &str| rfc2822::parse(text).ok().map(|at| at.timestamp());
    at(wanted)?.duration_since(at(text(DATE)?)?).try_into().ok()
}

/// The class of a request that got no response. A connection that was made and then cut is as good as none.
fn not_sent(error: &prometheus_http_query::Error) -> Failure {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<reqwest::Error>());
    let timed_out = cause.is_some_and(|error| error.is_timeout() && !error.is_connect());
    Failure::of(if timed_out {
        FailureClass::Timeout
    } else {
        FailureClass::Unreachable
    })
}
