//! The HPA's three conditions.

use std::borrow::Cow;

use super::reason::Reason;

/// Which condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionKind {
    /// Whether the count could be changed now.
    AbleToScale,
    /// Whether a recommendation can be made.
    ScalingActive,
    /// Whether the recommendation is more or less than what is allowed.
    ScalingLimited,
}

impl ConditionKind {
    /// Every condition, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::AbleToScale, Self::ScalingActive, Self::ScalingLimited];

    /// The condition's `type` in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbleToScale => "AbleToScale",
            Self::ScalingActive => "ScalingActive",
            Self::ScalingLimited => "ScalingLimited",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which one.
    pub kind: ConditionKind,
    /// Whether it holds.
    pub holds: bool,
    /// Why.
    pub reason: Reason,
    /// Why, as a sentence for people.
    pub message: Cow<'static, str>,
}

impl Condition {
    /// A condition with its reason.
    pub fn new(kind: ConditionKind, holds: bool, reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, holds, reason, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_has_the_hpas_name() {
        let kinds = [ConditionKind::AbleToScale, ConditionKind::ScalingActive, ConditionKind::ScalingLimited];
        assert_eq!(kinds.map(ConditionKind::as_str), ["AbleToScale", "ScalingActive", "ScalingLimited"]);
    }
}
