//! Answers: who may connect to this loopback port at the moment? The one accept loop behind the exporter and both proxies.
//!
//! Knows nothing of what is said on a connection. Closing and opening again keep the port.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::background::runtime;
use crate::ports::free_address;

type Handler = dyn Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync;

/// Asks the loop for something; the sender is dropped, or used, once it is done.
enum Order {
    Sever(std::sync::mpsc::Sender<()>),
    Close(std::sync::mpsc::Sender<()>),
}

/// A server on a loopback port that can be closed, opened again, and have its connections cut.
pub(crate) struct Listener {
    address: SocketAddr,
    handler: Arc<Handler>,
    orders: Mutex<Option<UnboundedSender<Order>>>,
}

impl Listener {
    pub(crate) fn start<H>(handler: H) -> Self
    where
        H: Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        let socket = (0..16).find_map(|_| std::net::TcpListener::bind(free_address()).ok());
        Self::over(
            socket.expect("one of sixteen free loopback ports can be bound"),
            handler,
        )
    }

    /// On an address that somebody else chose: that of a pod.
    pub(crate) fn start_on<H>(address: SocketAddr, handler: H) -> io::Result<Self>
    where
        H: Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        Ok(Self::over(std::net::TcpListener::bind(address)?, handler))
    }

    fn over<H>(socket: std::net::TcpListener, handler: H) -> Self
    where
        H: Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        let address = socket.local_addr().unwrap_or_else(|_| (Ipv4Addr::LOCALHOST, 0).into());
        let listener = Self {
            address,
            handler: Arc::new(handler),
            orders: Mutex::new(None),
        };
        listener.accept_on(socket);
        listener
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connections of this moment; new ones are welcome.
    pub(crate) fn sever(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = orders.as_ref() {
            order(orders, Order::Sever);
        }
    }

    /// Closes the port and cuts all connections: whoever connects is refused.
    pub(crate) fn close(&self) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(orders) = orders {
            order(&orders, Order::Close);
        }
    }

    /// Opens the port again after [`Listener::close`].
    pub(crate) fn open(&self) {
        let closed = self.orders.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if closed {
            let socket = std::net::TcpListener::bind(self.address);
            self.accept_on(socket.expect("nobody else takes a port outside the ephemeral range"));
        }
    }

    fn accept_on(&self, socket: std::net::TcpListener) {
        let (sender, receiver) = unbounded_channel();
        let handler = Arc::clone(&self.handler);
        socket
            .set_nonblocking(true)
            .expect("a listening socket can be made non-blocking");
        runtime().spawn(async move {
            let listener = TcpListener::from_std(socket).expect("a non-blocking listening socket");
            accept(listener, handler, receiver).await;
        });
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Listener")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

/// Blocks until the loop has obeyed: it runs on threads of its own, so the caller's runtime may stand still for that moment.
fn order(orders: &UnboundedSender<Order>, make: impl FnOnce(std::sync::mpsc::Sender<()>) -> Order) {
    let (done, obeyed) = std::sync::mpsc::channel();
    if orders.send(make(done)).is_ok() {
        let _ = obeyed.recv();
    }
}

async fn accept(listener: TcpListener, handler: Arc<Handler>, mut orders: UnboundedReceiver<Order>) {
    let mut connections = JoinSet::new();
    let closed = loop {
        tokio::select! {
            biased;
            asked = orders.recv() => match asked {
                Some(Order::Sever(done)) => {
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Order::Close(done)) => break Some(done),
                None => break None,
            },
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                // A test measures what the product adds, not what Nagle's algorithm does.
                let _ = stream.set_nodelay(true);
                connections.spawn(handler(stream));
            },
        }
    };
    drop(listener);
    connections.shutdown().await;
    if let Some(done) = closed {
        let _ = done.send(());
    }
}
