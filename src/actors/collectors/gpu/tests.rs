use std::collections::HashMap;
use std::sync::Mutex;

use tokio::task::spawn_local;

use super::*;
use crate::actors::paused;
use crate::domain::gpu::GpuReading;
use crate::domain::observation::SourceState;
use crate::ports::{Device, PortFuture};

const FRESHNESS: Duration = Duration::from_secs(10);
const MAX_AGE: Duration = Duration::from_secs(60);

/// How an exporter answers.
#[derive(Clone)]
enum Answer {
    /// With one device of this pod, after some seconds.
    Shows(&'static str, u64),
    Fails(&'static str),
    /// After this time limit.
    Hangs(u64),
    Panics,
}

struct Exporters {
    clock: Clock,
    answers: Mutex<BTreeMap<String, Answer>>,
    calls: Mutex<HashMap<String, usize>>,
    at_once: Mutex<(usize, usize)>,
}

impl Exporters {
    fn set(&self, name: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(name.to_owned(), answer);
    }

    fn remove(&self, name: &str) {
        self.answers.lock().unwrap().remove(name);
    }

    fn calls(&self, name: &str) -> usize {
        self.calls.lock().unwrap().get(name).copied().unwrap_or_default()
    }

    fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }
}

/// `x-1` is on node `x`.
fn exporter(name: &str) -> Exporter {
    let node = name.split('-').next().map(Arc::from);
    Exporter { name: name.to_owned(), node, url: format!("http://{name}/metrics") }
}

impl ExporterDirectory for Exporters {
    fn exporters(&self) -> Result<Vec<Exporter>, String> {
        let all: Vec<_> = self.answers.lock().unwrap().keys().map(|name| exporter(name)).collect();
        if all.is_empty() { Err("there are none".to_owned()) } else { Ok(all) }
    }
}

impl GpuMetrics for Exporters {
    fn scrape(&self, exporter: &Exporter) -> PortFuture<Result<Scrape, ScrapeError>> {
        *self.calls.lock().unwrap().entry(exporter.name.clone()).or_default() += 1;
        let answer = self.answers.lock().unwrap().get(&exporter.name).cloned();
        let clock = self.clock;
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        Box::pin(async move {
            match answer.unwrap() {
                Answer::Shows(pod, seconds) => {
                    let reading =
                        GpuReading { utilization_percent: Some(50.0), ..GpuReading::new("nvidia0", clock.now()) };
                    clock.sleep(Duration::from_secs(seconds)).await;
                    let pod = Some(("ml".into(), pod.into()));
                    Ok(Scrape { devices: vec![Device { pod, reading }], ..Scrape::default() })
                }
                Answer::Fails(why) => Err(ScrapeError::Unreachable(why.to_owned())),
                Answer::Hangs(seconds) => {
                    let limit = Duration::from_secs(seconds);
                    clock.sleep(limit).await;
                    Err(ScrapeError::Timeout(limit))
                }
                Answer::Panics => panic!("scripted panic"),
            }
        })
    }
}

struct Stage {
    exporters: Arc<Exporters>,
    collector: Addr<GpuCollector>,
    clock: Clock,
}

impl Stage {
    async fn ask(&self) -> Arc<GpuTable> {
        self.collector.send(GetGpus).await.unwrap()
    }

    /// How many seconds an answer takes.
    async fn time_to_ask(&self) -> f64 {
        let asked = self.clock.steady();
        self.ask().await;
        (self.clock.steady() - asked).as_seconds_f64()
    }

    async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// When the GPUs of the pod were measured, and what is said about that.
    async fn find(&self, pod: &str, node: &str) -> (Option<f64>, Option<String>) {
        let found = self.ask().await.find("ml", pod, Some(&node.into()));
        let age = found.usage.map(|usage| (self.clock.now() - usage.devices[0].measured_at).as_seconds_f64().round());
        (age, found.gap.map(|gap| gap.to_string()))
    }
}

fn play(exporters: &[(&str, Answer)], test: impl AsyncFnOnce(Stage)) {
    paused::play(async |clock| {
        let answers = exporters.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        let exporters = Arc::new(Exporters {
            clock,
            answers: Mutex::new(answers),
            calls: Mutex::default(),
            at_once: Mutex::default(),
        });
        let settings =
            GpuCollectorSettings { freshness: FRESHNESS, max_age: MAX_AGE, concurrency: 4, window: Duration::ZERO };
        let collector = GpuCollector::new(
            exporters.clone(),
            exporters.clone(),
            clock,
            settings,
            Arc::default(),
            Arc::default(),
            Arc::default(),
        )
        .start();
        test(Stage { exporters, collector, clock }).await;
    });
}

#[test]
fn one_reading_of_each_exporter_serves_everyone_while_it_is_fresh() {
    play(&[("a-1", Answer::Shows("x", 1)), ("b-1", Answer::Shows("y", 1))], async |stage| {
        let asking: Vec<_> = (0..50).map(|_| spawn_local(stage.collector.send(GetGpus))).collect();
        for asked in asking {
            assert_eq!(asked.await.unwrap().unwrap().reports().len(), 2);
        }
        stage.pass(8).await;
        stage.ask().await;
        assert_eq!((stage.exporters.calls("a-1"), stage.exporters.calls("b-1")), (1, 1));
        stage.pass(2).await;
        stage.ask().await;
        assert_eq!(stage.exporters.calls("a-1"), 2);
    });
}

#[test]
fn nothing_is_read_unless_somebody_asks() {
    play(&[("a-1", Answer::Shows("x", 0))], async |stage| {
        stage.pass(3600).await;
        assert_eq!(stage.exporters.calls("a-1"), 0);
    });
}

#[test]
fn only_so_many_are_read_at_once() {
    let names: Vec<_> = (0..40).map(|number| format!("n{number}-1")).collect();
    let exporters: Vec<_> = names.iter().map(|name| (name.as_str(), Answer::Hangs(1))).collect();
    play(&exporters, async |stage| {
        stage.exporters.at_once.lock().unwrap().0 = 0;
        stage.ask().await;
        // None is counted as finished, so what was begun in the first second is what was under way in it.
        let begun: usize = stage.exporters.calls.lock().unwrap().values().sum();
        assert!((4..=12).contains(&begun), "{begun} were begun in two seconds");
        assert_eq!(stage.exporters.most_at_once(), begun);
    });
}

#[test]
fn an_exporter_that_hangs_keeps_others_waiting_for_a_moment_once_and_then_no_more() {
    play(&[("a-1", Answer::Shows("x", 0)), ("b-1", Answer::Hangs(5))], async |stage| {
        let first = stage.time_to_ask().await;
        assert!((1.9..2.1).contains(&first), "{first}");
        assert_eq!(stage.find("x", "a").await, (Some(2.0), None));
        stage.pass(10).await;
        assert!(stage.time_to_ask().await < 0.1, "it failed, so nobody waits for it");
        let (age, gap) = stage.find("y", "b").await;
        assert_eq!(
            (age, gap.as_deref()),
            (None, Some("the DCGM exporter b-1 on node b cannot be read: no complete answer within 5 s"))
        );
    });
}

#[test]
fn what_an_exporter_showed_counts_until_it_is_too_old() {
    play(&[("a-1", Answer::Shows("x", 0)), ("b-1", Answer::Shows("y", 0))], async |stage| {
        stage.ask().await;
        stage.exporters.set("a-1", Answer::Fails("connection refused"));
        stage.pass(30).await;
        let fault = "the DCGM exporter a-1 on node a cannot be read: connection refused".to_owned();
        assert_eq!(stage.find("x", "a").await, (Some(30.0), Some(fault.clone())), "the domain judges its age");
        assert_eq!(stage.find("y", "b").await, (Some(0.0), None));
        stage.exporters.set("a-1", Answer::Shows("x", 0));
        stage.pass(10).await;
        stage.ask().await;
        assert_eq!(stage.find("x", "a").await, (Some(0.0), None));
    });
}

#[test]
fn an_exporter_that_is_gone_is_forgotten_with_what_it_showed() {
    play(&[("a-1", Answer::Shows("x", 0)), ("b-1", Answer::Shows("y", 0))], async |stage| {
        stage.ask().await;
        stage.exporters.remove("a-1");
        stage.pass(10).await;
        let (age, gap) = stage.find("x", "a").await;
        assert_eq!(age, Some(10.0));
        assert!(gap.unwrap().contains("a-1 on node a cannot be read: it is not there any more"));
        stage.pass(60).await;
        let gap = Some("no DCGM exporter runs on node a".to_owned());
        assert_eq!(stage.find("x", "a").await, (None, gap));
        stage.exporters.remove("b-1");
        stage.pass(70).await;
        assert_eq!(stage.ask().await.source(), SourceState::Unavailable { error: "there are none".into() });
    });
}

#[test]
fn only_the_exporter_of_its_node_shows_a_pod() {
    play(&[("a-1", Answer::Shows("db-0", 0)), ("b-1", Answer::Shows("db-1", 0))], async |stage| {
        assert_eq!(stage.find("db-0", "a").await, (Some(0.0), None));
        let (age, gap) = stage.find("db-0", "b").await;
        assert_eq!(age, None, "the other node's still shows one of this name that is gone");
        assert!(gap.unwrap().contains("DCGM_EXPORTER_KUBERNETES"));
        let waiting = stage.ask().await.find("ml", "db-0", None);
        assert_eq!((waiting.usage, waiting.gap), (None, None));
    });
}

#[test]
fn a_panic_while_reading_is_a_fault_of_that_exporter() {
    play(&[("a-1", Answer::Panics), ("b-1", Answer::Shows("y", 0))], async |stage| {
        assert_eq!(stage.find("y", "b").await, (Some(0.0), None));
        assert!(stage.find("x", "a").await.1.unwrap().contains("reading it panicked"));
        stage.exporters.set("a-1", Answer::Shows("x", 0));
        stage.pass(10).await;
        stage.ask().await;
        assert_eq!(stage.find("x", "a").await, (Some(0.0), None));
    });
}

#[test]
fn without_any_reading_the_source_says_what_is_wrong() {
    play(&[("a-1", Answer::Fails("refused")), ("b-1", Answer::Fails("no route"))], async |stage| {
        let error = "none of 2 DCGM exporters can be read; the DCGM exporter a-1 on node a cannot be read: refused";
        assert_eq!(stage.ask().await.source(), SourceState::Unavailable { error: error.into() });
    });
}
