use rstest::rstest;

use super::*;

fn networks(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const DENIED: [&str; 4] = ["169.254.0.0/16", "168.63.129.16/32", "0.0.0.0/8", "fe80::/10"];

#[rstest]
#[case::itself("169.254.169.254")]
#[case::one_address("168.63.129.16")]
#[case::unspecified("0.0.0.0")]
#[case::ipv6("fe80::a9fe:a9fe")]
#[case::mapped("::ffff:169.254.169.254")]
#[case::mapped_in_hexadecimal("::ffff:a9fe:a9fe")]
#[case::mapped_unspecified("::ffff:0.0.0.0")]
#[case::compatible("::169.254.169.254")]
#[case::translated("::ffff:0:169.254.169.254")]
#[case::nat64("64:ff9b::169.254.169.254")]
#[case::nat64_of_an_own_prefix_of_48_bits("64:ff9b:1:a9fe:a9:fe00::")]
#[case::nat64_of_an_own_prefix_of_56_bits("64:ff9b:1:12a9:fe:a9fe::")]
#[case::nat64_of_an_own_prefix_of_64_bits("64:ff9b:1:1234:a9:fea9:fe00:0")]
#[case::nat64_of_an_own_prefix_of_96_bits("64:ff9b:1::169.254.169.254")]
#[case::six_to_four("2002:a9fe:a9fe::1")]
fn nothing_goes_to_a_denied_network_in_any_of_its_forms(#[case] denied: &str) {
    let destinations = Destinations::new(networks(&DENIED), []);
    let refused = destinations.check(address(denied));
    assert!(matches!(refused, Err(Refused::Denied { address: at, .. }) if at == address(denied)), "{refused:?}");
}

#[rstest]
#[case::loopback("127.0.0.1")]
#[case::ipv6_loopback("::1")]
#[case::private("10.0.0.7")]
#[case::public("192.0.2.1")]
#[case::beside_the_network("169.253.255.255")]
#[case::beside_the_address("168.63.129.17")]
#[case::ipv6("2001:db8::1")]
#[case::unique_local("fd00::a9fe:a9fe")]
#[case::mapped("::ffff:10.0.0.7")]
#[case::nat64("64:ff9b::10.0.0.7")]
#[case::nat64_of_an_own_prefix("64:ff9b:1::10.0.0.7")]
#[case::six_to_four("2002:a00:7::1")]
fn what_is_not_denied_is_asked(#[case] permitted: &str) {
    assert_eq!(Destinations::new(networks(&DENIED), []).check(address(permitted)), Ok(()));
    assert_eq!(Destinations::everywhere().check(address(permitted)), Ok(()));
}

#[rstest]
#[case("10.1.2.3", true)]
#[case("::ffff:10.1.2.3", true)]
#[case("192.0.2.9", true)]
#[case("fd00:1::9", true)]
#[case("10.9.0.1", false)]
#[case("127.0.0.1", false)]
#[case("fd00:2::9", false)]
// A router in between is not what was allowed.
#[case("64:ff9b::10.1.2.3", false)]
fn with_an_allow_list_only_that_is_asked(#[case] text: &str, #[case] allowed: bool) {
    let allow = networks(&["10.1.0.0/16", "::ffff:192.0.2.0/120", "fd00:1::/32"]);
    let checked = Destinations::new([], allow).check(address(text));
    assert_eq!(checked, if allowed { Ok(()) } else { Err(Refused::NotAllowed(address(text))) });
}

#[test]
fn what_is_denied_is_denied_although_it_is_allowed() {
    let destinations = Destinations::new(networks(&["10.1.2.0/24"]), networks(&["10.0.0.0/8"]));
    assert!(destinations.check(address("10.1.1.1")).is_ok());
    assert!(destinations.check(address("10.1.2.1")).is_err());
}

#[test]
fn a_network_can_be_given_in_the_mapped_form() {
    let destinations = Destinations::new(networks(&["::ffff:10.1.0.0/112"]), []);
    assert!(destinations.check(address("10.1.255.255")).is_err());
    assert!(destinations.check(address("::ffff:10.1.0.1")).is_err());
    assert!(destinations.check(address("10.2.0.0")).is_ok());
    let ipv6 = Destinations::new(networks(&["::/0"]), []);
    assert!(ipv6.check(address("2001:db8::1")).is_err());
    assert!(ipv6.check(address("10.0.0.7")).is_ok(), "it says nothing of IPv4");
}

#[test]
fn of_a_names_addresses_those_count_that_are_permitted() {
    let destinations = Destinations::new(networks(&DENIED), []);
    let found = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
    let mixed = found(&["169.254.169.254:80", "10.0.0.7:80", "[fe80::1]:80", "10.0.0.8:80"]);
    assert_eq!(destinations.permitted(mixed), Ok(found(&["10.0.0.7:80", "10.0.0.8:80"])));
    let refused = destinations.permitted(found(&["169.254.169.254:80", "[fe80::1]:80"])).unwrap_err();
    assert_eq!(refused, destinations.check(address("169.254.169.254")).unwrap_err());
    assert_eq!(destinations.permitted([]), Ok(Vec::new()));
}

#[test]
fn a_refusal_says_which_setting_to_change() {
    let destinations = Destinations::new(networks(&["169.254.7.7/16"]), networks(&["10.0.0.0/8"]));
    assert_eq!(
        destinations.check(address("::ffff:169.254.169.254")).unwrap_err().to_string(),
        "nothing is sent to ::ffff:169.254.169.254, because outgoing.deny has 169.254.0.0/16; if it is really there, take \
         that network out of the setting"
    );
    assert_eq!(
        destinations.check(address("192.0.2.1")).unwrap_err().to_string(),
        "nothing is sent to 192.0.2.1, because it is in no network of outgoing.allow; add its network to the setting"
    );
}
