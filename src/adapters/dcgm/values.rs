//! Which metric means what, and which values cannot be.

/// Which of the two utilisation metrics counts when a device has both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// `DCGM_FI_DEV_GPU_UTIL`: how often any kernel ran at all.
    #[default]
    GpuUtil,
    /// `DCGM_FI_PROF_GR_ENGINE_ACTIVE`: how long the engine was active.
    GrEngineActive,
}
