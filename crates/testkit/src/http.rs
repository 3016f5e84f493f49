//! Answers: what does this URL say? The one HTTP client for readiness probes and PromQL of this crate.
//!
//! Keeps no connection between two requests: a pooled connection would belong to the runtime of one test and be dead in the next.

use std::time::Duration;

use reqwest::{Certificate, Client, RequestBuilder};

/// A loopback server answers quickly or is not ready.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client that trusts only `authority` (DER), or nobody: then it speaks plain HTTP only.
pub(crate) fn client(authority: Option<&[u8]>) -> Client {
    install_crypto_provider();
    let authority = authority.map(|der| Certificate::from_der(der).expect("the authority was generated here"));
    Client::builder()
        .tls_certs_only(authority)
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT)
        .build()
        .expect("a client without system certificates can always be built")
}

/// Chooses ring for this process. Whoever came first wins: a second provider would make kube panic at start.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The body of a good answer, else what came instead.
pub(crate) async fn answer(request: RequestBuilder) -> Result<String, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| error.to_string())?;
    if status.is_success() {
        Ok(body)
    } else {
        Err(format!("{status}: {body}"))
    }
}
