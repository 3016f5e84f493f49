//! Answers: which loopback port may a child process have?
//!
//! Only ports below Linux's ephemeral range (32768, `ip_local_port_range`), so that no outgoing connection takes the port of a
//! server while it is being restarted, and below the `NodePort` range (30000).

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

/// Starts at a random place, so that two processes at once seldom try the same ports, and never repeats a port within one.
static NEXT: LazyLock<AtomicU64> =
    LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(std::process::id()) >> 1));

/// A loopback address that nobody listens on now. Whoever is started on it must still be checked to be the one that answers.
///
/// # Panics
///
/// When thousands of ports are all taken.
pub fn free_address() -> SocketAddr {
    (0..COUNT)
        .find_map(|_| next_if_free())
        .expect("one of 15,000 loopback ports is free")
}

fn next_if_free() -> Option<SocketAddr> {
    let step = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(COUNT);
    let offset = u16::try_from(step).expect("the remainder of a u16");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
    TcpListener::bind(address).ok().map(|_| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_never_given_twice() {
        let mut ports: Vec<_> = (0..100).map(|_| free_address().port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
    }

    #[test]
    fn ports_are_below_the_ephemeral_and_the_node_port_range() {
        assert!((0..100).all(|_| (15_000..30_000).contains(&free_address().port())));
    }
}
