//! Whom the client trusts, which certificate it shows, and that both may be rotated under it.
#![expect(clippy::unwrap_used, reason = "the whole file is a test")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoscaler_core::{Evidence, Failure, FailureClass, Quantity, Reading};
use autoscaler_promql::{ClientCertificate, PlannedQuery, Prometheus, SourceConfig, SourceError};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// An authority that makes certificates for loopback.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

struct Leaf {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        }
    }

    fn issue(&self) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Leaf { certificate, key }
    }
}

impl Leaf {
    fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }
}

/// A server that shows a certificate, wants one that its authority of clients has issued, and answers 42.
struct Server {
    port: u16,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    shown: Arc<Mutex<Vec<CertificateDer<'static>>>>,
}

impl Server {
    async fn start(serving: &Leaf, clients: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Arc::new(Mutex::new(server_config(serving, clients)));
        let shown = Arc::default();
        let server = Self {
            port,
            config: Arc::clone(&config),
            shown: Arc::clone(&shown),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let config = Arc::clone(&config.lock().unwrap());
                tokio::spawn(serve(stream, config, Arc::clone(&shown)));
            }
        });
        server
    }

    fn shows(&self, serving: &Leaf, clients: &Authority) {
        *self.config.lock().unwrap() = server_config(serving, clients);
    }

    fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap().clone()
    }
}

fn server_config(serving: &Leaf, clients: &Authority) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.certificate.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let key = PrivateKeyDer::try_from(serving.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        config
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![serving.der()], key)
            .unwrap(),
    )
}

async fn serve(stream: TcpStream, config: Arc<ServerConfig>, shown: Arc<Mutex<Vec<CertificateDer<'static>>>>) {
    let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else {
        return;
    };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    shown.lock().unwrap().extend(certificates);
    let _ = stream.read(&mut [0; 4096]).await;
    let body = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"42"]}}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The files of a client.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn trust(&self, authority: &Authority) {
        fs::write(self.path("ca.crt"), authority.certificate.pem()).unwrap();
    }

    fn show(&self, leaf: &Leaf) {
        fs::write(self.path("tls.crt"), leaf.certificate.pem()).unwrap();
        fs::write(self.path("tls.key"), leaf.key.serialize_pem()).unwrap();
    }

    fn config(&self, server: &Server) -> SourceConfig {
        SourceConfig {
            certificate_authority_file: Some(self.path("ca.crt")),
            client_certificate: Some(ClientCertificate {
                certificate_file: self.path("tls.crt"),
                key_file: self.path("tls.key"),
            }),
            ..SourceConfig::new(format!("https://127.0.0.1:{}", server.port))
        }
    }
}

/// Each question is another one, so that none is answered by an earlier answer.
async fn read(prometheus: &Prometheus, number: u32) -> Reading {
    let deadline = Instant::now() + Duration::from_mins(1);
    prometheus
        .read(&PlannedQuery::new(&format!("m{number}"), None), deadline)
        .await
}

fn answered() -> Reading {
    Reading::Fresh {
        value: Quantity::from_units(42),
        evidence: Evidence::Unprobed,
    }
}

fn unreachable() -> Reading {
    Reading::Failed(Failure::of(FailureClass::Unreachable))
}

#[tokio::test]
async fn a_source_of_the_authority_given_is_trusted_and_shown_our_certificate() {
    let (authority, files) = (Authority::new(), Files::new());
    let (serving, own) = (authority.issue(), authority.issue());
    let server = Server::start(&serving, &authority).await;
    files.trust(&authority);
    files.show(&own);
    let prometheus = Prometheus::new(files.config(&server)).unwrap();
    assert_eq!(read(&prometheus, 1).await, answered());
    assert_eq!(server.shown(), [own.der()]);
}

#[tokio::test]
async fn a_source_of_another_authority_is_unreachable_and_sees_nothing() {
    let (authority, stranger, files) = (Authority::new(), Authority::new(), Files::new());
    let server = Server::start(&stranger.issue(), &authority).await;
    files.trust(&authority);
    files.show(&authority.issue());
    let prometheus = Prometheus::new(files.config(&server)).unwrap();
    assert_eq!(read(&prometheus, 1).await, unreachable());
    assert_eq!(server.shown(), []);
}

#[tokio::test]
async fn a_rotated_authority_is_trusted_without_a_restart() {
    let (first, second, files) = (Authority::new(), Authority::new(), Files::new());
    let server = Server::start(&first.issue(), &first).await;
    files.trust(&first);
    files.show(&first.issue());
    let prometheus = Prometheus::new(files.config(&server)).unwrap();
    assert_eq!(read(&prometheus, 1).await, answered());
    server.shows(&second.issue(), &first);
    assert_eq!(read(&prometheus, 2).await, unreachable());
    files.trust(&second);
    assert_eq!(read(&prometheus, 3).await, answered());
}

#[tokio::test]
async fn a_rotated_client_certificate_is_shown_once_its_key_has_come_too() {
    let (authority, files) = (Authority::new(), Files::new());
    let (old, new) = (authority.issue(), authority.issue());
    let server = Server::start(&authority.issue(), &authority).await;
    files.trust(&authority);
    files.show(&old);
    let prometheus = Prometheus::new(files.config(&server)).unwrap();
    assert_eq!(read(&prometheus, 1).await, answered());
    fs::write(files.path("tls.crt"), new.certificate.pem()).unwrap();
    assert_eq!(read(&prometheus, 2).await, answered());
    fs::write(files.path("tls.key"), new.key.serialize_pem()).unwrap();
    assert_eq!(read(&prometheus, 3).await, answered());
    assert_eq!(server.shown(), [old.der(), old.der(), new.der()]);
}

#[tokio::test]
async fn files_that_hold_no_certificates_are_refused_at_once() {
    let (authority, files) = (Authority::new(), Files::new());
    let server = Server::start(&authority.issue(), &authority).await;
    files.show(&authority.issue());
    for content in [
        "",
        "not PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        fs::write(files.path("ca.crt"), content).unwrap();
        let error = Prometheus::new(files.config(&server)).unwrap_err();
        assert!(
            matches!(error, SourceError::Content { .. } | SourceError::Client(_)),
            "{content}: {error}"
        );
    }
    files.trust(&authority);
    fs::write(files.path("tls.key"), "").unwrap();
    let error = Prometheus::new(files.config(&server)).unwrap_err();
    assert!(matches!(error, SourceError::Content { .. }), "{error}");
}
