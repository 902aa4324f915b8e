use std::sync::Mutex;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::task::spawn_local;

use super::*;
use crate::actors::paused;
use crate::domain::observation::PodUsage;
use crate::ports::{NamespaceUsage, PortFuture, UsageTable};

const FRESHNESS: Duration = Duration::from_secs(15);

/// How the source answers.
#[derive(Clone)]
enum Answer {
    Table,
    /// The pods are measured every so many seconds.
    Measured(i64),
    Fails(ClusterError),
    Panics,
    /// A panic before there is a future.
    PanicsAtOnce,
}

struct Source {
    clock: Clock,
    calls: Mutex<Vec<Scope>>,
    answer: Mutex<Answer>,
    /// Answers wait while this is false.
    open: watch::Sender<bool>,
}

impl Source {
    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<Scope> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl ResourceMetrics for Source {
    fn list(&self, scope: Scope, _: Option<Arc<UsageTable>>) -> PortFuture<Result<UsageTable, ClusterError>> {
        self.calls.lock().unwrap().push(scope);
        let answer = self.answer.lock().unwrap().clone();
        assert!(!matches!(answer, Answer::PanicsAtOnce), "scripted panic");
        let (mut open, clock) = (self.open.subscribe(), self.clock);
        Box::pin(async move {
            open.wait_for(|open| *open).await.unwrap();
            match answer {
                Answer::Table => Ok(UsageTable::new("test")),
                Answer::Measured(period) => Ok(measured(clock.now(), period)),
                Answer::Fails(error) => Err(error),
                _ => panic!("scripted panic"),
            }
        })
    }
}

/// A table of pods that were measured when `period` seconds last began. One of them comes and goes at other times.
fn measured(now: Timestamp, period: i64) -> UsageTable {
    let measured_at = now - TimeDelta::milliseconds(now.timestamp_millis() % (period * 1_000));
    let usage = Arc::new(PodUsage { measured_at, window: Duration::ZERO, containers: Vec::new() });
    let is_there = |pod: &&str| *pod == "pod" || now.timestamp() % 14 < 7;
    let pods = ["pod", "passing"].into_iter().filter(is_there).map(|pod| (pod.into(), usage.clone()));
    let pods = NamespaceUsage::from_iter(pods);
    UsageTable { namespaces: [("a".into(), Arc::new(pods))].into(), ..UsageTable::new("test") }
}

struct Stage {
    source: Arc<Source>,
    collector: Addr<ResourceCollector>,
    clock: Clock,
}

impl Stage {
    async fn ask(&self, namespace: &str) -> UsageResult {
        self.collector.send(GetUsage { namespace: namespace.into() }).await.unwrap()
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

/// Runs a test with a collector of its own, on one thread, with a paused clock.
fn play(test: impl AsyncFnOnce(Stage)) {
    paused::play(async |clock| {
        let answer = Mutex::new(Answer::Table);
        let source = Arc::new(Source { clock, calls: Mutex::default(), answer, open: watch::Sender::new(true) });
        let settings = CollectorSettings { freshness: FRESHNESS, cluster_scope_from: 3 };
        let collector =
            ResourceCollector::new(source.clone(), clock, settings, Arc::default(), Arc::default(), Arc::default())
                .start();
        test(Stage { source, collector, clock }).await;
    });
}

fn namespace(name: &str) -> Scope {
    Scope::Namespace(name.into())
}

#[test]
fn one_result_serves_everyone_until_it_is_no_longer_fresh() {
    play(async |stage| {
        let first = stage.ask("a").await.unwrap();
        stage.pass(14).await;
        let second = stage.ask("a").await.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(stage.source.calls(), [namespace("a")]);
        stage.pass(1).await;
        let third = stage.ask("a").await.unwrap();
        assert!(!Arc::ptr_eq(&first, &third));
        assert_eq!(stage.source.calls(), [namespace("a")]);
    });
}

#[test]
fn a_source_that_measures_seldom_is_asked_about_once_for_each_time_and_no_later_than_before() {
    play(async |stage| {
        stage.source.answers(Answer::Measured(60));
        let mut latest = 0;
        for second in 0..3_600 {
            let table = stage.ask("a").await.unwrap();
            let age = stage.clock.now() - table.get("a", "pod").unwrap().measured_at;
            if second >= 1_800 {
                latest = latest.max(age.num_seconds() - 60);
            } else {
                stage.source.calls();
            }
            stage.pass(1).await;
        }
        let calls = stage.source.calls().len();
        assert!((30..=45).contains(&calls), "{calls} for thirty changes");
        assert!((0..=15).contains(&latest), "{latest} s after the change");
        stage.source.answers(Answer::Fails(ClusterError::Unavailable("away".into())));
        while stage.ask("a").await.is_ok() {
            stage.pass(1).await;
        }
        stage.source.calls();
        stage.pass(15).await;
        assert!(stage.ask("a").await.is_err());
        assert_eq!(stage.source.calls().len(), 1, "one that fails is asked as its freshness says");
    });
}

#[test]
fn who_asks_while_a_request_is_under_way_shares_its_answer() {
    play(async |stage| {
        stage.source.open.send_replace(false);
        let asking: Vec<_> = (0..100)
            .map(|_| {
                let collector = stage.collector.clone();
                spawn_local(async move { collector.send(GetUsage { namespace: "a".into() }).await.unwrap() })
            })
            .collect();
        stage.pass(40).await;
        assert_eq!(stage.source.calls(), [namespace("a")], "however long it takes");
        stage.source.open.send_replace(true);
        for answer in asking {
            assert!(answer.await.unwrap().is_ok());
        }
        stage.ask("a").await.unwrap();
        assert!(stage.source.calls().is_empty(), "it is fresh from its arrival on, not from its departure");
    });
}

#[test]
fn the_mailbox_is_free_while_a_request_is_under_way() {
    play(async |stage| {
        stage.ask("a").await.unwrap();
        stage.source.open.send_replace(false);
        let collector = stage.collector.clone();
        let waiting = spawn_local(async move { collector.send(GetUsage { namespace: "b".into() }).await });
        stage.pass(1).await;
        assert!(stage.ask("a").await.is_ok());
        assert!(!waiting.is_finished());
    });
}

#[test]
fn who_stops_waiting_does_not_take_the_answer_from_the_others() {
    play(async |stage| {
        stage.source.open.send_replace(false);
        let impatient = stage.collector.send(GetUsage { namespace: "a".into() }).timeout(Duration::from_secs(1));
        assert_eq!(impatient.await, Err(MailboxError::Timeout));
        let collector = stage.collector.clone();
        let patient = spawn_local(async move { collector.send(GetUsage { namespace: "a".into() }).await.unwrap() });
        stage.pass(1).await;
        stage.source.open.send_replace(true);
        assert!(patient.await.unwrap().is_ok());
        assert_eq!(stage.source.calls(), [namespace("a")]);
    });
}

#[test]
fn with_many_namespaces_in_use_one_request_reads_the_cluster() {
    play(async |stage| {
        stage.ask("a").await.unwrap();
        stage.ask("b").await.unwrap();
        stage.ask("c").await.unwrap();
        assert_eq!(stage.source.calls(), [namespace("a"), namespace("b"), Scope::Cluster]);
        for name in ["a", "b", "c", "d"] {
            stage.ask(name).await.unwrap();
        }
        assert!(stage.source.calls().is_empty());
        // Two of them fall out of use.
        for _ in 0..31 {
            stage.pass(10).await;
            stage.ask("a").await.unwrap();
            stage.ask("b").await.unwrap();
        }
        assert!(stage.source.calls().starts_with(&[Scope::Cluster]));
        stage.pass(15).await;
        stage.ask("a").await.unwrap();
        stage.ask("b").await.unwrap();
        assert_eq!(stage.source.calls(), [namespace("a"), namespace("b")]);
    });
}

#[test]
fn what_serves_nobody_any_more_is_forgotten() {
    play(async |stage| {
        let unused = Arc::downgrade(&stage.ask("a").await.unwrap());
        stage.pass(200).await;
        let namespaced = Arc::downgrade(&stage.ask("b").await.unwrap());
        assert!(unused.strong_count() > 0, "its namespace is still in use");
        stage.pass(101).await;
        stage.ask("c").await.unwrap();
        assert_eq!(unused.strong_count(), 0);
        assert!(namespaced.strong_count() > 0);
        // A third namespace: from now on the cluster is read.
        stage.ask("d").await.unwrap();
        assert_eq!(namespaced.strong_count(), 0);
        let cluster = Arc::downgrade(&stage.ask("b").await.unwrap());
        assert_eq!(stage.source.calls().last(), Some(&Scope::Cluster));
        stage.pass(301).await;
        stage.ask("b").await.unwrap();
        assert_eq!(cluster.strong_count(), 0, "one namespace is left in use, and read alone");
        assert_eq!(stage.source.calls(), [namespace("b")]);
    });
}

#[test]
fn a_plea_for_a_pause_is_heard_for_a_minute_at_most() {
    play(async |stage| {
        let retry_after = Some(Duration::from_secs(86_400));
        stage.source.answers(Answer::Fails(ClusterError::Overloaded { message: "too many".into(), retry_after }));
        assert!(stage.ask("a").await.is_err());
        stage.source.answers(Answer::Table);
        stage.pass(59).await;
        assert!(stage.ask("a").await.is_err());
        stage.pass(1).await;
        assert!(stage.ask("a").await.is_ok());
        assert_eq!(stage.source.calls().len(), 2);
    });
}

#[test]
fn a_failing_source_is_not_asked_more_often() {
    play(async |stage| {
        let error = ClusterError::Unavailable("connection refused".into());
        stage.source.answers(Answer::Fails(error.clone()));
        for _ in 0..15 {
            assert_eq!(stage.ask("a").await, Err(error.clone()));
            stage.pass(1).await;
        }
        assert_eq!(stage.source.calls().len(), 1);
        stage.source.answers(Answer::Table);
        assert!(stage.ask("a").await.is_ok(), "it recovers as soon as the failure is no longer fresh");
    });
}

#[test]
fn an_overloaded_api_server_is_left_alone_as_long_as_it_asks_for() {
    play(async |stage| {
        let overloaded = |seconds| ClusterError::Overloaded {
            message: "too many requests".into(),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        stage.source.answers(Answer::Fails(overloaded(60)));
        assert!(stage.ask("a").await.is_err());
        stage.source.answers(Answer::Table);
        stage.pass(59).await;
        assert_eq!(stage.ask("a").await, Err(overloaded(60)));
        assert_eq!(stage.source.calls().len(), 1);
        stage.pass(1).await;
        assert!(stage.ask("a").await.is_ok());

        stage.pass(15).await;
        stage.source.answers(Answer::Fails(overloaded(1)));
        assert!(stage.ask("a").await.is_err());
        stage.source.calls();
        stage.pass(14).await;
        assert!(stage.ask("a").await.is_err());
        assert!(stage.source.calls().is_empty(), "a short pause does not shorten the freshness");
    });
}

#[test]
fn a_panic_of_the_source_is_an_error_for_those_who_asked_and_nothing_more() {
    for answer in [Answer::Panics, Answer::PanicsAtOnce] {
        play(async |stage| {
            stage.source.answers(answer.clone());
            let error = stage.ask("a").await.unwrap_err();
            assert_eq!(error, ClusterError::Unavailable("reading the metrics panicked".into()));
            stage.source.answers(Answer::Table);
            stage.pass(15).await;
            assert!(stage.ask("a").await.is_ok());
        });
    }
}
