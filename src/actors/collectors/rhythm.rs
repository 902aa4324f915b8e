//! When a source is asked again. A metrics server measures all pods at once, every fifteen seconds or so: who knows at which
//! moments asks just after them, once, and neither too late nor for nothing.
//!
//! All that is known comes from looking: a change showed itself between two looks, and the next one is a period later.

use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::Timestamp;

/// So many changes must have come in a row before a rhythm is relied on.
const LEARNED: i32 = 3;

/// For one in so many changes it is looked as if there were no rhythm: a source that has become several times faster would
/// not be noticed otherwise.
const CHECKED: i32 = 8;

/// That is done no more often than once in so many times the freshness: it costs a look at least.
const SELDOM: i32 = 36;

/// A source with a longer period than so many times the freshness is asked in between.
const LONGEST_WAIT: i32 = 12;

/// A freshness beyond this is none.
const LONGEST_FRESHNESS: Duration = Duration::from_secs(3_600);

/// The rhythm of one source, as far as it is known.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// How long to wait while no rhythm is known, and how late a change is seen at most.
    freshness: TimeDelta,
    /// How late a change may come. What comes later is out of rhythm.
    jitter: TimeDelta,
    /// The latest look.
    looked: Option<Look>,
    /// What is known of the latest changes, if each came a period after the one before.
    beats: Option<Beats>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Timestamp,
    has_changed: bool,
    /// When the next one is due.
    next: Timestamp,
}

/// Changes in a row, each a period after the one before.
#[derive(Clone, Debug)]
struct Beats {
    /// When the first came, if it did not come late.
    first: Span,
    /// When the latest did.
    last: Span,
    /// How many came after the first.
    count: i32,
    /// The shortest and the longest that the period can be.
    period: Option<(TimeDelta, TimeDelta)>,
    /// Whether it has been seen that no change comes halfway between two of them.
    is_whole: bool,
    /// When it was last looked as if there were no rhythm.
    checked: Timestamp,
}

/// Somewhere in here something happened, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Rhythm {
    pub(super) fn new(freshness: Duration) -> Self {
        let freshness = TimeDelta::from_std(freshness.min(LONGEST_FRESHNESS)).unwrap_or_default();
        Self { freshness, jitter: freshness / 10, looked: None, beats: None }
    }

    /// Forgets what is known, because the source could not be asked.
    pub(super) fn forget(&mut self) {
        (self.looked, self.beats) = (None, None);
    }

    /// Notes what a look at the source showed, and says how long to wait for the next.
    pub(super) fn look(&mut self, at: Timestamp, has_changed: bool) -> Duration {
        // In a longer gap there may have been any number of changes.
        if self.looked.is_some_and(|last| at > last.next + self.freshness / 2 || at < last.at) {
            self.forget();
        }
        let expected = self.expected();
        if has_changed {
            self.note_change(at, expected);
        } else if expected.is_some_and(|expected| at >= expected.to) {
            self.beats = None;
        } else if let Some(beats) = &mut self.beats {
            beats.is_whole |= beats.halfway(self.jitter).is_some_and(|halfway| at >= halfway);
        }
        let wait = self.wait(at).clamp(self.jitter, self.freshness * LONGEST_WAIT);
        self.looked = Some(Look { at, has_changed, next: at + wait });
        wait.to_std().unwrap_or_default()
    }

    /// When the next change will be there, if the rhythm is known and slower than a look for each change.
    fn expected(&self) -> Option<Span> {
        let Beats { last, count, period, .. } = self.beats.as_ref()?;
        let (shortest, longest) = (*period)?;
        (*count >= LEARNED && shortest >= self.freshness && !self.may_be_two())
            .then(|| Span { from: last.from + shortest, to: last.to + longest + self.jitter })
    }

    /// Whether what seems to be one change may be two, half the period apart: looks as far apart as that can show two and
    /// none in turn.
    fn may_be_two(&self) -> bool {
        self.beats.as_ref().is_some_and(|beats| beats.count >= LEARNED && !beats.is_whole)
    }

    fn note_change(&mut self, at: Timestamp, expected: Option<Span>) {
        let Some(looked) = self.looked else { return };
        let earliest = looked.at - self.jitter;
        let change = Span { from: expected.map_or(earliest, |expected| expected.from.max(earliest)), to: at };
        // Without a look that showed none in between, there may have been more changes than one.
        let is_next = expected.map_or(!looked.has_changed, |expected| at >= expected.from);
        let is_checked = self.is_checking();
        let beats = self.beats.take().filter(|_| is_next).and_then(|beats| beats.and(change));
        let mut beats = beats.unwrap_or_else(|| Beats::begin(Span { from: earliest, to: at }));
        if is_checked {
            beats.checked = at;
        }
        self.beats = Some(beats);
    }

    /// Whether the next change is one of those that are looked for as if there were no rhythm.
    fn is_checking(&self) -> bool {
        self.beats.as_ref().is_some_and(|Beats { last, period, checked, .. }| {
            period.is_some_and(|(_, longest)| last.to - *checked >= (longest * CHECKED).max(self.freshness * SELDOM))
        })
    }

    /// How long to wait at `at`. Where the change may be anywhere in a long time, it is looked for in the middle of that first.
    fn wait(&self, at: Timestamp) -> TimeDelta {
        if self.may_be_two() {
            return self.freshness / 5;
        }
        let Some(expected) = self.expected() else { return self.freshness };
        if self.is_checking() {
            // Not beyond where it is expected: it would be seen later for that, and known less exactly.
            return self.freshness.min(expected.to - at);
        }
        let from = expected.from.max(at);
        let uncertain = expected.to - from;
        if uncertain <= self.freshness / 2 { expected.to - at } else { from - at + self.freshness.min(uncertain / 2) }
    }
}

impl Beats {
    fn begin(first: Span) -> Self {
        Self { first, last: first, count: 0, period: None, is_whole: false, checked: first.to }
    }

    /// When a change that comes half a period after the latest would be there.
    fn halfway(&self, jitter: TimeDelta) -> Option<Timestamp> {
        self.period.map(|(_, longest)| self.last.to + longest / 2 + jitter)
    }

    /// With one more; none if that is out of rhythm.
    fn and(self, change: Span) -> Option<Self> {
        let count = self.count + 1;
        // From the first one more and more exactly, and from the latest one, so that all are equally far apart.
        let shortest = ((change.from - self.first.to) / count).max(change.from - self.last.to);
        let longest = ((change.to - self.first.from) / count).min(change.to - self.last.from);
        let (shortest, longest) =
            self.period.map_or((shortest, longest), |known| (shortest.max(known.0), longest.min(known.1)));
        (shortest <= longest).then_some(Self {
            first: self.first,
            last: change,
            count,
            period: Some((shortest, longest)),
            is_whole: self.is_whole,
            checked: self.checked,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRESHNESS: Duration = Duration::from_secs(5);

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::microseconds((seconds * 1e6) as i64)
    }

    /// Looks at a source that changes at these moments: when there was a look, and how many changes it showed.
    fn looks(changes: &[f64], until: f64) -> Vec<(f64, usize)> {
        let (mut rhythm, mut now, mut seen, mut looks) = (Rhythm::new(FRESHNESS), 0.0, 0, Vec::new());
        while now < until {
            let there = changes.partition_point(|change| *change <= now);
            looks.push((now, there - seen));
            now += rhythm.look(at(now), there > seen).as_secs_f64();
            seen = there;
        }
        looks
    }

    fn every(period: f64, phase: f64, jitter: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..5_000).map(|beat| phase + beat as f64 * period + jitter(beat)).collect()
    }

    /// How late the changes were seen that came after `from`.
    fn delays(changes: &[f64], looks: &[(f64, usize)], from: f64) -> Vec<f64> {
        let seen = |change: f64| looks.iter().map(|(look, _)| *look).find(|look| *look >= change);
        changes.iter().filter(|change| **change > from).map_while(|change| Some(seen(*change)? - change)).collect()
    }

    #[test]
    fn a_source_with_a_rhythm_is_soon_asked_about_once_for_each_change() {
        for phase in [0.1, 1.0, 2.5, 4.9, 7.0, 14.9] {
            let changes = every(15.0, phase, |_| 0.0);
            let looks = looks(&changes, 900.0);
            let later: Vec<_> = looks.iter().filter(|(look, _)| *look > 120.0).collect();
            assert!(later.len() <= 73, "{} looks in 52 periods", later.len());
            let delays = delays(&changes, &looks, 120.0);
            assert!(delays.iter().all(|delay| *delay <= 5.0), "{delays:?}");
            let average = delays.iter().sum::<f64>() / delays.len() as f64;
            assert!(average <= 1.5, "{average} s where 2.5 s would be chance");
        }
    }

    #[test]
    fn two_changes_that_look_like_one_are_not_taken_for_it() {
        // Looks that are 5 s apart show two and none of them in turn for a while.
        let late = [(72, 0.306), (74, 0.425), (76, 0.344)];
        let jitter = |beat| late.iter().find(|(number, _)| *number == beat % 97).map_or(0.0, |(_, late)| *late);
        for period in [4.975, 4.979_171_336_7, 4.99, 5.0] {
            let changes = every(period, 33.390_537, jitter);
            let delays = delays(&changes, &looks(&changes, 1_500.0), 0.0);
            assert!(delays.iter().all(|delay| *delay <= 5.0 + 1e-5), "{delays:?}");
        }
    }

    #[test]
    fn a_source_that_measures_every_second_look_is_soon_asked_about_once_for_each_change() {
        for phase in [0.1, 1.0, 2.5, 4.9, 7.0, 9.9] {
            let changes = every(10.0, phase, |_| 0.0);
            let looks = looks(&changes, 900.0);
            let later = looks.iter().filter(|(look, _)| *look > 120.0).count();
            assert!(later <= 95, "{later} looks in 78 periods");
            let delays = delays(&changes, &looks, 120.0);
            let average = delays.iter().sum::<f64>() / delays.len() as f64;
            assert!(average <= 1.5, "{average} s where 2.5 s would be chance");
            assert!(delays.iter().all(|delay| *delay <= 2.5), "{delays:?}");
        }
    }

    #[test]
    fn it_is_checked_now_and_then_whether_the_source_has_become_faster() {
        let changes = every(10.0, 1.0, |_| 0.0);
        let looks = looks(&changes, 900.0);
        // In the middle of what lies between two changes, when there is nothing to be seen.
        let is_check = |look: f64| look > 120.0 && (2.5..7.5).contains(&((look - 1.0) % 10.0));
        let checks: Vec<f64> = looks.into_iter().map(|(look, _)| look).filter(|look| is_check(*look)).collect();
        assert!((3..=5).contains(&checks.len()), "{checks:?}");
        assert!(checks.windows(2).all(|two| two[1] - two[0] >= 180.0), "{checks:?}");
    }

    #[test]
    fn a_source_that_changes_always_never_or_without_a_rhythm_is_asked_as_the_freshness_says() {
        let plain: Vec<f64> = (0..60).map(|look| f64::from(look) * 5.0).collect();
        let no_rhythm = [3.0, 31.0, 38.0, 71.0, 72.0, 90.0, 131.0, 190.0, 207.0, 260.0, 290.0];
        for changes in [every(2.0, 0.5, |_| 0.0), every(5.0, 0.5, |_| 0.0), Vec::new()] {
            let looks: Vec<f64> = looks(&changes, 300.0).into_iter().map(|(look, _)| look).collect();
            assert_eq!(looks, plain);
        }
        let looks = looks(&no_rhythm, 300.0);
        assert_eq!(looks.len(), 60, "{looks:?}");
    }

    #[test]
    fn two_sources_that_answer_in_turn_have_no_rhythm() {
        // Every look goes to another replica, and they measure four seconds apart.
        let (mut rhythm, mut now, mut seen, mut looks) = (Rhythm::new(FRESHNESS), 0.0_f64, None, 0);
        while now < 300.0 {
            let replica = looks % 2;
            let answer = (replica, ((now - 4.0 * f64::from(replica)) / 15.0).floor());
            now += rhythm.look(at(now), seen.replace(answer).is_some_and(|seen| seen != answer)).as_secs_f64();
            looks += 1;
        }
        assert_eq!(looks, 60);
    }

    #[test]
    fn a_source_that_becomes_faster_is_followed_sooner_or_later() {
        let mut changes = every(60.0, 0.0, |_| 0.0);
        changes.truncate(20);
        changes.extend(every(15.0, 1_200.0, |_| 0.0));
        let looks = looks(&changes, 2_000.0);
        let last: Vec<_> = looks.iter().filter(|(look, _)| *look > 1_700.0).collect();
        assert!(last.len() >= 19 && last.iter().all(|(_, seen)| *seen <= 1), "{last:?}");
    }

    #[test]
    fn a_failure_a_gap_and_a_clock_that_jumps_back_start_it_afresh() {
        let learned = || {
            let mut rhythm = Rhythm::new(FRESHNESS);
            let mut now = 0.0;
            while now < 290.0 {
                let before = now;
                now += rhythm.look(at(now), true).as_secs_f64().max(0.0);
                if now - before <= 5.0 {
                    now += rhythm.look(at(now), false).as_secs_f64();
                }
            }
            rhythm
        };
        let mut failed = learned();
        failed.forget();
        assert_eq!(failed.look(at(300.0), true), FRESHNESS);
        let mut after_a_gap = learned();
        assert_eq!(after_a_gap.look(at(1_000.0), true), FRESHNESS);
        assert_eq!(learned().look(at(10.0), true), FRESHNESS);
    }

    proptest! {
        #[test]
        fn a_rhythm_with_jitter_is_never_seen_later_than_without_knowing_it(
            period in 1.0..70.0_f64,
            phase in 0.0..70.0_f64,
            jitter in prop::collection::vec(0.0..0.5_f64, 97),
        ) {
            let changes = every(period, phase, |beat| jitter[beat % jitter.len()]);
            let looks = looks(&changes, 1_500.0);
            let delays = delays(&changes, &looks, 0.0);
            prop_assert!(delays.iter().all(|delay| *delay <= 5.0 + 1e-5), "{delays:?} {looks:?}");
        }

        #[test]
        fn whatever_a_source_does_it_is_neither_stormed_nor_forgotten(
            answers in prop::collection::vec((any::<bool>(), 0.0..3.0_f64), 1..300),
        ) {
            let (mut rhythm, mut now) = (Rhythm::new(FRESHNESS), 0.0);
            for (has_changed, late) in answers {
                let wait = rhythm.look(at(now), has_changed).as_secs_f64();
                prop_assert!((0.5..=60.0).contains(&wait), "{wait}");
                now += wait + late;
            }
        }
    }
}
