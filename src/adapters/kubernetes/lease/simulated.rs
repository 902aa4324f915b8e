//! Candidates in a world where messages are late or lost, processes freeze and clocks differ: two never lead at once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;
use proptest::prelude::*;

use super::super::micro_time::rounded;
use super::candidate::{Candidate, Step};
use super::record::Record;
use crate::domain::Timestamp;

const LASTS: Duration = Duration::from_secs(15);
/// In milliseconds, as all times of the world.
const RETRY: u64 = 2_000;
const GIVE_UP: u64 = 2_500;
/// Until when things go wrong.
const TROUBLE: u64 = 180_000;
/// What is left for the candidates to agree when all goes well again.
const PEACE: u64 = 120_000;

#[derive(Clone, Debug)]
enum Request {
    Get,
    /// With the version that it is based on; `None` creates.
    Write(Option<String>, Record),
}

#[derive(Clone, Debug)]
enum Answer {
    Read(Option<Record>),
    Written(Record),
    Conflict,
}

#[derive(Clone, Debug)]
enum Event {
    Wake,
    /// What was decided is sent, perhaps some time after it was decided.
    Send(Step, Option<Record>),
    Arrive(Request, Timestamp),
    Answer(Answer, Timestamp),
    GiveUp,
    Freeze(u64),
    Restart,
    Resign,
    /// Somebody changes an annotation.
    Touch,
}

struct Replica {
    candidate: Candidate,
    identity: String,
    /// How its clock differs: where it began, and how fast it is.
    offset: TimeDelta,
    rate: f64,
    frozen_until: u64,
    /// Events of an earlier turn are not for this one.
    turn: u64,
    known: Option<Record>,
    resigning: bool,
}

impl Replica {
    fn time(&self, now: u64) -> Timestamp {
        let passed = Duration::from_millis(now).mul_f64(self.rate);
        Timestamp::UNIX_EPOCH + self.offset + TimeDelta::from_std(passed).unwrap()
    }

    fn leads(&self, now: u64) -> bool {
        self.candidate.ours_until(self.time(now)).is_some()
    }
}

struct World {
    rng: Rng,
    now: u64,
    record: Option<Record>,
    versions: u64,
    replicas: Vec<Replica>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, (usize, u64, Event)>,
    /// Who led in which order, each once in a row.
    leaders: Vec<usize>,
}

impl World {
    fn new(seed: u64, names: &[&str]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let replica = |name: &&str| Replica {
            candidate: Candidate::new((*name).into(), LASTS),
            identity: (*name).to_owned(),
            offset: TimeDelta::seconds(rng.i64(-1_000_000..1_000_000)),
            rate: 0.95 + 0.1 * rng.f64(),
            frozen_until: 0,
            turn: 0,
            known: None,
            resigning: false,
        };
        let replicas = names.iter().map(replica).collect();
        let (queue, events) = (BinaryHeap::new(), BTreeMap::new());
        let mut world = Self { rng, now: 0, record: None, versions: 0, replicas, queue, events, leaders: Vec::new() };
        for replica in 0..names.len() {
            world.put(replica, 0, Event::Wake);
            for _ in 0..6 {
                let at = world.rng.u64(0..TROUBLE);
                let event = match world.rng.u8(0..6) {
                    0 => Event::Restart,
                    1 => Event::Resign,
                    2 => Event::Touch,
                    _ => Event::Freeze(world.rng.u64(0..40_000)),
                };
                world.put_at(replica, at, event);
            }
        }
        world
    }

    fn put(&mut self, replica: usize, after: u64, event: Event) {
        self.put_at(replica, self.now + after, event);
    }

    fn put_at(&mut self, replica: usize, at: u64, event: Event) {
        let key = self.events.last_key_value().map_or(0, |(key, _)| key + 1);
        self.events.insert(key, (replica, self.replicas[replica].turn, event));
        self.queue.push(Reverse((at, key)));
    }

    /// How long a message takes; `None` when it is lost.
    fn delay(&mut self) -> Option<u64> {
        if self.now > TROUBLE {
            return Some(5);
        }
        match self.rng.u8(0..20) {
            0 => None,
            1 => Some(self.rng.u64(0..30_000)),
            2..5 => Some(self.rng.u64(0..3_000)),
            _ => Some(self.rng.u64(1..50)),
        }
    }

    fn run(mut self) -> Self {
        while let Some(Reverse((at, key))) = self.queue.pop() {
            self.now = at;
            if at > TROUBLE + PEACE {
                break;
            }
            let Some((of, turn, event)) = self.events.remove(&key) else { continue };
            self.happen(of, turn, event);
            let leaders: Vec<_> = (0..self.replicas.len()).filter(|it| self.replicas[*it].leads(at)).collect();
            assert!(leaders.len() <= 1, "at {at} ms {leaders:?} lead at once");
            if let [leader] = leaders[..]
                && self.leaders.last() != Some(&leader)
            {
                self.leaders.push(leader);
            }
        }
        self
    }

    fn happen(&mut self, of: usize, turn: u64, event: Event) {
        if let Event::Arrive(request, sent) = event {
            // Requests arrive whatever has become of their sender.
            let answer = self.answer(request);
            if let Some(delay) = self.delay() {
                let key = self.events.last_key_value().map_or(0, |(key, _)| key + 1);
                self.events.insert(key, (of, turn, Event::Answer(answer, sent)));
                self.queue.push(Reverse((self.now + delay, key)));
            }
            return;
        }
        let is_from_outside = matches!(event, Event::Freeze(_) | Event::Restart | Event::Resign | Event::Touch);
        let replica = &mut self.replicas[of];
        if !is_from_outside && turn != replica.turn {
            return;
        }
        if replica.frozen_until > self.now && !matches!(event, Event::Restart) {
            let thaw = replica.frozen_until;
            self.put_at(of, thaw, event);
            return;
        }
        match event {
            Event::Freeze(span) => replica.frozen_until = self.now + span,
            Event::Restart => {
                replica.candidate = Candidate::new(replica.identity.as_str().into(), LASTS);
                (replica.frozen_until, replica.resigning) = (0, false);
                self.end_turn(of, None, 1_000);
            }
            Event::Resign => {
                replica.resigning = true;
                replica.candidate.stop();
                self.end_turn(of, None, 0);
            }
            Event::Touch => {
                if let Some(mut record) = self.record.take() {
                    record.version = self.version();
                    self.record = Some(record);
                }
            }
            Event::Wake => match replica.known.take() {
                Some(record) => self.look(of, Some(record)),
                None => self.send(of, Request::Get),
            },
            Event::Send(step, record) => self.send_write(of, step, record),
            Event::Answer(answer, sent) => self.hear(of, answer, sent),
            Event::GiveUp => self.end_turn(of, None, RETRY),
            Event::Arrive(..) => {}
        }
    }

    fn version(&mut self) -> String {
        self.versions += 1;
        self.versions.to_string()
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Get => Answer::Read(self.record.clone()),
            Request::Write(based_on, mut record) => {
                if based_on != self.record.as_ref().map(|record| record.version.clone()) {
                    return Answer::Conflict;
                }
                record.version = self.version();
                self.record = Some(record.clone());
                Answer::Written(record)
            }
        }
    }

    fn look(&mut self, of: usize, record: Option<Record>) {
        let replica = &mut self.replicas[of];
        let now = replica.time(self.now);
        let step = replica.candidate.look(record.as_ref(), now);
        if replica.resigning && step != Step::Renew {
            self.come_back(of);
        } else if step == Step::Wait {
            self.end_turn(of, None, RETRY);
        } else {
            let pause = if self.rng.u8(0..10) == 0 { self.rng.u64(0..5_000) } else { 0 };
            self.put(of, pause, Event::Send(step, record));
        }
    }

    fn send_write(&mut self, of: usize, step: Step, record: Option<Record>) {
        let replica = &mut self.replicas[of];
        let now = replica.time(self.now);
        let based_on = record.as_ref().map(|record| record.version.clone());
        let acquired = match (step, &record) {
            (Step::Renew, Some(record)) => record.acquired,
            _ => Some(replica.candidate.term(now)),
        };
        let holder = (!replica.resigning).then(|| replica.identity.as_str().into());
        let written =
            Record { version: String::new(), holder, acquired, renewed: Some(rounded(now)), lasts: Some(LASTS) };
        self.send(of, Request::Write(based_on, written));
    }

    fn send(&mut self, of: usize, request: Request) {
        let sent = self.replicas[of].time(self.now);
        if let Some(delay) = self.delay() {
            self.put(of, delay, Event::Arrive(request, sent));
        }
        self.put(of, GIVE_UP, Event::GiveUp);
    }

    fn hear(&mut self, of: usize, answer: Answer, sent: Timestamp) {
        let replica = &mut self.replicas[of];
        let now = replica.time(self.now);
        // What has been answered is not given up any more.
        replica.turn += 1;
        match answer {
            Answer::Read(record) => self.look(of, record),
            Answer::Conflict => self.send(of, Request::Get),
            Answer::Written(_) if replica.resigning => self.come_back(of),
            Answer::Written(record) => {
                replica.candidate.accepted(record.clone(), sent, now);
                self.end_turn(of, Some(record), RETRY);
            }
        }
    }

    /// Who has resigned comes back as another process, as after an update.
    fn come_back(&mut self, of: usize) {
        let replica = &mut self.replicas[of];
        replica.candidate = Candidate::new(replica.identity.as_str().into(), LASTS);
        replica.resigning = false;
        self.end_turn(of, None, 20_000);
    }

    fn end_turn(&mut self, of: usize, known: Option<Record>, pause: u64) {
        let replica = &mut self.replicas[of];
        replica.turn += 1;
        replica.known = known;
        self.put(of, pause, Event::Wake);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_never_lead_at_once_and_in_the_end_one_does(seed: u64, number in 1..5_usize, same_name: bool) {
        let names = if same_name { ["a", "b", "a", "c"] } else { ["a", "b", "c", "d"] };
        let world = World::new(seed, &names[..number]).run();
        prop_assert!(world.replicas.iter().any(|replica| replica.leads(world.now)), "nobody leads in the end");
    }
}

#[test]
fn the_simulated_world_is_not_a_quiet_one() {
    let changes: Vec<_> = (0..50).map(|seed| World::new(seed, &["a", "b", "c"]).run().leaders.len()).collect();
    assert!(changes.iter().all(|changes| *changes >= 1), "{changes:?}");
    assert!(changes.iter().sum::<usize>() > 100, "{changes:?}");
}
