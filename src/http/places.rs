//! How many connections one address can have, so that one cannot take all places.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who limits are for, where it is not known who somebody is: an IPv4 address, or a network of IPv6, because whoever has
/// one address of such a network has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerNetwork(IpAddr);

/// The bits of an IPv6 address that its owner chooses.
const OWN_BITS: u32 = 64;

impl From<IpAddr> for PeerNetwork {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> OWN_BITS << OWN_BITS).into(),
            address => address,
        })
    }
}

/// The places for connections.
#[derive(Debug)]
pub struct Places {
    /// For one network; 0 is as many as there can be.
    most: usize,
    taken: Mutex<HashMap<PeerNetwork, Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    places: usize,
    /// Whether it was said that more are refused.
    is_said: bool,
}

impl Places {
    /// `most` for one network; 0 is as many as there can be.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for a connection from `address`, until it is dropped; `None` when as many as can be are taken.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let network = PeerNetwork::from(address);
        let mut all = self.taken();
        let taken = all.entry(network).or_default();
        if self.most > 0 && taken.places >= self.most {
            if !taken.is_said {
                taken.is_said = true;
                log::warn!(
                    "{address} has {} connections, and more are refused; http.max_connections_per_address sets how many \
                     there can be, which is for all clients together behind a proxy",
                    taken.places
                );
            }
            return None;
        }
        taken.places += 1;
        Some(Place { places: self.clone(), network })
    }

    fn give_back(&self, network: PeerNetwork) {
        let mut all = self.taken();
        if let Some(taken) = all.get_mut(&network) {
            taken.places -= 1;
            taken.is_said &= taken.places > self.most / 2;
            if taken.places == 0 {
                all.remove(&network);
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<PeerNetwork, Taken>> {
        // What is kept here is whole between any two statements.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    network: PeerNetwork,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.give_back(self.network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let places = Places::new(2);
        let (first, _second) = (places.take(address("10.0.0.1")).unwrap(), places.take(address("10.0.0.1")).unwrap());
        assert!(places.take(address("10.0.0.1")).is_none());
        assert!(places.take(address("10.0.0.2")).is_some());
        drop(first);
        assert!(places.take(address("10.0.0.1")).is_some());
    }

    #[test]
    fn nothing_is_kept_of_an_address_without_a_connection() {
        let places = Places::new(2);
        drop(places.take(address("10.0.0.1")));
        assert!(places.taken().is_empty());
    }

    #[test]
    fn an_address_counts_with_its_network_in_ipv6_and_in_whatever_form_it_is_written() {
        let same = |one: &str, other: &str| PeerNetwork::from(address(one)) == PeerNetwork::from(address(other));
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("10.0.0.1", "::ffff:10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
