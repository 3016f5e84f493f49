//! Answers: which loopback address may a pod have, and how is it found by name?
//!
//! All of 127.0.0.0/8 is this machine on Linux, so each pod gets an address of its own there, and its usual ports with it.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// An address that nobody else has, in all likelihood: one of fifteen million, drawn anew each time.
pub fn new_address() -> Ipv4Addr {
    let drawn = RandomState::new().hash_one(0).to_le_bytes();
    // 127.0.x.y is where everything else on a machine listens; 0 and 255 look like networks.
    let part = |byte: u8| byte.clamp(1, 254);
    Ipv4Addr::new(127, part(drawn[0]), part(drawn[1]), part(drawn[2]))
}

/// A directory with a file per host name: stands in for the names that a headless Service gives to pods, ready or not.
#[derive(Debug, Clone)]
pub struct Hosts {
    directory: PathBuf,
}

impl Hosts {
    /// In this directory, which is made if need be.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// Where processes look.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// From now on this host has this address. A reader sees the old or the new one.
    pub fn set(&self, host: &str, address: IpAddr) -> io::Result<()> {
        let half = self.directory.join(format!(".{host}"));
        fs::write(&half, address.to_string())?;
        fs::rename(half, self.directory.join(host))
    }

    /// From now on there is no such host.
    pub fn remove(&self, host: &str) {
        // It may never have had an address.
        let _ = fs::remove_file(self.directory.join(host));
    }

    /// Its address.
    pub fn get(&self, host: &str) -> Option<IpAddr> {
        let text = fs::read_to_string(self.directory.join(host)).ok()?;
        text.trim().parse().ok()
    }

    /// The other hosts of the same Service, in order.
    pub fn neighbours(&self, of: &str) -> Vec<String> {
        let domain = |host: &str| host.split_once('.').map(|(_, domain)| domain.to_owned());
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let hosts = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut hosts: Vec<_> = hosts
            .filter(|host| host != of && !host.starts_with('.') && domain(host) == domain(of))
            .collect();
        hosts.sort();
        hosts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_service_are_neighbours() {
        let directory = tempfile::TempDir::new().unwrap();
        let hosts = Hosts::open(directory.path()).unwrap();
        for host in ["b-0.b.x", "a-1.a.x", "a-0.a.x"] {
            hosts.set(host, new_address().into()).unwrap();
        }
        assert_eq!(hosts.neighbours("a-0.a.x"), ["a-1.a.x"]);
        hosts.remove("a-1.a.x");
        assert_eq!(hosts.get("a-1.a.x"), None);
        assert!(hosts.get("a-0.a.x").unwrap().is_loopback());
    }
}
