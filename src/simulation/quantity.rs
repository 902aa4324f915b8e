//! CPU and memory amounts in Kubernetes' notation (`500m`, `1.5`, `512Mi`).

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A text that is no amount of CPU or memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no quantity; write for example 500m or 2 for CPU, 512Mi or 2Gi for memory")]
pub struct InvalidQuantity(String);

/// An amount of CPU in thousandths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Cpu {
    /// Thousandths of a core.
    pub millis: u64,
}

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Memory {
    /// Bytes.
    pub bytes: u64,
}

impl Cpu {
    /// An amount in thousandths of a core.
    pub const fn millis(millis: u64) -> Self {
        Self { millis }
    }
}

impl Memory {
    /// An amount in mebibytes.
    pub const fn mebibytes(mebibytes: u64) -> Self {
        Self { bytes: mebibytes << 20 }
    }
}

impl FromStr for Cpu {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { millis: whole(parse(text)? * 1000.0) })
    }
}

impl FromStr for Memory {
    type Err = InvalidQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { bytes: whole(parse(text)?) })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis.is_multiple_of(1000) {
            write!(f, "{}", self.millis / 1000)
        } else {
            write!(f, "{}m", self.millis)
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
        match units.into_iter().find(|(size, _)| self.bytes >= *size && self.bytes.is_multiple_of(*size)) {
            Some((size, unit)) => write!(f, "{}{unit}", self.bytes / size),
            None => write!(f, "{}", self.bytes),
        }
    }
}

/// A quantity as a settings file may hold it: `"500m"`, `2` or `1.5`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Fraction(f64),
    Text(String),
}

impl Written {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

impl TryFrom<Written> for Cpu {
    type Error = InvalidQuantity;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        written.text().parse()
    }
}

impl TryFrom<Written> for Memory {
    type Error = InvalidQuantity;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        written.text().parse()
    }
}

const SUFFIXES: [(&str, f64); 13] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("", 1.0),
];

fn parse(text: &str) -> Result<f64, InvalidQuantity> {
    let invalid = || InvalidQuantity(text.to_owned());
    let (number, factor) = SUFFIXES
        .into_iter()
        .find_map(|(suffix, factor)| text.strip_suffix(suffix).map(|number| (number, factor)))
        .ok_or_else(invalid)?;
    // `f64::from_str` also takes "inf", "NaN" and exponents, none of which belongs here.
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(invalid());
    }
    Ok(number.parse::<f64>().map_err(|_| invalid())? * factor)
}

/// Rounds up, as Kubernetes does, but not for what floating point adds to an exact number.
fn whole(amount: f64) -> u64 {
    let nearest = amount.round();
    let rounded = if (amount - nearest).abs() < 1e-6 { nearest } else { amount.ceil() };
    rounded as u64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500m", 500, "500m")]
    #[case("2", 2000, "2")]
    #[case("1.5", 1500, "1500m")]
    #[case("0.1", 100, "100m")]
    #[case("123456789n", 124, "124m")]
    fn cpu_is_read_and_written(#[case] text: &str, #[case] millis: u64, #[case] written: &str) {
        let cpu: Cpu = text.parse().unwrap();
        assert_eq!(cpu, Cpu::millis(millis));
        assert_eq!(cpu.to_string(), written);
    }

    #[rstest]
    #[case("512Mi", 512 << 20, "512Mi")]
    #[case("2Gi", 2 << 30, "2Gi")]
    #[case("1500", 1500, "1500")]
    #[case("1M", 1_000_000, "1000000")]
    #[case("0", 0, "0")]
    fn memory_is_read_and_written(#[case] text: &str, #[case] bytes: u64, #[case] written: &str) {
        let memory: Memory = text.parse().unwrap();
        assert_eq!(memory.bytes, bytes);
        assert_eq!(memory.to_string(), written);
    }

    #[rstest]
    #[case("")]
    #[case("m")]
    #[case("-1")]
    #[case("NaN")]
    #[case("1.2.3")]
    #[case("5 Gi")]
    #[case("10e3")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Cpu>(), Err(InvalidQuantity(text.to_owned())));
        assert_eq!(text.parse::<Memory>(), Err(InvalidQuantity(text.to_owned())));
    }
}
