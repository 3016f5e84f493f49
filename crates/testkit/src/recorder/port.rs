//! A pod's port: plain HTTP, passed on to where its process listens.

use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;

use super::{CallLog, Callee, attend, call};
use crate::fault_proxy::ask;
use crate::http_server::{Reply, full, serve_on};
use crate::listener::Listener;

/// A recorded port. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct RecordedPort {
    listener: Listener,
}

impl RecordedPort {
    /// Passes calls on to `upstream`, which is not there yet: the port is closed.
    pub(crate) fn closed(address: SocketAddr, upstream: SocketAddr, callee: Callee, log: CallLog) -> io::Result<Self> {
        let listener = serve_on(address, move |request| {
            let (log, callee) = (log.clone(), callee.clone());
            Box::pin(async move { pass(request, upstream, callee, &log).await })
        })?;
        listener.close();
        Ok(Self { listener })
    }

    /// The process is there.
    pub(crate) fn open(&self) {
        self.listener.open();
    }

    /// The process is gone: whoever connects is refused.
    pub(crate) fn close(&self) {
        self.listener.close();
    }
}

async fn pass(request: Request<Incoming>, upstream: SocketAddr, callee: Callee, log: &CallLog) -> Reply {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Reply::HangUp;
    };
    let body = body.to_bytes();
    let call = call(callee, &head, &body);
    let carry_out = || async {
        let response = ask(Request::from_parts(head, Full::new(body)), upstream).await?;
        let (mut head, body) = response.into_parts();
        // It is sent whole, with its length.
        head.headers.remove("transfer-encoding");
        let said = body.collect().await?.to_bytes();
        Ok((hyper::Response::from_parts(head, full(said.clone())), said))
    };
    attend(log, call, carry_out).await
}
