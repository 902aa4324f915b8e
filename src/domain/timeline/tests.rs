use proptest::prelude::*;

use super::*;
use crate::domain::fixtures::{at, rules};

fn point(current: u32) -> Point {
    Point { current: Some(current), recommended: Some(current + 1), levels: [None; 4] }
}

fn frame() -> Frame {
    Frame::from(&rules(1, 10))
}

fn recorded(points: impl IntoIterator<Item = (i64, u32)>) -> Timeline {
    let mut timeline = Timeline::default();
    for (seconds, current) in points {
        timeline.record(at(seconds), &point(current), frame());
    }
    timeline
}

fn counts(timeline: &Timeline, from: i64, to: i64, step: u32) -> Vec<Option<u32>> {
    timeline.points(at(from), at(to), step).into_iter().map(|point| point.current).collect()
}

#[test]
fn the_last_evaluation_of_a_step_counts_and_a_step_without_one_is_a_gap() {
    let timeline = recorded([(0, 2), (14, 3), (15, 4), (45, 5)]);
    assert_eq!(counts(&timeline, 0, 60, 15), [Some(3), Some(4), None, Some(5)]);
    assert_eq!(counts(&timeline, 0, 60, 60), [Some(5)]);
    assert_eq!(counts(&timeline, -30, 15, 15), [None, None, Some(3)]);
    assert_eq!(counts(&timeline, 0, 61, 30), [Some(4), Some(5), None]);
    assert_eq!(counts(&timeline, 60, 0, 15), []);
}

#[test]
fn everything_comes_back_as_it_was() {
    let level = |percent, simulated| Some(Level { percent, simulated });
    let odd = Point {
        current: Some(65_534),
        recommended: None,
        levels: [level(0, false), level(32_766, false), level(90, true), level(0, true)],
    };
    let mut timeline = Timeline::default();
    timeline.record(at(0), &odd, frame());
    assert_eq!(timeline.points(at(0), at(15), 15), [odd]);
}

#[test]
fn what_does_not_fit_is_unknown_or_at_the_limit_and_never_small() {
    let huge = Level { percent: u32::MAX, simulated: true };
    let point = Point { current: Some(65_535), recommended: Some(u32::MAX), levels: [Some(huge), None, None, None] };
    let mut timeline = Timeline::default();
    timeline.record(at(0), &point, frame());
    let kept = timeline.points(at(0), at(15), 15)[0];
    assert_eq!((kept.current, kept.recommended), (None, None));
    assert_eq!(kept.levels[0], Some(Level { percent: 32_766, simulated: true }));
}

#[test]
fn half_an_hour_is_kept_by_the_quarter_minute_and_six_hours_by_the_minute() {
    let steps = 8 * 60 * 4;
    let timeline = recorded((0..steps).map(|step| (step * 15, step as u32)));
    let end = steps * 15;
    let fine = counts(&timeline, end - 1800, end, 15);
    assert_eq!((fine.len(), fine[0], fine[119]), (120, Some(1800), Some(1919)));
    let coarse = counts(&timeline, end - 6 * 3600, end, 60);
    assert!(coarse.iter().all(Option::is_some), "{coarse:?}");
    // The last of each minute.
    assert_eq!((coarse.len(), coarse[0], coarse[359]), (360, Some(483), Some(1919)));
    assert_eq!(counts(&timeline, end - 6 * 3600 - 60, end, 60)[0], None);
    assert_eq!(REACH, TimeDelta::hours(6));
}

#[test]
fn six_kib_are_enough_whatever_happens() {
    let mut timeline = Timeline::default();
    for step in 0..4000 {
        let seconds = step * 15;
        timeline.record(at(seconds), &point(step as u32 % 7), Frame::from(&rules(1, 1 + step as u32 % 9)));
        timeline.act(ScaleAction { at: at(seconds), from: 1, to: 2, cause: None });
        assert!(timeline.bytes() <= 6 * 1024, "{}", timeline.bytes());
    }
    assert!(recorded([(0, 1)]).bytes() < 500, "one that is new takes little");
}

#[test]
fn what_stays_the_same_takes_no_memory() {
    let bytes_of = |cpu: fn(u32) -> u32, count: fn(u32) -> u32| {
        let mut timeline = Timeline::default();
        for step in 0..4000_u32 {
            let cpu = Level { percent: cpu(step), simulated: false };
            let levels = [Some(cpu), None, None, None];
            let point = Point { current: Some(count(step)), recommended: Some(2), levels };
            timeline.record(at(i64::from(step) * 15), &point, frame());
        }
        timeline.bytes()
    };
    let (still, noisy) = (bytes_of(|_| 70, |_| 2), bytes_of(|step| 65 + step % 10, |_| 2));
    let both = bytes_of(|step| 65 + step % 10, |step| 2 + step % 5);
    assert!(still < 600, "{still}");
    assert!((900..1_000).contains(&(noisy - still)), "450 points of two bytes: {noisy}");
    assert!((900..1_000).contains(&(both - noisy)), "and as many once more: {both}");
}

#[test]
fn a_long_pause_leaves_what_is_before_it() {
    let mut timeline = recorded((0..40).map(|step| (step * 15, 2)));
    timeline.record(at(4 * 3600), &point(3), frame());
    let counts = counts(&timeline, 0, 4 * 3600 + 60, 60);
    assert_eq!((counts[0], counts[9], counts[10], counts[239], counts[240]), (Some(2), Some(2), None, None, Some(3)));
    timeline.record(at(1_000_000), &point(4), frame());
    let reach = timeline.points(at(1_000_000) - REACH, at(1_000_060), 60);
    assert_eq!(reach.iter().filter(|point| point.current.is_some()).count(), 1);
}

#[test]
fn a_clock_that_is_set_back_makes_the_past_again() {
    let mut timeline = recorded([(0, 1), (15, 2), (30, 3), (45, 4)]);
    timeline.record(at(15), &point(9), frame());
    assert_eq!(counts(&timeline, 0, 60, 15), [Some(1), Some(9), None, None]);
    timeline.record(at(-60), &point(7), frame());
    assert_eq!(counts(&timeline, -60, 30, 15), [Some(7), None, None, None, None, None]);
}

#[test]
fn what_was_wanted_is_known_since_when() {
    let mut timeline = Timeline::default();
    let frames: Vec<_> = (1..=6).map(|max| Frame::from(&rules(1, max))).collect();
    for (number, frame) in (0..).zip(&frames) {
        timeline.record(at(100 * number), &point(1), *frame);
        timeline.record(at(100 * number + 15), &point(1), *frame);
    }
    assert_eq!(timeline.frame(at(550)), Some(frames[5]));
    assert_eq!(timeline.frame(at(499)), Some(frames[4]));
    // Only the latest four are kept; what held before is not known any more.
    assert_eq!((timeline.frame(at(200)), timeline.frame(at(199))), (Some(frames[2]), None));
}

#[test]
fn changes_whose_cause_is_forgotten_are_told_from_the_points() {
    let mut timeline = Timeline::default();
    let mut known = Vec::new();
    for step in 0..40_u32 {
        let seconds = i64::from(step) * 300;
        let action = ScaleAction { at: at(seconds + 2), from: step, to: step + 1, cause: None };
        timeline.act(action);
        known.push((at(seconds), step, step + 1));
        for evaluation in 0..20 {
            timeline.record(at(seconds + 2 + evaluation * 15), &point(step + 1), frame());
        }
    }
    let actions = timeline.actions(at(0), at(40 * 300));
    let numbers: Vec<_> = actions.iter().map(|action| (action.from, action.to)).collect();
    // The first one is no change of anything that was seen.
    assert_eq!(numbers, (1..40).map(|step| (step, step + 1)).collect::<Vec<_>>());
    assert_eq!(timeline.actions(at(39 * 300), at(40 * 300)).len(), 1);
}

proptest! {
    #[test]
    fn nothing_is_ever_shown_that_was_not_recorded(
        steps in prop::collection::vec((-50_i64..2_000, 0_u32..70_000), 0..200),
        from in -2_000_i64..60_000, length in 0_i64..30_000, step in 1_u32..200,
    ) {
        let mut timeline = Timeline::default();
        let mut seconds = 0;
        let mut shown = Vec::new();
        for (passed, current) in steps {
            seconds += passed;
            timeline.record(at(seconds), &point(current), frame());
            shown.push(current);
        }
        let points = timeline.points(at(from), at(from + length), step);
        prop_assert_eq!(points.len() as i64, (length + i64::from(step) - 1) / i64::from(step));
        prop_assert!(points.iter().filter_map(|point| point.current).all(|current| shown.contains(&current)));
        prop_assert!(timeline.bytes() <= 6 * 1024);
    }
}
