//! What one candidate may do at a time, by what it has seen. No clock is read here and nothing is asked.
//!
//! All times are those of the candidate's own steady clock; the times in the records are compared with nothing but
//! each other. That no two candidates lead at once rests on three rules:
//! - Each change of the record names the version that it was decided on.
//! - A claim counts from before the renewal was sent, and is shorter than what the record grants.
//! - Others wait for what the record grants from when they have first seen the record, which is after it was sent.

use std::sync::Arc;
use std::time::Duration;

use super::super::micro_time::rounded;
use super::record::Record;
use crate::domain::Timestamp;

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody else has it.
    Wait,
    /// Create it.
    Create,
    /// Take it.
    Take,
    /// It is ours: renew it.
    Renew,
}

/// One of those who want to lead.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    identity: Arc<str>,
    lasts: Duration,
    /// When this process took the Lease, or tries to. With the identity it marks a record as this process's own:
    /// another process may have the same identity, by mistake or because it is the one before this.
    term: Option<Timestamp>,
    seen: Option<Seen>,
    ours_until: Option<Timestamp>,
}

/// What was seen last, and since when it is so.
#[derive(Clone, Debug)]
struct Seen {
    what: Sight,
    since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sight {
    Held(Record),
    /// Somebody deleted it while another had it, for so long.
    Gone(Duration),
}

impl Candidate {
    /// A candidate that has seen nothing yet and takes the Lease for `lasts`.
    pub(super) fn new(identity: Arc<str>, lasts: Duration) -> Self {
        Self { identity, lasts, term: None, seen: None, ours_until: None }
    }

    /// Sees the Lease, or that there is none, and says what to do.
    pub(super) fn look(&mut self, record: Option<&Record>, now: Timestamp) -> Step {
        match record {
            Some(record) => self.look_at(record, now),
            None => self.miss(now),
        }
    }

    fn look_at(&mut self, record: &Record, now: Timestamp) -> Step {
        let is_mine = self.is_mine(record);
        let (since, is_new) = self.see(Sight::Held(record.clone()), now);
        if is_mine {
            return Step::Renew;
        }
        self.ours_until = None;
        if is_new {
            // What was sent before names another version, so it will not be accepted any more.
            self.term = None;
        }
        if record.holder.is_none() || has_passed(since, now, record.lasts.unwrap_or(self.lasts)) {
            return Step::Take;
        }
        Step::Wait
    }

    /// Whoever had the Lease does not know yet that it is gone.
    fn miss(&mut self, now: Timestamp) -> Step {
        self.ours_until = None;
        let left = match &self.seen {
            Some(Seen { what: Sight::Held(record), .. }) if record.holder.is_some() && !self.is_mine(record) => {
                Some(record.lasts.unwrap_or(self.lasts))
            }
            Some(Seen { what: Sight::Gone(lasts), .. }) => Some(*lasts),
            _ => None,
        };
        let Some(lasts) = left else { return Step::Create };
        let (since, _) = self.see(Sight::Gone(lasts), now);
        if has_passed(since, now, lasts) { Step::Create } else { Step::Wait }
    }

    /// When somebody else's Lease is free, if nothing changes until then.
    pub(super) fn free_at(&self) -> Option<Timestamp> {
        match &self.seen {
            Some(Seen { what: Sight::Held(record), since }) if !self.is_mine(record) => {
                Some(*since + record.lasts.unwrap_or(self.lasts))
            }
            Some(Seen { what: Sight::Gone(lasts), since }) => Some(*since + *lasts),
            _ => None,
        }
    }

    /// Notes what is to be seen. Returns since when it is so, and whether that is since now.
    fn see(&mut self, what: Sight, now: Timestamp) -> (Timestamp, bool) {
        if let Some(seen) = self.seen.as_ref().filter(|seen| seen.what == what) {
            return (seen.since, false);
        }
        self.seen = Some(Seen { what, since: now });
        (now, true)
    }

    /// When this process takes the Lease that it is about to take. As long as it is not known what became of the last
    /// try, it is the time of that: then it is recognized, should it have worked.
    pub(super) fn term(&mut self, now: Timestamp) -> Timestamp {
        *self.term.get_or_insert(rounded(now))
    }

    /// What was sent at `sent` was accepted, and this is the record that came of it.
    pub(super) fn accepted(&mut self, record: Record, sent: Timestamp, now: Timestamp) {
        let lasts = record.lasts.unwrap_or(self.lasts).min(self.lasts);
        self.ours_until = self.is_mine(&record).then(|| sent + lasts * 2 / 3);
        self.see(Sight::Held(record), now);
    }

    /// Until when it is certain that nobody else leads; `None` when that has passed.
    pub(super) fn ours_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.ours_until.filter(|until| *until > now)
    }

    /// Claims nothing any more. It still recognizes the record that it has to give up.
    pub(super) fn stop(&mut self) {
        self.ours_until = None;
    }

    /// Whether this process has the Lease, by a record of it.
    pub(super) fn is_mine(&self, record: &Record) -> bool {
        record.holder.as_deref() == Some(&*self.identity) && self.term.is_some() && record.acquired == self.term
    }
}

fn has_passed(since: Timestamp, now: Timestamp, span: Duration) -> bool {
    (now - since).to_std().is_ok_and(|passed| passed >= span)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rstest::rstest;

    use super::*;

    const LASTS: Duration = Duration::from_secs(15);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn candidate() -> Candidate {
        Candidate::new("me".into(), LASTS)
    }

    fn record(version: &str, holder: &str) -> Record {
        Record {
            version: version.to_owned(),
            holder: Some(holder).filter(|holder| !holder.is_empty()).map(Into::into),
            acquired: Some(at(1_000_000)),
            renewed: Some(at(1_000_000)),
            lasts: Some(Duration::from_secs(20)),
        }
    }

    /// The candidate after it took the Lease at 0, and the record of that.
    fn leader() -> (Candidate, Record) {
        let mut candidate = candidate();
        assert_eq!(candidate.look(None, at(0)), Step::Create);
        let record = Record { acquired: Some(candidate.term(at(0))), lasts: Some(LASTS), ..record("1", "me") };
        candidate.accepted(record.clone(), at(0), at(1));
        (candidate, record)
    }

    #[rstest]
    #[case::held("other", Step::Wait)]
    #[case::given_up("", Step::Take)]
    #[case::by_another_of_this_name("me", Step::Wait)]
    fn what_is_seen_first(#[case] holder: &str, #[case] expected: Step) {
        assert_eq!(candidate().look(Some(&record("1", holder)), at(0)), expected);
    }

    #[test]
    fn another_ones_lease_is_taken_when_it_was_seen_unchanged_for_as_long_as_it_says() {
        let mut candidate = candidate();
        let first = record("1", "other");
        assert_eq!(candidate.look(Some(&first), at(0)), Step::Wait);
        assert_eq!(candidate.look(Some(&first), at(19)), Step::Wait);
        assert_eq!(candidate.look(Some(&first), at(20)), Step::Take);
    }

    #[test]
    fn it_is_known_when_another_ones_lease_will_be_free() {
        let mut candidate = candidate();
        assert_eq!(candidate.free_at(), None, "nothing is known yet");
        candidate.look(Some(&record("1", "other")), at(3));
        candidate.look(Some(&record("1", "other")), at(5));
        assert_eq!(candidate.free_at(), Some(at(23)));
        assert_eq!(leader().0.free_at(), None, "it is this one's own");
    }

    #[rstest]
    #[case::version(record("2", "other"))]
    #[case::renewal(Record { renewed: Some(at(5)), ..record("1", "other") })]
    #[case::holder(record("1", "third"))]
    fn every_change_of_it_begins_the_wait_anew(#[case] changed: Record) {
        let mut candidate = candidate();
        candidate.look(Some(&record("1", "other")), at(0));
        assert_eq!(candidate.look(Some(&changed), at(19)), Step::Wait);
        assert_eq!(candidate.look(Some(&changed), at(38)), Step::Wait);
        assert_eq!(candidate.look(Some(&changed), at(39)), Step::Take);
    }

    #[test]
    fn a_record_that_does_not_say_how_long_it_lasts_is_waited_for_as_ones_own() {
        let mut candidate = candidate();
        let silent = Record { lasts: None, ..record("1", "other") };
        assert_eq!(candidate.look(Some(&silent), at(0)), Step::Wait);
        assert_eq!(candidate.look(Some(&silent), at(14)), Step::Wait);
        assert_eq!(candidate.look(Some(&silent), at(15)), Step::Take);
    }

    #[test]
    fn a_claim_counts_two_thirds_from_when_it_was_sent() {
        let (mut candidate, record) = leader();
        assert_eq!(candidate.ours_until(at(1)), Some(at(10)));
        assert_eq!(candidate.ours_until(at(10)), None);
        // It has lapsed, but nobody took it.
        assert_eq!(candidate.look(Some(&record), at(300)), Step::Renew);
        candidate.accepted(Record { version: "2".to_owned(), ..record }, at(300), at(304));
        assert_eq!(candidate.ours_until(at(304)), Some(at(310)));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_no_claim() {
        let (mut candidate, record) = leader();
        candidate.accepted(record, at(20), at(31));
        assert_eq!(candidate.ours_until(at(31)), None);
    }

    #[test]
    fn a_shorter_lease_than_asked_for_is_a_shorter_claim() {
        let (mut candidate, record) = leader();
        candidate.accepted(Record { lasts: Some(Duration::from_secs(3)), ..record }, at(20), at(20));
        assert_eq!(candidate.ours_until(at(20)), Some(at(22)));
    }

    #[test]
    fn who_sees_another_one_lead_does_not_lead() {
        for other in [record("2", "other"), record("2", ""), record("2", "me")] {
            let (mut candidate, _) = leader();
            candidate.look(Some(&other), at(2));
            assert_eq!(candidate.ours_until(at(2)), None);
        }
    }

    #[test]
    fn a_try_whose_answer_was_lost_is_recognized() {
        let mut candidate = candidate();
        let free = record("1", "");
        assert_eq!(candidate.look(Some(&free), at(0)), Step::Take);
        let term = candidate.term(at(0));
        // Not yet, as it seems.
        assert_eq!(candidate.look(Some(&free), at(4)), Step::Take);
        assert_eq!(candidate.term(at(4)), term);
        let taken = Record { acquired: Some(term), ..record("2", "me") };
        assert_eq!(candidate.look(Some(&taken), at(8)), Step::Renew);
        assert_eq!(candidate.ours_until(at(8)), None, "nobody knows when it was sent");
    }

    #[test]
    fn a_try_that_came_too_late_is_forgotten() {
        let mut candidate = candidate();
        candidate.look(Some(&record("1", "")), at(0));
        candidate.term(at(0));
        candidate.look(Some(&record("2", "other")), at(1));
        candidate.look(Some(&record("3", "")), at(2));
        assert_eq!(candidate.term(at(2)), at(2));
    }

    #[test]
    fn a_lease_that_was_deleted_is_created_when_its_holder_must_have_noticed() {
        let mut candidate = candidate();
        candidate.look(Some(&record("1", "other")), at(0));
        assert_eq!(candidate.look(None, at(5)), Step::Wait);
        assert_eq!(candidate.look(None, at(24)), Step::Wait);
        assert_eq!(candidate.look(None, at(25)), Step::Create);

        let (mut leader, _) = leader();
        assert_eq!(leader.look(None, at(2)), Step::Create);
        assert_eq!(leader.ours_until(at(2)), None);
    }
}
