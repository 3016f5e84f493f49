//! Lets Prometheus reach addresses that no machine has: the pods of the plane run nowhere, so their exporters are found
//! behind an HTTP proxy that knows them by the whole URL of a scrape. An address, port, path or parameter that relabelling
//! gets wrong is therefore a target that is down.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Debug, Default)]
struct Routes {
    exporters: BTreeMap<String, SocketAddr>,
    strangers: BTreeSet<String>,
}

/// The proxy. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct PodNetwork {
    address: SocketAddr,
    routes: Arc<Mutex<Routes>>,
    server: JoinHandle<()>,
}

impl PodNetwork {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Arc::new(Mutex::new(Routes::default()));
        let known = Arc::clone(&routes);
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&known)));
            }
        });
        Self {
            address,
            routes,
            server,
        }
    }

    /// For `proxy_url`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A scrape of `url` is answered by this exporter.
    pub(super) fn route(&self, url: &str, exporter: SocketAddr) {
        self.routes.lock().unwrap().exporters.insert(url.to_owned(), exporter);
    }

    /// What was asked for in vain.
    pub(super) fn strangers(&self) -> BTreeSet<String> {
        self.routes.lock().unwrap().strangers.clone()
    }
}

impl Drop for PodNetwork {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One request, one connection. A scrape that breaks off is one that Prometheus reports.
async fn serve(mut client: TcpStream, routes: Arc<Mutex<Routes>>) -> io::Result<()> {
    let head = head(&mut client).await?;
    let url = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let exporter = {
        let mut routes = routes.lock().unwrap();
        let exporter = routes.exporters.get(&url).copied();
        if exporter.is_none() {
            routes.strangers.insert(url);
        }
        exporter
    };
    let Some(exporter) = exporter else {
        return client
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .await;
    };
    let mut upstream = TcpStream::connect(exporter).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {exporter}\r\nConnection: close\r\n\r\n");
    upstream.write_all(request.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut upstream).await.map(|_| ())
}

/// Up to the empty line. A scrape has no body.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
