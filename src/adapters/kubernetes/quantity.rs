//! Kubernetes quantities (`250m`, `1.5Gi`, `12e3`, `37u`), read without loss.
//!
//! The result is what Go's `resource.Quantity.MilliValue` gives: thousandths, rounded up. The HPA computes in these, so
//! a decision here and there can be compared. A floating-point reading would be off by one where it matters: at the
//! edge of the tolerance.

use crate::domain::observation::MilliUnits;

/// Why a text is no usable amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QuantityError {
    /// It does not have the form of a quantity.
    #[error("not a quantity")]
    Malformed,
    /// Nothing can be used or requested in a negative amount.
    #[error("negative")]
    Negative,
    /// It is beyond everything that exists.
    #[error("out of range")]
    OutOfRange,
}

/// Reads a quantity that is zero or more.
pub(super) fn parse(text: &str) -> Result<MilliUnits, QuantityError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(QuantityError::Malformed);
    }
    let scale = Scale::of(suffix).ok_or(QuantityError::Malformed)?;

    let fraction = fraction.trim_end_matches('0');
    let mantissa = digits(whole.chars().chain(fraction.chars())).ok_or(QuantityError::OutOfRange)?;
    let decimals = i32::try_from(fraction.len()).map_err(|_| QuantityError::OutOfRange)?;
    let thousandths = scale.thousandths(mantissa, decimals).ok_or(QuantityError::OutOfRange)?;
    if negative && thousandths > 0 {
        return Err(QuantityError::Negative);
    }
    u64::try_from(thousandths).map(MilliUnits).map_err(|_| QuantityError::OutOfRange)
}

fn digits(mut text: impl Iterator<Item = char>) -> Option<u128> {
    text.try_fold(0_u128, |value, digit| value.checked_mul(10)?.checked_add(digit.to_digit(10)?.into()))
}

/// What a suffix multiplies by: a power of ten times a power of two.
struct Scale {
    ten: i32,
    two: u32,
}

impl Scale {
    fn of(suffix: &str) -> Option<Self> {
        let (ten, two) = match suffix {
            "n" => (-9, 0),
            "u" => (-6, 0),
            "m" => (-3, 0),
            "" => (0, 0),
            "k" => (3, 0),
            "M" => (6, 0),
            "G" => (9, 0),
            "T" => (12, 0),
            "P" => (15, 0),
            "E" => (18, 0),
            "Ki" => (0, 10),
            "Mi" => (0, 20),
            "Gi" => (0, 30),
            "Ti" => (0, 40),
            "Pi" => (0, 50),
            "Ei" => (0, 60),
            exponent => (exponent.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
        };
        Some(Self { ten, two })
    }

    /// `mantissa`, of whose digits the last `decimals` follow the point, in thousandths of the unit, rounded up.
    fn thousandths(&self, mantissa: u128, decimals: i32) -> Option<u128> {
        if mantissa == 0 {
            return Some(0);
        }
        let exponent = self.ten.saturating_add(3).saturating_sub(decimals);
        let power = 10_u128.checked_pow(exponent.unsigned_abs());
        let scaled = mantissa.checked_mul(1 << self.two)?;
        if exponent >= 0 {
            scaled.checked_mul(power?)
        } else {
            // A divisor beyond u128 leaves less than one thousandth, which still counts as one.
            Some(power.map_or(1, |divisor| scaled.div_ceil(divisor)))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("-0", 0)]
    #[case("1", 1_000)]
    #[case("+1", 1_000)]
    #[case("007", 7_000)]
    #[case("250m", 250)]
    #[case("0.5", 500)]
    #[case(".5", 500)]
    #[case("1.", 1_000)]
    #[case("1.G", 1_000_000_000_000)]
    #[case("1.5k", 1_500_000)]
    #[case("1k", 1_000_000)]
    #[case("2M", 2_000_000_000)]
    #[case("3T", 3_000_000_000_000_000)]
    #[case("1P", 1_000_000_000_000_000_000)]
    #[case("1Ki", 1_024_000)]
    #[case("64Mi", 67_108_864_000)]
    #[case("1.5Gi", 1_610_612_736_000)]
    #[case("2Ti", 2_199_023_255_552_000)]
    #[case("1Pi", 1_125_899_906_842_624_000)]
    #[case("12e3", 12_000_000)]
    #[case("12E3", 12_000_000)]
    #[case("12e+3", 12_000_000)]
    #[case("1500e-3", 1_500)]
    #[case("0e400", 0)]
    #[case("0.001Ei", 1_152_921_504_606_846_976)]
    #[case::thousandths_of_a_byte("134217728500m", 134_217_728_500)]
    #[case::more_decimals_than_matter("1.00000000000000000000000000000000000000000000", 1_000)]
    fn every_form_is_read(#[case] text: &str, #[case] thousandths: u64) {
        assert_eq!(parse(text), Ok(MilliUnits(thousandths)));
    }

    #[rstest]
    #[case("1n", 1)]
    #[case("999999n", 1)]
    #[case("1000000n", 1)]
    #[case("1000001n", 2)]
    #[case("37u", 1)]
    #[case("1001u", 2)]
    #[case("0.0001", 1)]
    #[case("0.1m", 1)]
    #[case("1e-400", 1)]
    #[case("0.1Ki", 102_400)]
    #[case("0.0001Ki", 103)]
    fn a_remainder_rounds_up(#[case] text: &str, #[case] thousandths: u64) {
        assert_eq!(parse(text), Ok(MilliUnits(thousandths)));
    }

    #[rstest]
    #[case("-1", QuantityError::Negative)]
    #[case("-1n", QuantityError::Negative)]
    #[case("-5Mi", QuantityError::Negative)]
    #[case("9223372036854775807", QuantityError::OutOfRange)]
    #[case("17Ei", QuantityError::OutOfRange)]
    #[case("1e400", QuantityError::OutOfRange)]
    #[case("99999999999999999999999999999999999999999999", QuantityError::OutOfRange)]
    fn an_impossible_amount_is_an_error(#[case] text: &str, #[case] error: QuantityError) {
        assert_eq!(parse(text), Err(error));
    }

    #[rstest]
    fn anything_else_is_malformed(
        #[values(
            "",
            "-",
            "+",
            ".",
            "m",
            "Ki",
            "1K",
            "1ki",
            "1mi",
            "1kk",
            "1e",
            "1e+",
            "1e1.5",
            "1.2.3",
            "--1",
            "+-1",
            "1 ",
            " 1",
            "1 m",
            "0x10",
            "1_000",
            "NaN",
            "inf",
            "1,5",
            "½",
            "1e99999999999",
            "1Ei3"
        )]
        text: &str,
    ) {
        assert_eq!(parse(text), Err(QuantityError::Malformed));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn whole_amounts_are_exact(amount in 0_u64..=1_000_000_000_000_000, suffix in prop::sample::select(vec![
            ("n", 1_u128, 1_000_000_u128), ("u", 1, 1_000), ("m", 1, 1), ("", 1_000, 1), ("k", 1_000_000, 1), ("Ki", 1_024_000, 1),
        ])) {
            let (suffix, times, over) = suffix;
            let expected = (u128::from(amount) * times).div_ceil(over);
            match u64::try_from(expected) {
                Ok(expected) => prop_assert_eq!(parse(&format!("{amount}{suffix}")), Ok(MilliUnits(expected))),
                Err(_) => prop_assert_eq!(parse(&format!("{amount}{suffix}")), Err(QuantityError::OutOfRange)),
            }
        }

        #[test]
        fn different_ways_to_write_an_amount_agree(whole in 0_u64..1_000_000, thousandths in 0_u64..1_000) {
            let plain = parse(&format!("{whole}.{thousandths:03}"));
            prop_assert_eq!(plain, Ok(MilliUnits(whole * 1_000 + thousandths)));
            prop_assert_eq!(parse(&format!("{}m", whole * 1_000 + thousandths)), plain);
            prop_assert_eq!(parse(&format!("{whole}{thousandths:03}e-3")), plain);
        }
    }
}
