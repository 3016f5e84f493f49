//! The HTTP client of a source and its credentials, built again when a file behind them changes.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, Identity, redirect};
use rustls::crypto::{CryptoProvider, ring};

use super::config::Settings;
use super::files::{self, Stamp};
use super::{ClientCertificate, SourceError};

/// Longer than the usual interval, so that a connection lasts from one evaluation to the next.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// A peer that vanished without a word is noticed on an idle connection too.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A client with the credentials of one moment.
pub(super) struct Connection {
    pub(super) client: prometheus_http_query::Client,
    pub(super) authorization: Option<HeaderValue>,
    /// The files that this was made from, in the order of [`Settings::files`].
    stamps: Vec<Option<Stamp>>,
}

/// The current connection.
pub(super) struct Connections(Mutex<State>);

struct State {
    current: Arc<Connection>,
    /// What the files were when they last could not be used: not tried, and not complained about, again.
    refused: Option<Vec<Option<Stamp>>>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn open(settings: &Settings) -> Result<Self, SourceError> {
        let current = Arc::new(Connection::open(settings)?);
        Ok(Self(Mutex::new(State { current, refused: None })))
    }

    /// The connection for the files as they are now. While they cannot be used, halfway through a rotation, the last
    /// one that could be stays.
    pub(super) fn current(&self, settings: &Settings) -> Arc<Connection> {
        let stamps = stamps(settings);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.current.stamps == stamps || state.refused.as_ref() == Some(&stamps) {
            return Arc::clone(&state.current);
        }
        match Connection::open(settings) {
            Ok(connection) => {
                *state = State {
                    current: Arc::new(connection),
                    refused: None,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the credentials of the source have changed and cannot be used; the last ones stay");
                state.refused = Some(stamps);
            }
        }
        Arc::clone(&state.current)
    }
}

impl Connection {
    fn open(settings: &Settings) -> Result<Self, SourceError> {
        // Before the files are read: a change in between shows as one at the next look.
        let stamps = stamps(settings);
        let client = http_client(settings)?;
        let client =
            prometheus_http_query::Client::from(client, settings.url.as_str()).map_err(|_| SourceError::Url {
                reason: "it is not a base URL",
            })?;
        let authorization = settings.bearer_token_file.as_deref().map(bearer).transpose()?;
        Ok(Self {
            client,
            authorization,
            stamps,
        })
    }
}

fn stamps(settings: &Settings) -> Vec<Option<Stamp>> {
    settings.files().map(|path| Stamp::of(path)).collect()
}

/// A connection per request under way (HTTP/1.1): with all of them on one, a stalled one would stall the others.
fn http_client(settings: &Settings) -> Result<reqwest::Client, SourceError> {
    use_ring();
    let mut client = reqwest::Client::builder()
        .http1_only()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(settings.max_concurrent)
        .tcp_keepalive(KEEP_ALIVE);
    if let Some(path) = &settings.certificate_authority_file {
        client = client.tls_certs_only(authorities(path)?);
    } else if !settings.is_encrypted() {
        // Loading the system's authorities fails in an image that has none, and nothing here needs them.
        client = client.tls_certs_only([]);
    }
    if let Some(certificate) = &settings.client_certificate {
        client = client.identity(identity(certificate)?);
    }
    let of_the_system = settings.is_encrypted() && settings.certificate_authority_file.is_none();
    let refuse = if of_the_system {
        SourceError::NoAuthorities
    } else {
        SourceError::Client
    };
    client.build().map_err(|error| refuse(error.without_url()))
}

/// A second crypto provider in the process makes kube panic at start; the first one named stays.
fn use_ring() {
    if CryptoProvider::get_default().is_none() {
        // Losing a race against another thread leaves a provider installed, which is all that is wanted.
        let _ = ring::default_provider().install_default();
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, SourceError> {
    let refuse = |reason| SourceError::Content {
        path: path.to_owned(),
        reason,
    };
    let certificates =
        Certificate::from_pem_bundle(&read(path)?).map_err(|_| refuse("it does not hold PEM certificates"))?;
    if certificates.is_empty() {
        return Err(refuse("it holds no certificate"));
    }
    Ok(certificates)
}

fn identity(
    ClientCertificate {
        certificate_file,
        key_file,
    }: &ClientCertificate,
) -> Result<Identity, SourceError> {
    let mut pem = read(certificate_file)?;
    pem.push(b'\n');
    pem.extend(read(key_file)?);
    let reason = "it and its key do not make a PEM certificate with a private key";
    Identity::from_pem(&pem).map_err(|_| SourceError::Content {
        path: certificate_file.clone(),
        reason,
    })
}

fn bearer(path: &Path) -> Result<HeaderValue, SourceError> {
    let refuse = |reason| SourceError::Content {
        path: path.to_owned(),
        reason,
    };
    let token = String::from_utf8(read(path)?).map_err(|_| refuse("it does not hold a token"))?;
    let token = token.trim();
    if token.is_empty() {
        return Err(refuse("it is empty"));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| refuse("it does not hold a token"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    files::read(path).map_err(|source| SourceError::Read {
        path: path.to_owned(),
        source,
    })
}
