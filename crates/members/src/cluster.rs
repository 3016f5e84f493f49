//! What the driver read from the API server, live: the pods that may be asked, and the secret that goes with it.

use std::fmt;
use std::net::IpAddr;

use reqwest::header::HeaderValue;

/// Longest secret in bytes: a token of a few kilobytes is a mistake.
const MAX_SECRET: usize = 4 << 10;

/// A `StatefulSet` and its pods. Only pods that its UID owns may stand here: they get the secret.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Namespace of all of it.
    pub namespace: String,
    /// Name of the `StatefulSet`.
    pub target: String,
    /// Its `spec.serviceName`.
    pub service: String,
    /// Domain of the Kubernetes cluster, such as `cluster.local`.
    pub domain: String,
    /// Its pods, each ordinal once.
    pub pods: Vec<Pod>,
    /// What goes with each request, if the profile asks for it and there is one for the namespace.
    pub credential: Option<Credential>,
}

/// One pod.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// The number at the end of its name.
    pub ordinal: u32,
    /// Its UID.
    pub uid: String,
    /// Its IP, once it has one.
    pub ip: Option<IpAddr>,
    /// Its IP is that of its node: whoever is there may be anybody, so it is not asked.
    pub host_network: bool,
    /// Ready, and not being deleted.
    pub is_ready: bool,
    /// Being deleted.
    pub is_terminating: bool,
    /// Its containers, as far as the kubelet has reported them.
    pub containers: Vec<Container>,
}

/// One container of a pod.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The kubelet reports it as running.
    pub is_running: bool,
}

/// The whole value of the header that a profile names. Nothing shows it.
#[derive(Clone)]
pub struct Credential(HeaderValue);

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is nothing in it.
    #[error("failed to use the credential: it is empty")]
    Empty,
    /// It is too long for one.
    #[error("failed to use the credential: it is longer than {MAX_SECRET} bytes")]
    TooLong,
    /// It has characters that no header may have.
    #[error("failed to use the credential: it is no value for an HTTP header")]
    NotAHeader,
}

impl Credential {
    /// The secret of a file: a line break at its end, which editors add, is not part of it.
    pub fn new(mut secret: Vec<u8>) -> Result<Self, CredentialError> {
        for ending in [b'\n', b'\r'] {
            if secret.last() == Some(&ending) {
                secret.pop();
            }
        }
        if secret.is_empty() {
            return Err(CredentialError::Empty);
        }
        if secret.len() > MAX_SECRET {
            return Err(CredentialError::TooLong);
        }
        let mut value = HeaderValue::from_bytes(&secret).map_err(|_| CredentialError::NotAHeader)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    pub(crate) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credential")
    }
}

impl Cluster {
    pub(crate) fn pod(&self, ordinal: u32) -> Option<&Pod> {
        self.pods.iter().find(|pod| pod.ordinal == ordinal)
    }

    /// The name of the pod of an ordinal, there or not.
    pub(crate) fn pod_name(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.target)
    }
}

impl Pod {
    /// Whether the kubelet reports that nothing of the member runs: this container, or any of them. Of a pod that it has not
    /// begun with there is nothing to report; a container that the pod does not have says nothing.
    pub(crate) fn is_reported_stopped(&self, container: Option<&str>) -> bool {
        let of_the_member = |known: &&Container| container.is_none_or(|container| known.name == container);
        let mut known = self.containers.iter().filter(of_the_member).peekable();
        let is_known = known.peek().is_some() || self.containers.is_empty();
        is_known && !known.any(|container| container.is_running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_at_the_end_is_not_part_of_the_secret() {
        for text in ["key", "key\n", "key\r\n"] {
            assert_eq!(Credential::new(text.into()).unwrap().value(), "key");
        }
    }

    #[test]
    fn what_is_no_header_is_no_credential() {
        let refused = |secret: Vec<u8>| Credential::new(secret).unwrap_err();
        assert_eq!(refused(Vec::new()), CredentialError::Empty);
        assert_eq!(refused(b"\n".to_vec()), CredentialError::Empty);
        assert_eq!(refused(b"a\nb".to_vec()), CredentialError::NotAHeader);
        assert_eq!(refused(vec![b'a'; MAX_SECRET + 1]), CredentialError::TooLong);
    }

    #[test]
    fn nothing_shows_a_credential() {
        let credential = Credential::new(b"hunter2".to_vec()).unwrap();
        assert_eq!(
            format!("{credential:?} {:?}", Some(&credential)),
            "Credential Some(Credential)"
        );
        assert!(!format!("{:?}", credential.value()).contains("hunter2"));
    }
}
