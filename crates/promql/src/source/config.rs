//! Settings of a source that cannot be wrong.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, iter};

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::{ClientCertificate, SourceConfig, SourceError};

/// Parameters of the API that are ours to set (`query`, `timeout`) or to leave out (the others would change what a
/// query means, or cut its answer).
const OWN_PARAMETERS: [&str; 5] = ["query", "time", "timeout", "limit", "lookback_delta"];

/// A checked [`SourceConfig`].
pub(super) struct Settings {
    pub(super) url: Url,
    pub(super) bearer_token_file: Option<PathBuf>,
    pub(super) certificate_authority_file: Option<PathBuf>,
    pub(super) client_certificate: Option<ClientCertificate>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) query_parameters: Vec<(&'static str, String)>,
    pub(super) max_concurrent: usize,
    pub(super) max_answer_bytes: usize,
    pub(super) connect_timeout: Duration,
    pub(super) query_timeout: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Settings {
    pub(super) fn of(config: SourceConfig) -> Result<Self, SourceError> {
        let SourceConfig {
            url,
            bearer_token_file,
            certificate_authority_file,
            client_certificate,
            headers,
            query_parameters,
            max_concurrent,
            max_answer_bytes,
            connect_timeout,
            query_timeout,
        } = config;
        Ok(Self {
            url: base_url(&url)?,
            headers: headers
                .into_iter()
                .map(|(name, value)| header(&name, &value, bearer_token_file.is_some()))
                .collect::<Result<_, _>>()?,
            query_parameters: query_parameters
                .into_iter()
                .map(query_parameter)
                .collect::<Result<_, _>>()?,
            bearer_token_file,
            certificate_authority_file,
            client_certificate,
            max_concurrent: max_concurrent.max(1),
            max_answer_bytes,
            connect_timeout,
            query_timeout,
        })
    }

    /// The files whose change calls for a new connection.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let certificate = self.client_certificate.iter();
        iter::empty()
            .chain(&self.bearer_token_file)
            .chain(&self.certificate_authority_file)
            .chain(certificate.flat_map(
                |ClientCertificate {
                     certificate_file,
                     key_file,
                 }| [certificate_file, key_file],
            ))
    }

    /// Whether connections are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.url.scheme() == "https"
    }
}

fn base_url(text: &str) -> Result<Url, SourceError> {
    let refuse = |reason| Err(SourceError::Url { reason });
    let Ok(mut url) = Url::parse(text) else {
        return refuse("it is not an absolute URL");
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return refuse("it is not an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it holds credentials; use a token file or a header");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("it has a query or a fragment; use query parameters");
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn header(name: &str, value: &str, has_token: bool) -> Result<(HeaderName, HeaderValue), SourceError> {
    let refuse = |reason| SourceError::Header {
        name: name.to_owned(),
        reason,
    };
    let parsed = HeaderName::try_from(name).map_err(|_| refuse("it is not a header name"))?;
    if parsed == AUTHORIZATION && has_token {
        return Err(refuse("there is a bearer token file too"));
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| refuse("its value is not a header value"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// The client crate takes names of parameters that live as long as the process, which those of a source do: there
/// are a few of them, and they are set once.
fn query_parameter((name, value): (String, String)) -> Result<(&'static str, String), SourceError> {
    if name.is_empty() || OWN_PARAMETERS.contains(&name.as_str()) {
        return Err(SourceError::QueryParameter { name });
    }
    Ok((Box::leak(name.into_boxed_str()), value))
}
