//! Amounts of CPU and memory, as Kubernetes writes them (`250m`, `1.5Gi`, `12e3`, `37u`), read without loss.
//!
//! The HPA computes in thousandths, rounded up (Go's `resource.Quantity.MilliValue`), so a decision here and there can
//! be compared. A floating-point reading would be off by one where it matters: at the edge of the tolerance.

use std::str::FromStr;

/// An amount in thousandths of its unit: millicores, or thousandths of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    thousandths: i64,
    is_possible: bool,
}

impl Amount {
    /// So many thousandths of the unit; more than an `i64` holds is not possible.
    pub const fn from_thousandths(thousandths: u64) -> Self {
        Self { thousandths: thousandths as i64, is_possible: thousandths <= i64::MAX as u64 }
    }

    /// The thousandths; `None` when nothing can be used or requested in such an amount: a negative one, or one beyond
    /// everything that exists.
    pub fn thousandths(self) -> Option<u64> {
        u64::try_from(self.thousandths).ok().filter(|_| self.is_possible)
    }

    /// Both together. With an impossible amount the sum is impossible.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let (thousandths, overflows) = self.thousandths.overflowing_add(other.thousandths);
        Self { thousandths, is_possible: self.is_possible && other.is_possible && !overflows }
    }

    /// The thousandths as Go has them: negative amounts stay, and what does not fit an int64 is what its overflow makes
    /// of it.
    pub fn as_in_go(self) -> i64 {
        self.thousandths
    }
}

/// A text that does not have the form of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a quantity: write it as in Kubernetes, for instance 250m, 0.5 or 1.5Gi")]
pub struct MalformedQuantity;

impl FromStr for Amount {
    type Err = MalformedQuantity;

    fn from_str(text: &str) -> Result<Self, MalformedQuantity> {
        let (is_negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let number_end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(MalformedQuantity);
        }
        let suffix = Suffix::of(suffix).ok_or(MalformedQuantity)?;
        let number = Number { whole: whole.trim_start_matches('0'), fraction, suffix };
        let exact = number.thousandths();
        let (thousandths, is_possible) = match exact.and_then(|exact| i64::try_from(exact).ok()) {
            Some(thousandths) => (thousandths, thousandths == 0 || !is_negative),
            None => (number.overflowed(exact), false),
        };
        Ok(Self { thousandths: if is_negative { thousandths.wrapping_neg() } else { thousandths }, is_possible })
    }
}

/// What a suffix multiplies by: a power of ten times a power of two.
#[derive(Clone, Copy)]
struct Suffix {
    ten: i32,
    two: u32,
}

impl Suffix {
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
}

/// A quantity without its sign, in its parts.
struct Number<'a> {
    /// Without leading zeros.
    whole: &'a str,
    fraction: &'a str,
    suffix: Suffix,
}

impl Number<'_> {
    /// In thousandths of the unit, rounded up; `None` when that is beyond everything.
    fn thousandths(&self) -> Option<u128> {
        let fraction = self.fraction.trim_end_matches('0');
        let Some(mantissa) = digits(self.whole.chars().chain(fraction.chars())) else {
            return self.long_thousandths(fraction);
        };
        if mantissa == 0 {
            return Some(0);
        }
        let decimals = i32::try_from(fraction.len()).ok()?;
        let exponent = self.suffix.ten.saturating_add(3).saturating_sub(decimals);
        let power = 10_u128.checked_pow(exponent.unsigned_abs());
        let Some(scaled) = mantissa.checked_mul(1 << self.suffix.two) else {
            return self.long_thousandths(fraction);
        };
        if exponent >= 0 {
            scaled.checked_mul(power?)
        } else {
            // A divisor beyond u128 leaves less than one thousandth, which still counts as one.
            Some(power.map_or(1, |divisor| scaled.div_ceil(divisor)))
        }
    }

    /// The same of more digits than fit a u128, most of which may be after the point.
    fn long_thousandths(&self, fraction: &str) -> Option<u128> {
        /// A multiple of a power of two that is not a whole number has no more decimals than the power's exponent, so
        /// later ones only say that there is something left.
        const EXACT: usize = 60;
        let all = || self.whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0');
        // So many digits are before the point when the unit is a thousandth.
        let point = i64::try_from(self.whole.len()).ok()? + i64::from(self.suffix.ten) + 3;
        let before = usize::try_from(point).unwrap_or(0);
        let zeros_after = usize::try_from(point.min(0).unsigned_abs()).ok()?;
        let mut thousandths = 0_u128;
        for digit in all().chain(std::iter::repeat(0)).take(before) {
            thousandths = thousandths.checked_mul(10)?.checked_add(digit.into())?;
        }
        thousandths = thousandths.checked_mul(1 << self.suffix.two)?;
        let mut after = std::iter::repeat_n(0, zeros_after.min(EXACT)).chain(all().skip(before));
        let mut exact: Vec<u8> = after.by_ref().take(EXACT).collect();
        let mut left = after.any(|digit| digit != 0);
        let mut carried = 0_u128;
        for _ in 0..self.suffix.two {
            let carry = exact.iter_mut().rev().fold(0, |carry, digit| {
                let double = *digit * 2 + carry;
                *digit = double % 10;
                double / 10
            });
            carried = carried * 2 + u128::from(carry);
        }
        left |= exact.iter().any(|digit| *digit != 0);
        thousandths.checked_add(carried)?.checked_add(left.into())
    }

    /// What Go's `MilliValue` gives for more thousandths than an int64 holds.
    fn overflowed(&self, exact: Option<u128>) -> i64 {
        if self.suffix.two > 0 {
            // Capped at the greatest int64 before it is multiplied.
            let most = i64::MAX.unsigned_abs().into();
            return exact.filter(|exact| exact / 1000 <= most).unwrap_or(most.wrapping_mul(1000)) as i64;
        }
        let places = self.whole.len().max(1) + self.fraction.len();
        if places > 18 {
            return exact.unwrap_or(0) as i64;
        }
        let decimals = i32::try_from(self.fraction.len()).unwrap_or(0);
        let Some(mantissa) = digits(self.whole.chars().chain(self.fraction.chars())) else { return 0 };
        match self.suffix.ten.saturating_sub(decimals).saturating_add(3) {
            // Where it multiplies once, the product wraps; where it multiplies step by step, it gives up.
            scale @ (1..=3 | 6 | 9) => (mantissa as i64).wrapping_mul(10_i64.pow(scale.unsigned_abs())),
            _ => 0,
        }
    }
}

fn digits(mut text: impl Iterator<Item = char>) -> Option<u128> {
    text.try_fold(0_u128, |value, digit| value.checked_mul(10)?.checked_add(digit.to_digit(10)?.into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The thousandths of a possible amount.
    fn parse(text: &str) -> Option<u64> {
        text.parse::<Amount>().unwrap().thousandths()
    }

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
        assert_eq!(parse(text), Some(thousandths));
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
    #[case("1.000000000555555555575505000000000000000000Pi", 1_125_899_907_468_123_949)]
    // More digits than any integer type holds. Found by fuzzing: they were taken for an impossible amount.
    #[case(".500000000000000999999999999999999999999999999999900000999990000000999999999999999999999", 501)]
    #[case("0.4999999999999999999999999999999999999999999999999999999999999999999999999999999999999999", 500)]
    #[case("0.0009765624999999999999999999999999999999999999999999999999999999999999999999999999999Ki", 1_000)]
    #[case("0.0009765625000000000000000000000000000000000000000000000000000000000000000000000000001Ki", 1_001)]
    #[case("1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000e-87", 1_000)]
    #[case("1000000000000000000000000000000000000000000000000000000000000000000000000000000000000001e-87", 1_001)]
    #[case("0.00000000000000000000000000000000000000000012345678901234567890123456789012345678901e45", 123_457)]
    fn a_remainder_rounds_up(#[case] text: &str, #[case] thousandths: u64) {
        assert_eq!(parse(text), Some(thousandths));
    }

    #[rstest]
    #[case::negative("-1", -1_000)]
    #[case::negative_and_small("-1n", -1)]
    #[case::negative_and_binary("-5Mi", -5_242_880_000)]
    #[case::wraps("9223372036854775807", -1_000)]
    #[case::gives_up("9E", 0)]
    #[case::gives_up_with_an_exponent("1e400", 0)]
    #[case::multiplied_by_a_thousand("12345678901234567", -6_101_065_172_474_984_616)]
    #[case::capped("17Ei", -1_000)]
    #[case::binary_and_wrapped("1Ei", i64::MIN)]
    #[case::of_eighteen_places("123456789012345678", -5_670_419_503_621_183_312)]
    #[case::of_nineteen_places("1234567890123456789", -1_363_962_815_083_169_272)]
    #[case::of_nineteen_places_with_a_fraction("123456789012345678.5", -5_670_419_503_621_182_812)]
    #[case::of_eighteen_places_with_a_fraction("12345678901234567.5", -6_101_065_172_474_984_116)]
    #[case::of_nineteen_places_with_hundredths("12345678901234567.25", -6_101_065_172_474_984_366)]
    #[case::multiplied_by_a_million("12345678901234567k", 4_807_115_922_876_968_896)]
    #[case::gives_up_with_hundredths("922337203685477580.8", 0)]
    #[case::gives_up_after_a_fraction("12345.6789012345678E", 0)]
    #[case::with_a_zero_as_fraction("100000000000000000.0", 7_766_279_631_452_241_920)]
    #[case::with_zeros_as_fraction("10000000000000000.00", -8_446_744_073_709_551_616)]
    #[case::beyond_everything("99999999999999999999999999999999999999999999", 0)]
    fn an_impossible_amount_is_none_but_in_go(#[case] text: &str, #[case] in_go: i64) {
        let amount: Amount = text.parse().unwrap();
        assert_eq!((amount.thousandths(), amount.as_in_go()), (None, in_go));
    }

    #[rstest]
    #[case("1", "250m", Some(1_250), 1_250)]
    #[case::with_an_impossible_one("1", "-250m", None, 750)]
    #[case::with_too_much("9223372036854775", "1", None, -9_223_372_036_854_775_616)]
    fn amounts_are_added(#[case] one: &str, #[case] other: &str, #[case] thousandths: Option<u64>, #[case] in_go: i64) {
        let [one, other] = [one, other].map(|text| text.parse::<Amount>().unwrap());
        for sum in [one.plus(other), other.plus(one)] {
            assert_eq!((sum.thousandths(), sum.as_in_go()), (thousandths, in_go));
        }
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
        assert_eq!(text.parse::<Amount>(), Err(MalformedQuantity));
    }

    #[test]
    fn what_is_long_is_read_to_the_last_digit() {
        let digits = "9".repeat(1 << 20);
        assert_eq!(digits.parse::<Amount>().unwrap().thousandths(), None);
        assert_eq!(parse(&format!("0.{digits}")), Some(1_000));
        assert_eq!(parse(&format!("1{}e-{}", "0".repeat(1 << 20), 1 << 20)), Some(1_000));
        assert_eq!(parse(&format!("{}1Ki", "0".repeat(1 << 20))), Some(1_024_000));
        assert_eq!(parse(&format!("1e-{}", i32::MAX)), Some(1));
        assert_eq!(format!("1e{}", i32::MAX).parse::<Amount>().unwrap().thousandths(), None);
        assert_eq!(format!("{digits}e-{digits}").parse::<Amount>(), Err(MalformedQuantity));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = text.parse::<Amount>();
        }

        #[test]
        fn whole_amounts_are_exact(amount in 0_u64..=1_000_000_000_000_000, suffix in prop::sample::select(vec![
            ("n", 1_u128, 1_000_000_u128), ("u", 1, 1_000), ("m", 1, 1), ("", 1_000, 1), ("k", 1_000_000, 1), ("Ki", 1_024_000, 1),
        ])) {
            let (suffix, times, over) = suffix;
            let expected = (u128::from(amount) * times).div_ceil(over);
            let possible = i64::try_from(expected).ok().map(i64::unsigned_abs);
            prop_assert_eq!(parse(&format!("{amount}{suffix}")), possible);
        }

        #[test]
        fn different_ways_to_write_an_amount_agree(whole in 0_u64..1_000_000, thousandths in 0_u64..1_000) {
            let plain = parse(&format!("{whole}.{thousandths:03}"));
            prop_assert_eq!(plain, Some(whole * 1_000 + thousandths));
            prop_assert_eq!(parse(&format!("{}m", whole * 1_000 + thousandths)), plain);
            prop_assert_eq!(parse(&format!("{whole}{thousandths:03}e-3")), plain);
        }
    }
}
