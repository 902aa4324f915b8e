//! An autoscaler's status in one word.

/// An autoscaler's status in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It evaluates and may scale.
    Active,
    /// It is paused; it evaluates nothing.
    Inactive,
    /// Its workload is gone, may not be scaled or belongs to somebody else, or its actor crashed. It recovers by itself,
    /// unless it has left the workload to somebody else.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Failed];

    /// The status as the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
        }
    }
}
