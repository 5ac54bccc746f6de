//! Where a request comes from: the peer, or what trusted proxies say of it.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use ipnet::IpNet;

use crate::config::{ForwardedBy, Server};

/// The proxies whose word is taken, and the header in which they give it.
pub struct Proxies {
    trusted: Vec<IpNet>,
    header: ForwardedBy,
}

impl Proxies {
    /// # Errors
    /// The first entry of `server.trusted_proxies` that is neither an address nor a network.
    pub fn new(server: &Server) -> Result<Self, String> {
        let entries = server.trusted_proxies.split(',').map(str::trim);
        let trusted = entries.filter(|entry| !entry.is_empty()).map(|entry| {
            let address = entry.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| entry.parse()).map_err(|_| {
                format!("{entry} is neither an address nor a network such as 10.0.0.0/8")
            })
        });
        Ok(Self {
            trusted: trusted.collect::<Result<_, _>>()?,
            header: server.forwarded_by,
        })
    }

    /// The network that a request comes from.
    #[must_use]
    pub fn source(&self, req: &HttpRequest) -> String {
        let peer = req
            .peer_addr()
            .map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
        let mut hops = Vec::new();
        for value in req.headers().get_all(self.header.as_str()) {
            hops.extend(value.to_str().unwrap_or_default().split(','));
        }
        network(self.client(peer.to_canonical(), &hops))
    }

    /// Walks back from the peer while those who speak are trusted: the first one who is not is the client. Whatever
    /// stands further left was written by nobody we know.
    fn client(&self, peer: IpAddr, hops: &[&str]) -> IpAddr {
        let mut client = peer;
        for hop in hops.iter().rev() {
            if !self.trusted.iter().any(|net| net.contains(&client)) {
                break;
            }
            let said = match self.header {
                ForwardedBy::XForwardedFor => address(hop),
                ForwardedBy::Forwarded => forwarded_for(hop).and_then(address),
            };
            let Some(said) = said else { break };
            client = said;
        }
        client
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<&str> {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value.trim())
}

/// An address, with or without quotes, brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|at| at.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .ok()
        .or_else(with_port)
        .map(|ip| ip.to_canonical())
}

/// What counts as one place: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of it has all.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let subnet = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            format!("{subnet}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(trusted: &str, header: ForwardedBy, peer: &str, hops: &[&str]) -> String {
        let mut server = crate::config::Config::load(None, &[]).unwrap().server;
        server.trusted_proxies = trusted.into();
        server.forwarded_by = header;
        let proxies = Proxies::new(&server).unwrap();
        network(proxies.client(peer.parse().unwrap(), hops))
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_see() {
        let by = ForwardedBy::XForwardedFor;
        for (trusted, peer, hops, expected) in [
            ("", "203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            (
                "10.0.0.0/8",
                "203.0.113.9",
                &["198.51.100.1"],
                "203.0.113.9",
            ),
            ("10.0.0.0/8", "10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // What the client itself claims stands on the left.
            (
                "10.0.0.0/8",
                "10.0.0.1",
                &["1.1.1.1", " 198.51.100.1"],
                "198.51.100.1",
            ),
            (
                "10.0.0.0/8",
                "10.0.0.1",
                &["1.1.1.1", "198.51.100.1", "10.0.0.2"],
                "198.51.100.1",
            ),
            (
                "10.0.0.0/8, fd00::/8",
                "fd00::1",
                &["198.51.100.1:4711"],
                "198.51.100.1",
            ),
            ("10.0.0.1", "10.0.0.1", &["unknown"], "10.0.0.1"),
            (
                "10.0.0.1",
                "10.0.0.1",
                &["2001:db8:1:2:3:4:5:6"],
                "2001:db8:1:2::/64",
            ),
            (
                "10.0.0.1",
                "10.0.0.1",
                &["[2001:db8:1:2::ffff]:443"],
                "2001:db8:1:2::/64",
            ),
            (
                "10.0.0.1",
                "10.0.0.1",
                &["::ffff:198.51.100.1"],
                "198.51.100.1",
            ),
        ] {
            assert_eq!(
                source(trusted, by, peer, hops),
                expected,
                "{trusted} {peer} {hops:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_where_it_is_the_chosen_header() {
        let by = ForwardedBy::Forwarded;
        for (hop, expected) in [
            ("for=198.51.100.1;proto=https", "198.51.100.1"),
            (" By=10.0.0.1 ; For=\"[2001:db8::1]:80\"", "2001:db8::/64"),
            ("proto=https", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("198.51.100.1", "10.0.0.1"),
        ] {
            assert_eq!(
                source("10.0.0.1", by, "10.0.0.1", &[hop]),
                expected,
                "{hop}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        let mut server = crate::config::Config::load(None, &[]).unwrap().server;
        server.trusted_proxies = "10.0.0.0/8, the proxy".into();
        assert!(Proxies::new(&server).err().unwrap().contains("the proxy"));
    }
}
