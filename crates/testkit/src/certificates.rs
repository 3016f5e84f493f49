//! Answers: with which keys does a throwaway control plane serve, and sign service account tokens?
//!
//! One authority per plane, elliptic keys (an RSA key costs a Go server up to half a second at start). Never for production.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// By this name the API server knows whoever serves aggregated metrics ([`crate::metrics_api`]).
pub(crate) const METRICS_SERVICE: &str = "metrics.default.svc";

/// By this name pods reach a Prometheus that wants to know who asks ([`crate::front`]).
pub(crate) const GUARDED_PROMETHEUS: &str = "prometheus.example.com";

/// Where a real node reaches the API server: see [`crate::node`].
pub(crate) const NODE_ADDRESS: &str = "10.250.0.1";

/// Why the files could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate or key could not be generated.
    #[error("failed to generate a certificate")]
    Generate(#[from] rcgen::Error),
    /// A file could not be written.
    #[error("failed to write a certificate")]
    Write(#[from] io::Error),
}

/// A certificate authority and what it issued for one plane, as PEM files in one directory.
#[derive(Debug, Clone)]
pub struct Certificates {
    directory: PathBuf,
    authority_der: Vec<u8>,
    authority_pem: String,
}

impl Certificates {
    /// Writes an authority, a serving certificate for loopback and the in-cluster names, and a token signing key.
    pub fn generate(directory: &Path) -> Result<Self, CertificateError> {
        fs::create_dir_all(directory)?;
        let authority_key = KeyPair::generate()?;
        let authority = authority_parameters()?;
        let certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let serving_key = KeyPair::generate()?;
        let serving = serving_parameters()?.signed_by(&serving_key, &issuer)?;
        let signing_key = KeyPair::generate()?;

        let made = Self {
            directory: directory.to_owned(),
            authority_der: certificate.der().to_vec(),
            authority_pem: certificate.pem(),
        };
        fs::write(made.authority_file(), &made.authority_pem)?;
        fs::write(made.serving_file(), serving.pem())?;
        fs::write(made.serving_key_file(), serving_key.serialize_pem())?;
        fs::write(made.signing_key_file(), signing_key.serialize_pem())?;
        fs::write(made.signing_public_key_file(), signing_key.public_key_pem())?;
        Ok(made)
    }

    /// A new key for service account tokens. What the old one signed is good until
    /// [`Certificates::distrust_old_signing_keys`]. Servers read both at their next start.
    pub(crate) fn renew_signing_key(&self) -> Result<(), CertificateError> {
        let key = KeyPair::generate()?;
        let trusted = fs::read_to_string(self.signing_public_key_file())?;
        fs::write(self.signing_key_file(), key.serialize_pem())?;
        fs::write(self.signing_public_key_file(), key.public_key_pem() + &trusted)?;
        Ok(())
    }

    /// Only the newest key is trusted.
    pub(crate) fn distrust_old_signing_keys(&self) -> Result<(), CertificateError> {
        const END: &str = "-----END PUBLIC KEY-----";
        let trusted = fs::read_to_string(self.signing_public_key_file())?;
        let newest = trusted.split_inclusive(END).next().unwrap_or_default();
        fs::write(self.signing_public_key_file(), format!("{newest}\n"))?;
        Ok(())
    }

    /// The authority's certificate, which clients trust.
    pub fn authority_file(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// The authority's certificate, DER.
    pub fn authority_der(&self) -> &[u8] {
        &self.authority_der
    }

    /// The authority's certificate, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The certificate that servers of the plane show.
    pub fn serving_file(&self) -> PathBuf {
        self.directory.join("serving.crt")
    }

    /// The key of [`Certificates::serving_file`].
    pub fn serving_key_file(&self) -> PathBuf {
        self.directory.join("serving.key")
    }

    /// The key that signs service account tokens.
    pub fn signing_key_file(&self) -> PathBuf {
        self.directory.join("service-account.key")
    }

    /// What verifies service account tokens.
    pub fn signing_public_key_file(&self) -> PathBuf {
        self.directory.join("service-account.pub")
    }

    /// For servers of ours that the plane, or a client of it, talks to.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        let certificate = CertificateDer::from_pem_file(self.serving_file());
        let key = PrivateKeyDer::from_pem_file(self.serving_key_file());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions of TLS")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("the plane wrote its certificate")],
                key.expect("the plane wrote its key"),
            );
        Arc::new(config.expect("certificate and key were made together"))
    }
}

fn authority_parameters() -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "metricautoscaler testkit");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

fn serving_parameters() -> Result<CertificateParams, rcgen::Error> {
    let names = [
        "127.0.0.1",
        "localhost",
        "kubernetes.default.svc",
        "10.96.0.1",
        NODE_ADDRESS,
        METRICS_SERVICE,
        GUARDED_PROMETHEUS,
    ];
    let mut parameters = CertificateParams::new(names.map(str::to_owned).to_vec())?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "metricautoscaler testkit server");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(parameters)
}
