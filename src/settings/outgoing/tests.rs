use std::collections::HashMap;

use rstest::rstest;

use super::super::{Flags, Settings, SettingsError};
use super::*;
use crate::adapters::destinations::Destinations;

fn load(variables: &[(&str, &str)]) -> Result<Outgoing, SettingsError> {
    let variables: HashMap<_, _> = variables.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Settings::load_with(&Flags::default(), variables).map(|settings| settings.outgoing)
}

fn may_go(outgoing: &Outgoing, address: &str) -> bool {
    Destinations::new(outgoing.deny(), outgoing.allow()).check(address.parse().unwrap()).is_ok()
}

#[rstest]
#[case::of_most_clouds("169.254.169.254")]
#[case::of_containers("169.254.170.2")]
#[case::mapped("::ffff:169.254.169.254")]
#[case::nat64("64:ff9b::a9fe:a9fe")]
#[case::link_local("fe80::1")]
#[case::amazon("fd00:ec2::254")]
#[case::amazons_pods("fd00:ec2::23")]
#[case::google("fd20:ce::254")]
#[case::alibaba("100.100.100.200")]
#[case::oracle("192.0.0.192")]
#[case::azure("168.63.129.16")]
#[case::unspecified("0.0.0.0")]
#[case::unspecified_ipv6("::")]
#[case::multicast("224.0.0.1")]
#[case::multicast_ipv6("ff02::1")]
#[case::broadcast("255.255.255.255")]
fn by_default_nothing_is_sent_to(#[case] address: &str) {
    assert!(!may_go(&load(&[]).unwrap(), address));
}

#[rstest]
fn by_default_is_sent_to(
    #[values("127.0.0.1", "::1", "10.0.0.7", "172.16.0.1", "192.168.0.1", "100.64.0.1", "192.0.2.1", "fd00::1")]
    address: &str,
) {
    assert!(may_go(&load(&[]).unwrap(), address));
}

#[test]
fn the_environment_gives_lists() {
    let given = load(&[
        ("ORCHESTRATOR__OUTGOING__ALLOW", "10.0.0.0/8, fd00:1::/32,192.0.2.1"),
        ("ORCHESTRATOR__OUTGOING__DENY", "10.1.0.0/16"),
    ])
    .unwrap();
    for (address, expected) in [
        ("10.0.0.1", true),
        ("fd00:1::1", true),
        ("192.0.2.1", true),
        ("192.0.2.2", false),
        ("10.1.0.1", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(may_go(&given, address), expected, "{address}");
    }
    let nothing_denied = load(&[("ORCHESTRATOR__OUTGOING__DENY", "")]).unwrap();
    assert!(may_go(&nothing_denied, "169.254.169.254"));
}

#[rstest]
fn what_is_no_network_is_refused_and_named(
    #[values("10.0.0.0/33", "example.com", "10.0.0", "fe80::/10%eth0")] text: &str,
    #[values("allow", "deny")] list: &str,
) {
    let key = format!("ORCHESTRATOR__OUTGOING__{}", list.to_uppercase());
    let refused = load(&[(&key, text)]).unwrap_err();
    let refused = format!("{:#}", anyhow::Error::from(refused));
    assert!(refused.contains(&format!("{text:?} is neither a network")), "{refused}");
    assert!(refused.contains(&format!("outgoing.{list}")), "{refused}");
}
