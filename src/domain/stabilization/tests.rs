use chrono::TimeDelta;
use rstest::rstest;

use super::super::fixtures::{as_hpa, at, rules, window};
use super::*;
use crate::domain::autoscaler::Interval;

/// Waits for the window up until `seconds` after the tests' epoch.
fn waits_up(seconds: i64) -> Stabilized {
    Stabilized::Hold { direction: Direction::Up, until: Some(at(seconds)) }
}

/// Waits for the window down until then.
fn waits_down(seconds: i64) -> Stabilized {
    Stabilized::Hold { direction: Direction::Down, until: Some(at(seconds)) }
}

/// Acts with this size.
fn act(replicas: u32) -> Stabilized {
    Stabilized::Act { replicas }
}

/// Windows of so many seconds, and ticks of 15 s.
fn windows(up: u32, down: u32) -> ScalingRules {
    let mut rules = rules(1, 1000);
    rules.scale_up.window = window(up);
    rules.scale_down.window = window(down);
    rules
}

/// A history, and a workload whose count only the test changes.
struct Watch {
    rules: ScalingRules,
    history: History,
    current: u32,
}

impl Watch {
    fn over(rules: ScalingRules, current: u32) -> Self {
        Self { rules, history: History::default(), current }
    }

    /// A recommendation, `seconds` after the tests' epoch.
    fn at(&mut self, seconds: i64, recommended: u32) -> Stabilized {
        self.when(at(seconds), recommended)
    }

    /// A recommendation at some moment, taken into the memory as a decision's is.
    fn when(&mut self, now: Timestamp, recommended: u32) -> Stabilized {
        if self.history.runs.is_empty() || !self.history.is_continued(&self.rules, now) {
            self.history = History::begin(self.current, now);
        }
        let stabilized = self.history.stabilize(&self.rules, self.current, recommended, now);
        self.history.record(&self.rules, recommended, now);
        stabilized
    }

    /// What the memory holds: each run's size and when it was recommended first and last.
    fn runs(&self) -> Vec<(u32, i64, i64)> {
        let seconds = |moment: Timestamp| (moment - at(0)).num_seconds();
        self.history.runs().map(|run| (run.replicas, seconds(run.first), seconds(run.last))).collect()
    }

    /// The same recommendation at each of these moments; what the last of them gave.
    fn steadily(&mut self, seconds: impl IntoIterator<Item = i64>, recommended: u32) -> Stabilized {
        seconds.into_iter().map(|second| self.at(second, recommended)).last().unwrap()
    }

    /// The first moment of `seconds` at which the recommendation is acted on.
    fn acts_at(&mut self, seconds: impl IntoIterator<Item = i64>, recommended: u32) -> Option<i64> {
        seconds.into_iter().find(|&second| matches!(self.at(second, recommended), Stabilized::Act { .. }))
    }
}

fn every(interval: usize) -> impl Iterator<Item = i64> {
    (0..=7200).step_by(interval)
}

#[test]
fn a_window_up_acts_after_exactly_its_length_of_high_load() {
    let mut watch = Watch::over(windows(60, 300), 2);
    assert_eq!(watch.steadily([0, 15, 30, 45], 3), waits_up(60));
    assert_eq!(watch.at(60, 3), act(3));
}

#[test]
fn one_low_recommendation_starts_the_window_up_again() {
    for low in [1, 2] {
        let mut watch = Watch::over(windows(60, 300), 2);
        watch.steadily([0, 15, 30], 3);
        watch.at(45, low);
        assert_eq!(watch.acts_at((60..).step_by(15).take(10), 3), Some(105), "60 s after the low one");
    }
}

#[test]
fn a_window_up_goes_to_its_greatest_recommendation() {
    let mut watch = Watch::over(windows(60, 300), 2);
    for (second, recommended) in [(0, 9), (15, 5), (30, 7), (45, 4)] {
        assert_eq!(watch.at(second, recommended), waits_up(60));
    }
    assert_eq!(watch.at(60, 3), act(7), "the 9 is 60 s old, and no longer in the window");
}

#[test]
fn a_window_up_is_about_the_count_of_the_moment() {
    let mut watch = Watch::over(windows(60, 300), 2);
    assert_eq!(watch.steadily([0, 15, 30, 45, 60], 4), act(4));
    watch.current = 4;
    assert_eq!(watch.at(75, 6), waits_up(120), "the recommendations of 4 are not above 4");
    assert_eq!(watch.acts_at([90, 105, 120, 135], 6), Some(120));
}

#[test]
fn an_explicit_zero_is_no_window_in_either_direction() {
    for stabilization in [Stabilization::GateAndMaximum, Stabilization::Hpa] {
        let mut rules = windows(0, 0);
        rules.scale_up.stabilization = stabilization;
        let mut watch = Watch::over(rules, 5);
        assert_eq!(watch.at(0, 9), act(9));
        assert_eq!(watch.at(0, 7), act(7), "even at the same moment");
        assert_eq!(watch.at(15, 6), act(6));
        assert_eq!(watch.at(30, 4), act(4));
        assert_eq!(watch.at(45, 3), act(3));
        assert_eq!(watch.at(60, 5), Stabilized::Keep);
    }
}

#[test]
fn no_window_up_goes_by_the_present_recommendation_whatever_the_window_down_holds() {
    let mut watch = Watch::over(windows(0, 300), 2);
    watch.at(0, 9);
    watch.at(15, 1);
    assert_eq!(watch.at(30, 3), act(3));
}

#[test]
fn the_default_window_down_acts_once_all_higher_recommendations_are_300_s_old() {
    let mut watch = Watch::over(windows(0, 300), 10);
    assert_eq!(watch.acts_at(every(15), 4), Some(300), "the seed is the count of the start");
    let mut watch = Watch::over(windows(0, 300), 10);
    watch.steadily([0, 15, 30], 4);
    watch.at(45, 10);
    assert_eq!(watch.acts_at((60..).step_by(15).take(40), 4), Some(345));
}

#[test]
fn a_window_down_goes_to_its_greatest_recommendation() {
    let mut watch = Watch::over(windows(0, 300), 10);
    watch.steadily((0..150).step_by(15), 3);
    watch.at(150, 8);
    watch.steadily((165..300).step_by(15), 3);
    assert_eq!(watch.at(300, 2), act(8));
    watch.current = 8;
    assert_eq!(watch.steadily((315..450).step_by(15), 3), waits_down(450));
    assert_eq!(watch.at(450, 2), act(3));
}

#[test]
fn a_recommendation_above_the_count_holds_the_window_down_without_raising_the_count() {
    let mut watch = Watch::over(windows(60, 300), 5);
    assert_eq!(watch.at(0, 9), waits_up(60));
    assert_eq!(watch.steadily((15..300).step_by(15), 3), waits_down(300));
    assert_eq!(watch.at(300, 3), act(3));
}

#[test]
fn the_way_of_the_hpa_is_the_least_recommendation_of_the_window_up() {
    let mut rules = windows(60, 300);
    rules.scale_up.stabilization = Stabilization::Hpa;
    let mut watch = Watch::over(rules, 2);
    watch.at(0, 9);
    for (second, recommended) in [(15, 5), (30, 7), (45, 4)] {
        assert_eq!(watch.at(second, recommended), waits_up(60), "the seed of 2 is in the window");
    }
    assert_eq!(watch.at(60, 8), act(4));
    assert_eq!(watch.at(75, 3), act(3), "the present one counts");
}

#[test]
fn the_way_of_the_hpa_needs_no_covered_window() {
    let mut rules = windows(600, 300);
    let mut gate = Watch::over(rules.clone(), 2);
    rules.scale_up.stabilization = Stabilization::Hpa;
    let mut hpa = Watch::over(rules, 2);
    for watch in [&mut gate, &mut hpa] {
        watch.history.record(&watch.rules, 6, at(-15));
    }
    assert_eq!(gate.at(0, 4), waits_up(585));
    assert_eq!(hpa.at(0, 4), act(4));
}

#[rstest]
#[case::of_15_s(15, 45)]
#[case::of_1_s(1, 45)]
#[case::of_22_s(22, 45)]
#[case::of_23_s(23, 46)]
#[case::of_60_s(60, 120)]
fn a_gap_of_two_intervals_or_45_s_is_still_continuous(#[case] interval: u32, #[case] gap: i64) {
    let mut rules = windows(120, 300);
    rules.interval = Interval::from_seconds(interval).unwrap();
    assert_eq!(longest_gap(&rules), Duration::from_secs(gap.unsigned_abs()));
    for beyond in [0, 1] {
        let mut watch = Watch::over(rules.clone(), 2);
        watch.at(0, 3);
        watch.current = 7;
        watch.at(gap + beyond, 8);
        let replicas: Vec<_> = watch.runs().iter().map(|run| run.0).collect();
        if beyond == 0 {
            assert_eq!(replicas, [2, 3, 8], "the seed of the start and both recommendations");
        } else {
            assert_eq!(replicas, [7, 8], "a new seed, and only what came after the gap");
        }
    }
}

#[test]
fn a_gap_of_less_than_a_second_too_many_is_a_gap() {
    let mut watch = Watch::over(windows(60, 300), 2);
    watch.at(0, 3);
    let late = at(45) + TimeDelta::milliseconds(1);
    watch.when(late, 3);
    assert!(watch.history.runs().all(|run| run.first == late));
}

#[rstest]
#[case::up(2, 9, 60)]
#[case::down(9, 2, 300)]
fn after_a_gap_the_window_is_watched_anew(#[case] current: u32, #[case] recommended: u32, #[case] wait: i64) {
    let mut watch = Watch::over(windows(60, 300), current);
    let first = watch.acts_at(every(15), recommended).unwrap();
    assert_eq!(first, wait);
    let resumed = first + 3600;
    assert_eq!(watch.acts_at((resumed..).step_by(15).take(40), recommended), Some(resumed + wait));
}

#[rstest]
#[case::up(2, 9, 60)]
#[case::down(9, 2, 300)]
fn a_clock_that_jumps_back_starts_the_window_again(#[case] current: u32, #[case] recommended: u32, #[case] wait: i64) {
    for jump in [1, 10, 3600] {
        let mut watch = Watch::over(windows(60, 300), current);
        assert!(watch.acts_at(every(15), recommended).is_some());
        let back = wait - jump;
        assert_eq!(watch.acts_at((back..).step_by(15).take(40), recommended), Some(back + wait), "{jump} s back");
        assert!(watch.history.runs().all(|run| run.first >= at(back)));
    }
}

#[test]
fn ticks_that_come_irregularly_cover_the_window_as_well() {
    let mut watch = Watch::over(windows(60, 300), 2);
    assert_eq!(watch.acts_at([0, 14, 31, 33, 59, 61], 3), Some(61));
    let mut watch = Watch::over(windows(60, 300), 2);
    assert_eq!(watch.acts_at([0, 45, 90], 3), Some(90), "45 s apart is near enough");
    let mut watch = Watch::over(windows(60, 300), 2);
    assert_eq!(watch.acts_at([0, 46, 92, 138], 3), None, "46 s apart is never a window");
}

#[test]
fn a_shorter_interval_makes_no_holes_of_the_old_ticks() {
    let mut rules = windows(180, 300);
    rules.interval = Interval::from_seconds(60).unwrap();
    let mut watch = Watch::over(rules, 2);
    watch.steadily([0, 60, 120], 3);
    watch.rules.interval = Interval::from_seconds(15).unwrap();
    assert_eq!(watch.acts_at((135..).step_by(15).take(30), 3), Some(180), "it was watched as often as it was to be");
}

#[test]
fn an_interval_as_long_as_the_window_acts_at_the_second_tick() {
    let mut rules = windows(60, 300);
    rules.interval = Interval::from_seconds(60).unwrap();
    assert_eq!(Watch::over(rules.clone(), 2).acts_at(every(60), 3), Some(60));
    assert_eq!(Watch::over(rules.clone(), 3).acts_at(every(60), 2), Some(300));
    rules.interval = Interval::from_seconds(3600).unwrap();
    assert_eq!(Watch::over(rules.clone(), 2).acts_at(every(3600), 3), Some(3600));
}

#[test]
fn the_longest_window_waits_an_hour_in_both_directions() {
    let rules = windows(3600, 3600);
    assert_eq!(Watch::over(rules.clone(), 2).acts_at(every(15), 3), Some(3600));
    assert_eq!(Watch::over(rules.clone(), 3).acts_at(every(15), 2), Some(3600));
}

#[rstest]
#[case::of_the_guide(60, 300, 15, 25)]
#[case::of_an_hour(3600, 300, 15, 245)]
#[case::of_an_hour_every_second(0, 3600, 1, 3647)]
#[case::of_nothing(0, 0, 15, 5)]
fn a_history_forgets_what_no_window_looks_at(
    #[case] up: u32,
    #[case] down: u32,
    #[case] interval: u32,
    #[case] most: usize,
) {
    let mut rules = windows(up, down);
    rules.interval = Interval::from_seconds(interval).unwrap();
    let mut watch = Watch::over(rules, 2);
    let mut longest = 0;
    for second in every(interval as usize).take_while(|second| *second <= 4000) {
        watch.at(second, 3 + u32::from(second % 2 == 0));
        longest = longest.max(watch.history.runs().count());
    }
    assert_eq!(longest, most);
}

#[test]
fn a_recommendation_of_the_current_count_keeps_it() {
    let mut watch = Watch::over(windows(0, 0), 4);
    assert_eq!(watch.at(0, 4), Stabilized::Keep);
    assert_eq!(History::default().stabilize(&watch.rules, 4, 4, at(0)), Stabilized::Keep, "so does no recommendation");
}

#[test]
fn what_stays_the_same_costs_one_record() {
    let mut watch = Watch::over(windows(60, 300), 2);
    watch.steadily(every(15).take(10), 3);
    watch.steadily([150, 165], 4);
    watch.at(180, 3);
    assert_eq!(watch.runs(), [(2, 0, 0), (3, 0, 135), (4, 150, 165), (3, 180, 180)]);
}

#[test]
fn a_run_counts_as_long_as_its_last_recommendation_is_in_the_window() {
    let mut watch = Watch::over(windows(0, 60), 9);
    watch.steadily([0, 15, 30, 45], 8);
    assert_eq!(watch.steadily([60, 75, 90], 2), act(8));
    watch.current = 8;
    assert_eq!(watch.at(104, 2), waits_down(105));
    assert_eq!(watch.at(105, 2), act(2), "60 s after the last 8");
}

#[test]
fn recommendations_that_come_in_any_order_make_the_same_history() {
    let rules = windows(60, 300);
    let ordered = History::of(&rules, [(at(0), 2), (at(15), 2), (at(30), 3), (at(90), 3)]);
    assert_eq!(History::of(&rules, [(at(90), 3), (at(15), 2), (at(30), 3), (at(0), 2)]), ordered);
    let runs: Vec<_> = ordered.runs().map(|run| (run.replicas, run.first, run.last)).collect();
    assert_eq!(runs, [(2, at(0), at(15)), (3, at(30), at(30)), (3, at(90), at(90))], "60 s apart is no run");
}

#[rstest]
#[case::up(2, 9, 60)]
#[case::down(9, 2, 300)]
fn the_memory_begins_anew_after_a_gap_but_that_of_the_hpa_does_not(
    #[case] current: u32,
    #[case] recommended: u32,
    #[case] wait: i64,
) {
    let rules = windows(60, 300);
    for (rules, continued) in [(rules.clone(), false), (as_hpa(&rules), true)] {
        let mut watch = Watch::over(rules, current);
        watch.at(0, recommended);
        assert!(watch.history.is_continued(&watch.rules, at(45)));
        assert_eq!(watch.history.is_continued(&watch.rules, at(3600)), continued);
        let acts = matches!(watch.at(3600, recommended), Stabilized::Act { .. });
        assert_eq!(acts, continued, "the HPA takes the forgotten window for one that agrees");
        if !continued {
            assert_eq!(watch.acts_at((3615..).step_by(15).take(40), recommended), Some(3600 + wait));
        }
    }
}

#[test]
fn the_two_ways_up_differ_in_the_size_and_in_the_patience() {
    let rules = windows(60, 300);
    let seen = [(0, 9), (15, 5), (30, 7), (45, 4), (60, 8), (75, 3)];
    let run = |rules: ScalingRules| {
        let mut watch = Watch::over(rules, 2);
        seen.map(|(second, recommended)| watch.at(second, recommended))
    };
    let waits = [waits_up(60); 4];
    assert_eq!(run(rules.clone()), [waits[0], waits[1], waits[2], waits[3], act(8), act(8)]);
    assert_eq!(run(as_hpa(&rules)), [waits[0], waits[1], waits[2], waits[3], act(4), act(3)]);
}

#[test]
fn what_an_autoscaler_of_the_hpa_is_told_about_stabilization_does_not_matter() {
    let mut rules = as_hpa(&windows(60, 300));
    rules.scale_up.stabilization = Stabilization::GateAndMaximum;
    let mut watch = Watch::over(rules, 2);
    watch.steadily([0, 15, 30, 45], 9);
    assert_eq!(watch.at(60, 4), act(4));
}
