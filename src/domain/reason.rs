//! Why something is as it is, in the HPA's vocabulary where the HPA has a word.

use std::fmt;

use super::autoscaler::{Direction, Metric};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why something is as it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// The reason's name in the API and the log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// The count is as recommended, or can be made so.
    ReadyForNewScale,
    /// The count was changed.
    SucceededRescale,
    /// The scale-up window does not agree yet, or has another size.
    ScaleUpStabilized,
    /// A higher recommendation is still in the scale-down window.
    ScaleDownStabilized,
    /// At least one metric is known.
    ValidMetricFound,
    /// CPU or memory is unknown.
    FailedGetResourceMetric,
    /// GPU utilisation or memory is unknown.
    FailedGetGpuMetric,
    /// The workload is scaled to zero by hand.
    ScalingDisabled,
    /// More replicas are recommended than allowed.
    TooManyReplicas,
    /// Fewer replicas are recommended than allowed.
    TooFewReplicas,
    /// So many may not be added so fast.
    ScaleUpLimit,
    /// So many may not be removed so fast.
    ScaleDownLimit,
    /// The nodes can hold no more of the workload's pods.
    InsufficientCapacity,
    /// Nothing limits the recommendation.
    DesiredWithinRange,
    /// The workload's pods are not known at present.
    FailedGetPods,
    /// The workload's scale could not be read.
    FailedGetScale,
    /// The workload's scale could not be changed.
    FailedUpdateScale,
    /// The autoscaler, or the whole service, only observes.
    ObserveOnly,
    /// The autoscaler is paused.
    Paused,
    /// Another replica of the service is the leader, which scales.
    NotLeading,
    /// Somebody else reverses the autoscaler's changes, so the workload is left to that.
    YieldedToAnother,
    /// An older autoscaler scales the same workload.
    ScaledByAnother,
    /// The object of the autoscaler was changed while it was about to act.
    ObjectChanged,
    /// What is wanted of it is not valid.
    InvalidDefinition,
}

impl Reason {
    /// The reason for an unknown metric.
    pub fn failed_to_get(metric: Metric) -> Self {
        match metric {
            Metric::Cpu | Metric::Memory => Self::FailedGetResourceMetric,
            Metric::Gpu | Metric::GpuMemory => Self::FailedGetGpuMetric,
        }
    }

    /// The window of a direction does not agree, or has another size.
    pub(super) fn stabilized(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::ScaleUpStabilized,
            Direction::Down => Self::ScaleDownStabilized,
        }
    }

    /// A direction's changes are too fast.
    pub(super) fn limited(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::ScaleUpLimit,
            Direction::Down => Self::ScaleDownLimit,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
