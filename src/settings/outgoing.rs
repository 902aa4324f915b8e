//! `[outgoing]`

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

/// `[outgoing]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    deny: Vec<Network>,
    allow: Vec<Network>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .map_err(|_| format!("{text:?} is neither a network, such as 10.0.0.0/8 or fd00::/8, nor an IP address"))
    }
}

impl Outgoing {
    /// Networks that nothing is sent to.
    pub fn deny(&self) -> impl Iterator<Item = IpNet> {
        self.deny.iter().map(|network| network.0)
    }

    /// When there are any, the only networks that anything is sent to.
    pub fn allow(&self) -> impl Iterator<Item = IpNet> {
        self.allow.iter().map(|network| network.0)
    }
}

#[cfg(test)]
mod tests;
