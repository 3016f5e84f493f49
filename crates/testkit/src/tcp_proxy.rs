//! Answers: what happens when the network between two programs breaks? Passes bytes on, or not.
//!
//! Understands nothing of what it carries, so TLS stays end to end.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use crate::listener::Listener;

/// A TCP proxy on a loopback port.
#[derive(Debug)]
pub struct TcpProxy {
    listener: Listener,
    flowing: watch::Sender<bool>,
}

impl TcpProxy {
    /// Starts passing connections on to `upstream`.
    pub fn start(upstream: SocketAddr) -> Self {
        let (flowing, flows) = watch::channel(true);
        let listener = Listener::start(move |client| {
            let flows = flows.clone();
            Box::pin(async move {
                if let Ok(server) = TcpStream::connect(upstream).await {
                    pass_on(client, server, flows).await;
                }
            })
        });
        Self { listener, flowing }
    }

    /// What to connect to instead of the upstream.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Cuts all connections and refuses new ones, until [`TcpProxy::restore`].
    pub fn cut(&self) {
        self.listener.close();
    }

    /// Cuts the connections of this moment; new ones pass.
    pub fn sever(&self) {
        self.listener.sever();
    }

    /// Holds all bytes in both directions, until [`TcpProxy::restore`]: connections stay open and silent, new ones open and stay
    /// silent too. What was sent meanwhile arrives late, as after a real partition.
    pub fn black_hole(&self) {
        self.flowing.send_replace(false);
    }

    /// Undoes [`TcpProxy::cut`] and [`TcpProxy::black_hole`].
    pub fn restore(&self) {
        self.flowing.send_replace(true);
        self.listener.open();
    }
}

async fn pass_on(client: TcpStream, server: TcpStream, flows: watch::Receiver<bool>) {
    let _ = server.set_nodelay(true);
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // Half-closed connections are legal: each direction ends by itself.
    tokio::join!(
        pump(client_reads, server_writes, flows.clone()),
        pump(server_reads, client_writes, flows)
    );
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flows: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        // An end of the proxy ends its connections too.
        let flowing = flows.wait_for(|flowing| *flowing).await.is_ok();
        if !flowing || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Sends back what it gets.
    fn echo() -> Listener {
        Listener::start(|stream| {
            Box::pin(async move {
                let (mut reads, mut writes) = stream.into_split();
                let _ = tokio::io::copy(&mut reads, &mut writes).await;
            })
        })
    }

    async fn round_trip(stream: &mut TcpStream, byte: u8) -> Option<u8> {
        stream.write_all(&[byte]).await.ok()?;
        stream.read_u8().await.ok()
    }

    #[tokio::test]
    async fn bytes_pass_in_both_directions() {
        let echo = echo();
        let proxy = TcpProxy::start(echo.address());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 1).await, Some(1));
        assert_eq!(round_trip(&mut stream, 2).await, Some(2));
    }

    #[tokio::test]
    async fn a_cut_ends_open_connections_and_refuses_new_ones_until_restored() {
        let echo = echo();
        let proxy = TcpProxy::start(echo.address());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 1).await, Some(1));
        proxy.cut();
        assert_eq!(round_trip(&mut stream, 2).await, None);
        assert!(TcpStream::connect(proxy.address()).await.is_err());
        proxy.restore();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 3).await, Some(3));
    }

    #[tokio::test]
    async fn severing_ends_open_connections_only() {
        let echo = echo();
        let proxy = TcpProxy::start(echo.address());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 1).await, Some(1));
        proxy.sever();
        assert_eq!(round_trip(&mut stream, 2).await, None);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 3).await, Some(3));
    }

    #[tokio::test]
    async fn a_black_hole_is_silent_and_what_was_sent_arrives_after_it() {
        let echo = echo();
        let proxy = TcpProxy::start(echo.address());
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(round_trip(&mut stream, 1).await, Some(1));
        proxy.black_hole();
        stream.write_all(&[2]).await.unwrap();
        assert!(timeout(Duration::from_millis(100), stream.read_u8()).await.is_err());
        assert!(TcpStream::connect(proxy.address()).await.is_ok());
        proxy.restore();
        assert_eq!(timeout(SOON, stream.read_u8()).await.unwrap().unwrap(), 2);
    }

    #[tokio::test]
    async fn an_upstream_that_is_away_shows_as_a_connection_that_ends() {
        let echo = echo();
        let proxy = TcpProxy::start(echo.address());
        echo.close();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(timeout(SOON, round_trip(&mut stream, 1)).await, Ok(None));
    }
}
