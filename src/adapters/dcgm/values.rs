//! Which metric means what, and which values cannot be.
//!
//! A metric is known by its name alone. Its help text is of no use: older exporters call a ratio from 0 to 1 a
//! percentage. Nor is its magnitude: 0.9 may be 90 % or 0.9 %.

use std::ops::RangeInclusive;

use super::exposition::Sample;

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Utilisation in percent.
    GpuUtil,
    /// Utilisation as a ratio.
    GrEngineActive,
    /// Used memory in MiB.
    MemoryUsed,
    /// Free memory in MiB.
    MemoryFree,
    /// All memory in MiB, the driver's part included.
    MemoryTotal,
    /// The driver's part of the memory in MiB.
    MemoryReserved,
}

/// The names of the metrics that are wanted. The lower-case ones are those of exporters before version 2, whose newer
/// metrics have the new names in lower case.
const NAMES: [(&str, Meaning); 12] = [
    ("DCGM_FI_DEV_GPU_UTIL", Meaning::GpuUtil),
    ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", Meaning::GrEngineActive),
    ("DCGM_FI_DEV_FB_USED", Meaning::MemoryUsed),
    ("DCGM_FI_DEV_FB_FREE", Meaning::MemoryFree),
    ("DCGM_FI_DEV_FB_TOTAL", Meaning::MemoryTotal),
    ("DCGM_FI_DEV_FB_RESERVED", Meaning::MemoryReserved),
    ("dcgm_gpu_utilization", Meaning::GpuUtil),
    ("dcgm_gr_engine_active", Meaning::GrEngineActive),
    ("dcgm_fb_used", Meaning::MemoryUsed),
    ("dcgm_fb_free", Meaning::MemoryFree),
    ("dcgm_fb_total", Meaning::MemoryTotal),
    ("dcgm_fb_reserved", Meaning::MemoryReserved),
];

impl Meaning {
    /// What the metric of this name measures, in any case; `None` when it is not wanted.
    pub fn of(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, meaning)| *meaning)
    }

    /// The largest value that can be.
    fn limit(self) -> f64 {
        match self {
            Self::GpuUtil => 100.0,
            Self::GrEngineActive => 1.0,
            Self::MemoryUsed | Self::MemoryFree | Self::MemoryTotal | Self::MemoryReserved => f64::MAX,
        }
    }
}

/// Whether the metric of this name is one of DCGM's.
pub(super) fn is_of_dcgm(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("dcgm_"))
}

/// Whether DCGM means "no value" by this number. Each of its types has four such: blank, not found, not supported, not
/// permitted. Those of 64-bit integers are one number as floats.
fn is_blank(number: f64) -> bool {
    const INT32: RangeInclusive<f64> = 2_147_483_632.0..=2_147_483_635.0;
    const INT64: f64 = 9_223_372_036_854_775_792.0;
    const FP64: RangeInclusive<f64> = 140_737_488_355_328.0..=140_737_488_355_331.0;
    INT32.contains(&number) || FP64.contains(&number) || number == INT64
}

/// A value that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Impossible;

/// The number of a sample with this meaning, if it can be.
pub(super) fn possible(meaning: Meaning, sample: &Sample<'_>) -> Result<f64, Impossible> {
    let is_possible = (0.0..=meaning.limit()).contains(&sample.number) && !is_blank(sample.number);
    is_possible.then_some(sample.number).ok_or(Impossible)
}

/// Why the value of a sample with this meaning cannot be, in words that name the metric and the value.
pub(super) fn complaint(meaning: Meaning, sample: &Sample<'_>) -> String {
    /// No number needs more characters, but somebody may write zeros without end.
    const MOST: usize = 40;
    let Sample { name, text, number, .. } = sample;
    let text = text.get(..MOST).unwrap_or(text);
    if is_blank(*number) {
        return format!("{name} is blank ({text})");
    }
    format!("{name} is {text}, which is not within 0 to {}", meaning.limit())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("DCGM_FI_DEV_GPU_UTIL", Meaning::GpuUtil)]
    #[case("dcgm_gpu_utilization", Meaning::GpuUtil)]
    #[case("DCGM_FI_PROF_GR_ENGINE_ACTIVE", Meaning::GrEngineActive)]
    #[case("dcgm_fi_prof_gr_engine_active", Meaning::GrEngineActive)]
    #[case("dcgm_gr_engine_active", Meaning::GrEngineActive)]
    #[case("DCGM_FI_DEV_FB_USED", Meaning::MemoryUsed)]
    #[case("dcgm_fb_used", Meaning::MemoryUsed)]
    #[case("Dcgm_Fb_Free", Meaning::MemoryFree)]
    #[case("DCGM_FI_DEV_FB_TOTAL", Meaning::MemoryTotal)]
    #[case("DCGM_FI_DEV_FB_RESERVED", Meaning::MemoryReserved)]
    fn metrics_are_known_by_their_new_and_old_names(#[case] name: &str, #[case] meaning: Meaning) {
        assert_eq!(Meaning::of(name), Some(meaning));
        assert!(is_of_dcgm(name));
    }

    #[rstest]
    fn other_metrics_are_not_wanted(
        #[values("DCGM_FI_DEV_MEM_COPY_UTIL", "DCGM_FI_DEV_GPU_UTIL_2", "XDCGM_FI_DEV_GPU_UTIL", "dcgm_", "go_gc", "")]
        name: &str,
    ) {
        assert_eq!(Meaning::of(name), None);
    }

    #[rstest]
    #[case("DCGM_FI_DEV_SM_CLOCK", true)]
    #[case("dcgm_sm_clock", true)]
    #[case("DCGM_EXP_XID_ERRORS_COUNT", true)]
    #[case("go_goroutines", false)]
    #[case("dcgm", false)]
    #[case("node_dcgm_x", false)]
    fn families_are_known_by_their_beginning(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_of_dcgm(name), expected);
    }

    fn sample(text: &str) -> Sample<'_> {
        Sample { name: "M", text, number: text.parse().unwrap(), at: None }
    }

    #[rstest]
    #[case(Meaning::GpuUtil, "0")]
    #[case(Meaning::GpuUtil, "-0.0")]
    #[case(Meaning::GpuUtil, "100")]
    #[case(Meaning::GrEngineActive, "1.000000")]
    #[case(Meaning::MemoryUsed, "81559")]
    #[case(Meaning::MemoryFree, "2147483631")]
    #[case(Meaning::MemoryFree, "2147483636")]
    fn values_within_their_bounds_are_possible(#[case] meaning: Meaning, #[case] text: &str) {
        assert_eq!(possible(meaning, &sample(text)), Ok(text.parse().unwrap()));
    }

    #[rstest]
    #[case(Meaning::GpuUtil, "4294967295", "M is 4294967295, which is not within 0 to 100")]
    #[case(Meaning::GpuUtil, "100.1", "M is 100.1, which is not within 0 to 100")]
    #[case(Meaning::GpuUtil, "-1", "M is -1, which is not within 0 to 100")]
    #[case(Meaning::GpuUtil, "NaN", "M is NaN, which is not within 0 to 100")]
    #[case(Meaning::GpuUtil, "+Inf", "M is +Inf, which is not within 0 to 100")]
    #[case(Meaning::GpuUtil, "-Inf", "M is -Inf, which is not within 0 to 100")]
    #[case(Meaning::GrEngineActive, "1.01", "M is 1.01, which is not within 0 to 1")]
    #[case(Meaning::GpuUtil, "2147483632", "M is blank (2147483632)")]
    #[case(Meaning::GpuUtil, "2147483635", "M is blank (2147483635)")]
    #[case(Meaning::GpuUtil, "9223372036854775792", "M is blank (9223372036854775792)")]
    #[case(Meaning::GpuUtil, "9223372036854775794", "M is blank (9223372036854775794)")]
    #[case(Meaning::GpuUtil, "9223372036854775795", "M is blank (9223372036854775795)")]
    #[case(Meaning::GpuUtil, "9.223372036854776e+18", "M is blank (9.223372036854776e+18)")]
    #[case(Meaning::GrEngineActive, "140737488355328.000000", "M is blank (140737488355328.000000)")]
    #[case(Meaning::GrEngineActive, "140737488355331", "M is blank (140737488355331)")]
    fn other_values_are_impossible(#[case] meaning: Meaning, #[case] text: &str, #[case] expected: &str) {
        assert_eq!(possible(meaning, &sample(text)), Err(Impossible));
        assert_eq!(complaint(meaning, &sample(text)), expected);
    }

    #[rstest]
    fn impossible_memory_is_impossible(
        #[values("-1", "NaN", "+Inf", "2147483634", "9.223372036854776e18", "140737488355330")] text: &str,
        #[values(Meaning::MemoryUsed, Meaning::MemoryFree, Meaning::MemoryTotal, Meaning::MemoryReserved)]
        meaning: Meaning,
    ) {
        assert_eq!(possible(meaning, &sample(text)), Err(Impossible));
    }

    #[test]
    fn a_complaint_is_short() {
        let text = format!("200.{}", "0".repeat(5_000));
        assert!(complaint(Meaning::GpuUtil, &sample(&text)).len() < 100);
    }
}
