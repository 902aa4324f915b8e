//! MIG profiles: the sizes of the instances that a GPU can be cut into (NVIDIA Multi-Instance GPU).

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A text that names no MIG profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no MIG profile; write for example 1g.10gb")]
pub struct InvalidMigProfile(String);

/// The size of a MIG instance: some of a GPU's seven slices, and some of its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MigProfile {
    slices: u32,
    gigabytes: u32,
}

/// How many slices a GPU has.
const SLICES: u32 = 7;

impl MigProfile {
    /// An instance's memory in bytes.
    pub(super) fn memory(self) -> u64 {
        u64::from(self.gigabytes) << 30
    }

    /// The number of a GPU's first instance. As NVIDIA numbers them, smaller instances have greater numbers.
    pub(super) fn first_instance(self) -> u32 {
        SLICES / self.slices
    }
}

/// The resource by which pods request devices: whole GPUs, or MIG instances of a profile.
pub(in crate::simulation) fn resource(profile: Option<MigProfile>) -> String {
    profile.map_or_else(|| "nvidia.com/gpu".to_owned(), |profile| format!("nvidia.com/mig-{profile}"))
}

impl fmt::Display for MigProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}g.{}gb", self.slices, self.gigabytes)
    }
}

impl FromStr for MigProfile {
    type Err = InvalidMigProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_suffix("gb").and_then(|text| text.split_once("g."));
        let profile =
            parts.and_then(|(slices, gigabytes)| Some(Self { slices: number(slices)?, gigabytes: number(gigabytes)? }));
        profile.filter(|profile| profile.slices <= SLICES).ok_or_else(|| InvalidMigProfile(text.to_owned()))
    }
}

impl TryFrom<String> for MigProfile {
    type Error = InvalidMigProfile;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A number from 1 up, as it is written in a profile: without a sign and without leading zeros.
fn number(text: &str) -> Option<u32> {
    if text.starts_with(|first: char| ('1'..='9').contains(&first)) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1g.10gb", 10, 7)]
    #[case("2g.20gb", 20, 3)]
    #[case("7g.80gb", 80, 1)]
    fn a_profile_is_read_and_written(#[case] text: &str, #[case] gigabytes: u64, #[case] first: u32) {
        let profile: MigProfile = text.parse().unwrap();
        assert_eq!((profile.memory(), profile.first_instance()), (gigabytes << 30, first));
        assert_eq!(resource(Some(profile)), format!("nvidia.com/mig-{text}"));
    }

    #[rstest]
    #[case("")]
    #[case("1g")]
    #[case("0g.10gb")]
    #[case("8g.80gb")]
    #[case("+1g.10gb")]
    #[case("1g.010gb")]
    #[case("1g.10gb+me")]
    #[case("1g.99999999999gb")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<MigProfile>(), Err(InvalidMigProfile(text.to_owned())));
    }
}
