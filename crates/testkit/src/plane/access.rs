//! Answers: who may talk to the API server, and with what kubeconfig?
//!
//! Every program of the plane is a user of its own, so that the audit log tells them apart. Other identities are service
//! accounts with a token from the `TokenRequest` API.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::{Client, Config};
use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::http::install_crypto_provider;

/// A static user of the API server's token file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Admin,
    ControllerManager,
    Scheduler,
    Kubelet,
}

impl User {
    const ALL: [Self; 4] = [Self::Admin, Self::ControllerManager, Self::Scheduler, Self::Kubelet];

    /// RBAC's bootstrap policy has roles for `system:kube-scheduler` and `system:kube-controller-manager` by these names.
    const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ControllerManager => "system:kube-controller-manager",
            Self::Scheduler => "system:kube-scheduler",
            Self::Kubelet => "testkit:kubelet",
        }
    }

    const fn group(self) -> &'static str {
        match self {
            Self::Admin | Self::Kubelet => "system:masters",
            Self::ControllerManager | Self::Scheduler => "",
        }
    }
}

/// Tokens and kubeconfigs of one plane.
#[derive(Debug)]
pub(super) struct Access {
    directory: PathBuf,
    certificates: Certificates,
    server: SocketAddr,
    tokens: Vec<(User, String)>,
}

impl Access {
    /// Writes the token file, and a kubeconfig for each static user.
    pub(super) fn create(directory: &Path, certificates: Certificates, server: SocketAddr) -> io::Result<Self> {
        let tokens = User::ALL
            .into_iter()
            .map(|user| Ok((user, random_token()?)))
            .collect::<io::Result<_>>()?;
        let access = Self {
            directory: directory.to_owned(),
            certificates,
            server,
            tokens,
        };
        let line = |(user, token): &(User, String)| {
            let (name, group) = (user.name(), user.group());
            format!("{token},{name},{name},\"{group}\"\n")
        };
        fs::write(access.token_file(), access.tokens.iter().map(line).collect::<String>())?;
        for (user, token) in &access.tokens {
            access.write_kubeconfig(&access.kubeconfig_path(*user), token, server)?;
        }
        Ok(access)
    }

    pub(super) fn token_file(&self) -> PathBuf {
        self.directory.join("tokens.csv")
    }

    pub(super) fn kubeconfig_path(&self, user: User) -> PathBuf {
        self.directory.join(format!(
            "{}.kubeconfig",
            user.name().trim_start_matches("system:").replace(':', "-")
        ))
    }

    pub(super) fn token(&self, user: User) -> &str {
        let found = self.tokens.iter().find(|(candidate, _)| *candidate == user);
        found
            .map(|(_, token)| token.as_str())
            .expect("every static user has a token")
    }

    pub(super) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// A client configuration for whoever has this token, without retries: a test wants to see the first answer.
    pub(super) fn config(&self, token: &str, server: SocketAddr) -> Config {
        let url = format!("https://{server}")
            .parse()
            .expect("an address and port make a URL");
        let mut config = Config::new(url);
        config.root_cert = Some(vec![self.certificates.authority_der().to_vec()]);
        config.auth_info = serde_json::from_value(json!({ "token": token })).expect("a token alone is an identity");
        config.connect_timeout = Some(Duration::from_secs(5));
        config.default_retry = false;
        config
    }

    /// A fresh client. Not shared: its connections belong to the runtime that made them.
    pub(super) fn client(config: Config) -> Client {
        install_crypto_provider();
        Client::try_from(config).expect("the configuration was made here")
    }

    /// Written as JSON, which is YAML.
    pub(super) fn write_kubeconfig(&self, path: &Path, token: &str, server: SocketAddr) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&self.kubeconfig(token, server)).expect("JSON can be written");
        fs::write(path, text)
    }

    fn kubeconfig(&self, token: &str, server: SocketAddr) -> Value {
        let authority = self.certificates.authority_file();
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "testkit",
            "contexts": [{"name": "testkit", "context": {"cluster": "testkit", "user": "testkit"}}],
            "clusters": [{
                "name": "testkit",
                "cluster": {"server": format!("https://{server}"), "certificate-authority": authority},
            }],
            "users": [{"name": "testkit", "user": {"token": token}}],
        })
    }
}

/// 128 bits: other people may have a shell on the same machine.
fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
