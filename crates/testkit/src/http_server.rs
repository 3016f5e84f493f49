//! Answers: how does an HTTP handler get onto a [`Listener`]? HTTP/1.1, keep-alive, any number of connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::listener::Listener;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What a handler does with a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Send(Response<Body>),
    /// Ends the connection without a word.
    HangUp,
}

#[derive(Debug, thiserror::Error)]
#[error("hung up on purpose")]
struct HungUp;

/// Starts a server. A handler's future is dropped when its client goes away.
pub(crate) fn serve<H>(handler: H) -> Listener
where
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    let handler = Arc::new(handler);
    Listener::start(move |stream| Box::pin(converse(stream, Arc::clone(&handler))))
}

/// The same on an address that somebody else chose.
pub(crate) fn serve_on<H>(address: SocketAddr, handler: H) -> io::Result<Listener>
where
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    let handler = Arc::new(handler);
    Listener::start_on(address, move |stream| Box::pin(converse(stream, Arc::clone(&handler))))
}

/// The same behind TLS. Whoever does not get through the handshake is not heard.
pub(crate) fn serve_tls<H>(tls: Arc<ServerConfig>, handler: H) -> Listener
where
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    Listener::start(behind_tls(tls, handler))
}

/// The same on an address that somebody else chose.
pub(crate) fn serve_tls_on<H>(address: SocketAddr, tls: Arc<ServerConfig>, handler: H) -> io::Result<Listener>
where
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    Listener::start_on(address, behind_tls(tls, handler))
}

fn behind_tls<H>(tls: Arc<ServerConfig>, handler: H) -> impl Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync
where
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    let (acceptor, handler) = (TlsAcceptor::from(tls), Arc::new(handler));
    move |stream| {
        let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
        Box::pin(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                converse(stream, handler).await;
            }
        })
    }
}

/// All requests of one connection. Its errors are the client's business: it sees them.
async fn converse<S, H>(stream: S, handler: Arc<H>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> BoxFuture<'static, Reply> + Send + Sync + 'static,
{
    let service = service_fn(move |request| {
        let reply = handler(request);
        async move {
            match reply.await {
                Reply::Send(response) => Ok(response),
                Reply::HangUp => Err(HungUp),
            }
        }
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A complete answer.
pub(crate) fn respond(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Reply {
    let response = Response::builder().status(status).header("content-type", content_type);
    Reply::Send(
        response
            .body(full(body))
            .expect("a content type without control characters"),
    )
}

pub(crate) fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}
