//! Where requests may go, by the address that is connected to: who controls a name, or an exporter's pod, must not make
//! the service ask what only its own machine can reach, such as a cloud's credentials.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

/// The networks that requests may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    deny: Vec<IpNet>,
    allow: Vec<IpNet>,
}

/// Why nothing is sent to an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is in a network that nothing is sent to.
    #[error(
        "nothing is sent to {address}, because outgoing.deny has {network}; if it is really there, take that network out \
         of the setting"
    )]
    Denied {
        /// The address.
        address: IpAddr,
        /// The network.
        network: IpNet,
    },
    /// It is in none of the networks that alone are sent to.
    #[error("nothing is sent to {0}, because it is in no network of outgoing.allow; add its network to the setting")]
    NotAllowed(IpAddr),
}

impl Destinations {
    /// Nothing goes to the networks in `deny`; when `allow` is not empty, only what is in one of its networks is sent to.
    /// A denied IPv4 network is also denied in the IPv6 addresses that stand for it.
    pub fn new(deny: impl IntoIterator<Item = IpNet>, allow: impl IntoIterator<Item = IpNet>) -> Self {
        Self { deny: deny.into_iter().map(canonical).collect(), allow: allow.into_iter().map(canonical).collect() }
    }

    /// Everywhere: for somebody who asks for himself.
    pub fn everywhere() -> Self {
        Self::default()
    }

    /// Whether requests may go to `address`.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let canonical = address.to_canonical();
        let is_meant = |network: &&IpNet| {
            network.contains(&canonical) || carried(canonical).any(|carried| network.contains(&IpAddr::V4(carried)))
        };
        if let Some(network) = self.deny.iter().find(is_meant) {
            return Err(Refused::Denied { address, network: *network });
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|network| network.contains(&canonical)) {
            return Err(Refused::NotAllowed(address));
        }
        Ok(())
    }

    /// Those of a name's addresses that requests may go to; when there is none, why the first is refused.
    pub fn permitted(&self, found: impl IntoIterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let (mut permitted, mut refused) = (Vec::new(), None);
        for address in found {
            match self.check(address.ip()) {
                Ok(()) => permitted.push(address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(why) if permitted.is_empty() => Err(why),
            _ => Ok(permitted),
        }
    }
}

/// The network in the form in which its addresses are compared: IPv4-mapped ones are IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(network) if network.prefix_len() >= 96 => network.addr().to_ipv4_mapped().zip(Some(network)),
        _ => None,
    };
    let mapped = mapped.and_then(|(address, network)| Ipv4Net::new(address, network.prefix_len() - 96).ok());
    mapped.map_or(network, IpNet::V4).trunc()
}

/// The IPv4 addresses that a router may take an IPv6 address for: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056),
/// IPv4-translated (RFC 2765) and IPv4-compatible (RFC 4291).
fn carried(address: IpAddr) -> impl Iterator<Item = Ipv4Addr> {
    // The places of the four bytes.
    const LAST: [usize; 4] = [12, 13, 14, 15];
    const SIX_TO_FOUR: [usize; 4] = [2, 3, 4, 5];
    // Of NAT64 for own use, whose prefix can have 48, 56, 64 or 96 bits; byte 8 is never a part.
    const OWN: [[usize; 4]; 4] = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LAST];

    let places: &[[usize; 4]] = match address {
        IpAddr::V4(_) => &[],
        IpAddr::V6(address) => match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0, 0, 0, 0, 0, 0, ..] => &[LAST],
            [0x64, 0xff9b, 1, ..] => &OWN,
            [0x2002, ..] => &[SIX_TO_FOUR],
            _ => &[],
        },
    };
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .octets();
    // Nothing is at 0.0.0.0/8; the zeros are those of a longer prefix, or of ::1.
    places.iter().map(move |places| Ipv4Addr::from(places.map(|at| bytes[at]))).filter(|found| found.octets()[0] != 0)
}

#[cfg(test)]
mod tests;
