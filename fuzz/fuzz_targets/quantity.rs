//! Kubernetes quantities: each is what exact arithmetic makes of it.
#![no_main]

use ai_storage_orchestrator::domain::quantity::Amount;
use libfuzzer_sys::fuzz_target;
use num_bigint::BigUint;

/// Beyond this, a power of ten is beyond everything that exists, or less than a thousandth of anything.
const FAR: i64 = 4_000;

/// The thousandths of what `text` says, rounded up; `None` when it says nothing. Negative amounts are `Some(None)`.
fn exact(text: &str) -> Option<Option<BigUint>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].iter().position(|known| *known == suffix);
    let binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|known| *known == suffix);
    let (ten, two) = match (decimal, binary) {
        (Some(place), _) => (3 * (place as i64 - 3), 0),
        (None, Some(place)) => (0, 10 * place),
        (None, None) => (i64::from(suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?), 0),
    };
    if digits.is_empty() || fraction.contains('.') {
        return None;
    }
    let mantissa: BigUint = digits.parse().ok()?;
    let is_zero = mantissa == BigUint::ZERO;
    if text.starts_with('-') && !is_zero {
        return Some(None);
    }
    let scale = (ten + 3 - fraction.len() as i64).clamp(-FAR, FAR);
    let power = BigUint::from(10_u8).pow(scale.unsigned_abs() as u32);
    let scaled = mantissa << two;
    Some(Some(if scale >= 0 { scaled * power } else { (scaled + &power - 1_u8) / power }))
}

fuzz_target!(|text: &str| {
    // Longer ones are only slower.
    if text.len() > 2_000 {
        let _ = text.parse::<Amount>();
        return;
    }
    let read = text.parse::<Amount>().ok();
    let Some(expected) = exact(text) else { return assert_eq!(read, None, "{text}") };
    let read = read.unwrap_or_else(|| panic!("{text} is a quantity"));
    let possible = expected.and_then(|exact| u64::try_from(exact).ok()).filter(|exact| *exact <= i64::MAX as u64);
    assert_eq!(read.thousandths(), possible, "{text}");
    if let Some(thousandths) = possible {
        assert_eq!(read, Amount::from_thousandths(thousandths));
        assert_eq!(format!("{thousandths}m").parse(), Ok(read));
    }
    let twice = read.plus(read).thousandths();
    assert_eq!(twice, possible.and_then(|half| half.checked_mul(2)).filter(|sum| *sum <= i64::MAX as u64));
});
