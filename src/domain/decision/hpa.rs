//! The HPA's controller once more, from the recommendation to the count, with its lists: `reconcileAutoscaler`,
//! `stabilizeRecommendationWithBehaviors` and `convertDesiredReplicasWithBehaviorRate`.

use proptest::prelude::*;

use super::*;
use crate::domain::arbitrary;
use crate::domain::autoscaler::Targets;
use crate::domain::fixtures::{at, observe};
use crate::domain::limits::ScaleEvent;
use crate::domain::limits::tests::HpaEvents;

/// What the controller remembers of one autoscaler.
#[derive(Default)]
struct Controller {
    recommendations: Vec<(i64, i32)>,
    events: HpaEvents,
}

/// The count, and the reasons of `AbleToScale` and `ScalingLimited` where they are set.
type Reconciled = (i32, Option<(Reason, Reason)>);

impl Controller {
    fn reconcile(&mut self, rules: &ScalingRules, now: i64, current: i32, proposal: Option<i32>) -> Reconciled {
        if self.recommendations.is_empty() {
            self.recommendations.push((now, current));
        }
        let (min, max) = (rules.bounds.min() as i32, rules.bounds.max() as i32);
        let (desired, reasons) = match proposal {
            _ if current == 0 => (0, None),
            _ if current > max => (max, None),
            _ if current < min => (min, None),
            None => (current, None),
            Some(proposal) => self.normalize(rules, now, current, proposal),
        };
        if desired != current {
            self.events.store(rules, now, current, desired);
        }
        (desired, reasons)
    }

    fn normalize(&mut self, rules: &ScalingRules, now: i64, current: i32, wanted: i32) -> Reconciled {
        let cutoff = |window: Duration| now - window.as_secs() as i64;
        let (up, down) = (cutoff(rules.scale_up.window.length()), cutoff(rules.scale_down.window.length()));
        let later = |cutoff: i64| {
            let kept = self.recommendations.iter().filter(move |(then, _)| *then > cutoff);
            kept.map(|(_, count)| *count).chain([wanted])
        };
        let (least, most) = (later(up).min().unwrap(), later(down).max().unwrap());
        let mut stabilized = current;
        stabilized = stabilized.max(least);
        stabilized = stabilized.min(most);
        match self.recommendations.iter().rposition(|(then, _)| *then < up && *then < down) {
            Some(old) => self.recommendations[old] = (now, wanted),
            None => self.recommendations.push((now, wanted)),
        }
        let able = match stabilized == wanted {
            true => Reason::ReadyForNewScale,
            false if wanted >= current => Reason::ScaleUpStabilized,
            false => Reason::ScaleDownStabilized,
        };
        let (desired, limited) = self.convert(rules, now, current, stabilized);
        (desired, Some((able, if desired == stabilized { Reason::DesiredWithinRange } else { limited })))
    }

    fn convert(&self, rules: &ScalingRules, now: i64, current: i32, wanted: i32) -> (i32, Reason) {
        let limit = |wanted| self.events.allowed(rules, now, current, wanted);
        let (min, max) = (rules.bounds.min() as i32, rules.bounds.max() as i32);
        match wanted.cmp(&current) {
            std::cmp::Ordering::Greater => {
                let limit = limit(i32::MAX);
                let (most, why) =
                    if max > limit { (limit, Reason::ScaleUpLimit) } else { (max, Reason::TooManyReplicas) };
                (wanted.min(most), why)
            }
            std::cmp::Ordering::Less => {
                let limit = limit(i32::MIN);
                let (least, why) =
                    if min < limit { (limit, Reason::ScaleDownLimit) } else { (min, Reason::TooFewReplicas) };
                (wanted.max(least), why)
            }
            std::cmp::Ordering::Equal => (current, Reason::DesiredWithinRange),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_whole_life_is_that_under_the_hpa(
        mut rules in arbitrary::rules(arbitrary::HPA),
        start in 0u32..30,
        ticks in prop::collection::vec(
            (
                prop_oneof![4 => Just(15i64), 2 => 0i64..61, 1 => 0i64..4000],
                proptest::option::weighted(0.05, 0u32..30),
                proptest::option::weighted(0.9, 0u32..40),
            ),
            1..60,
        ),
    ) {
        // What the HPA does not have.
        rules.scale_up.max_scale_change = None;
        rules.scale_down.max_scale_change = None;
        rules.targets = Targets::none();
        let rules = Arc::new(rules);
        let (mut state, mut controller) = (State::default(), Controller::default());
        let (mut now, mut current) = (0, start);
        for (after, by_hand, proposal) in ticks {
            now += after;
            current = by_hand.unwrap_or(current);
            let decision = decide_with(&rules, &state, Arc::new(observe(current, vec![])), proposal, at(now));
            state.remember(&decision);
            if let Some(direction) = decision.direction() {
                let change = decision.desired.abs_diff(current);
                state.events.record(&rules, ScaleEvent { at: at(now), direction, change });
            }
            let proposal = proposal.map(|count| count as i32);
            let (count, reasons) = controller.reconcile(&rules, now, current as i32, proposal);
            prop_assert_eq!(decision.desired as i32, count, "{}", decision.sentence());
            if let Some(reasons) = reasons {
                let [able, limited] = [ConditionKind::AbleToScale, ConditionKind::ScalingLimited];
                prop_assert_eq!((decision.condition(able).reason, decision.condition(limited).reason), reasons);
            }
            current = decision.desired;
        }
    }
}
