//! `[peers]`: how the node of a validator reaches the others.
//!
//! These links need no certificate, and none can run out: both ends prove the consensus key that the
//! ledger knows. So they may listen anywhere.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// Links to the other validators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Where the others reach this node.
    pub listen: SocketAddr,
    /// Where this node reaches the others: host and port, by the name of the validator.
    pub addresses: BTreeMap<String, String>,
}

/// Keys of the section.
pub(super) const KEYS: [&str; 2] = ["listen", "addresses"];

impl Peers {
    /// On loopback at `port`, with the others at the ports that `others` names.
    pub fn local(port: u16, others: impl Iterator<Item = (String, u16)>) -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let addresses = others.map(|(name, port)| (name, local(port).to_string())).collect();
        Self { listen: local(port), addresses }
    }

    /// Checks what the types do not: the key of the first address that is none, why, and a remedy.
    pub(super) fn check(&self) -> Result<(), (String, &'static str, &'static str)> {
        const REMEDY: &str = "write host and port, as validator.example.org:7400, 192.0.2.7:7400 or [2001:db8::7]:7400";
        let wrong = |name: &str, reason| (format!("peers.addresses.{name}"), reason, REMEDY);
        self.addresses
            .iter()
            .try_for_each(|(name, address)| Self::check_address(address).map_err(|reason| wrong(name, reason)))
    }

    /// Is `address` a host and a port?
    ///
    /// # Errors
    /// What it is not.
    pub fn check_address(address: &str) -> Result<(), &'static str> {
        let (host, port) = address.rsplit_once(':').ok_or("has no port")?;
        if port.parse::<u16>().map_or(true, |port| port == 0) {
            return Err("has no port from 1 to 65535");
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let number = bare.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let named = !host.is_empty() && host.len() <= 253 && host.bytes().all(letter);
        if number || named { Ok(()) } else { Err("names no host") }
    }
}
