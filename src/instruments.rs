//! What is counted and timed where it happens. One set of instruments is handed to the actors, the adapters and the HTTP
//! server; who counts does not know how it is shown, which is the business of `telemetry`.
//!
//! What can be read off the actors' published records is not counted here a second time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::Timestamp;
use crate::domain::decision::Outcome;
use crate::domain::reason::Reason;

/// The counters of one service.
#[derive(Debug)]
pub struct Instruments {
    ticks: Counter,
    left_out: Counter,
    on_change: Counter,
    lateness: Histogram,
    evaluations: Histogram,
    deciding: Histogram,
    decisions: Family<DecisionLabels, Counter>,
    actors: Gauge,
    restarts: Counter,
    registry_answers: Histogram,
    reads: Family<ReadLabels, Counter>,
    /// When the resource metrics were last read, in milliseconds since 1970; [`NEVER`] before that.
    resource_metrics_read_at: AtomicI64,
    kubernetes_requests: Family<KubernetesLabels, Counter>,
    kubernetes_answers: Family<VerbLabels, Histogram, fn() -> Histogram>,
    watch_failures: Family<WatchLabels, Counter>,
    events_dropped: Counter,
    http_requests: Family<HttpLabels, Counter>,
    http_answers: Histogram,
}

const NEVER: i64 = i64::MIN;

/// A source of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// CPU and memory, from the metrics API.
    ResourceMetrics,
    /// The GPUs of one node, from its DCGM exporter.
    GpuExporter,
}

impl Source {
    /// The source's name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceMetrics => "resource_metrics",
            Self::GpuExporter => "gpu_exporter",
        }
    }
}

/// How a request to the API server ended without an answer, in the place of a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It could not be sent, or the connection broke.
    Error,
    /// It was given up: after its time limit, or because nobody needs the answer any more.
    GivenUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadLabels {
    source: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubernetesLabels {
    verb: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabels {
    verb: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WatchLabels {
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: String,
    method: &'static str,
    code: u32,
}

/// From a tick that is on time to one that has missed its interval.
const LATENESS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];
/// From an evaluation on cached readings to one that waits for the API server until its limits.
const EVALUATION: [f64; 9] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0];
/// From a few pods to thousands.
const DECIDING: [f64; 8] = [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.025, 0.1];
/// Answers of the registry, which are made in memory.
const REGISTRY: [f64; 8] = [0.000_1, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5];
/// Answers over HTTP.
const ANSWER: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

fn answer_histogram() -> Histogram {
    Histogram::new(ANSWER)
}

impl Default for Instruments {
    fn default() -> Self {
        Self {
            ticks: Counter::default(),
            left_out: Counter::default(),
            on_change: Counter::default(),
            lateness: Histogram::new(LATENESS),
            evaluations: Histogram::new(EVALUATION),
            deciding: Histogram::new(DECIDING),
            decisions: Family::default(),
            actors: Gauge::default(),
            restarts: Counter::default(),
            registry_answers: Histogram::new(REGISTRY),
            reads: Family::default(),
            resource_metrics_read_at: AtomicI64::new(NEVER),
            kubernetes_requests: Family::default(),
            kubernetes_answers: Family::new_with_constructor(answer_histogram),
            watch_failures: Family::default(),
            events_dropped: Counter::default(),
            http_requests: Family::default(),
            http_answers: answer_histogram(),
        }
    }
}

impl Instruments {
    /// An autoscaler's evaluation is due, and noticed so late.
    pub fn ticked(&self, late: Duration) {
        self.ticks.inc();
        self.lateness.observe(late.as_secs_f64());
    }

    /// An evaluation is left out, because the last one is still under way.
    pub fn left_out(&self) {
        self.left_out.inc();
    }

    /// An evaluation begins because readings have changed.
    pub fn changed(&self) {
        self.on_change.inc();
    }

    /// An evaluation took so long, from looking at the workload to changing its scale.
    pub fn evaluated(&self, took: Duration) {
        self.evaluations.observe(took.as_secs_f64());
    }

    /// Deciding alone took so long.
    pub fn decided_in(&self, took: Duration) {
        self.deciding.observe(took.as_secs_f64());
    }

    /// A decision was made, or could not be.
    pub fn decided(&self, outcome: Outcome, reason: Reason) {
        let labels = DecisionLabels { outcome: outcome.as_str(), reason: reason.as_str() };
        self.decisions.get_or_create(&labels).inc();
    }

    /// There is one more actor, for as long as what is returned lives.
    pub fn actor(&self) -> LivingActor {
        self.actors.inc();
        LivingActor(self.actors.clone())
    }

    /// An autoscaler's actor crashed and is to be started again.
    pub fn crashed(&self) {
        self.restarts.inc();
    }

    /// The registry answered a question that needs nothing but its memory: the wait is that for its mailbox.
    pub fn registry_answered(&self, took: Duration) {
        self.registry_answers.observe(took.as_secs_f64());
    }

    /// A source was read, or could not be.
    pub fn read(&self, source: Source, at: Timestamp, worked: bool) {
        let result = if worked { "ok" } else { "error" };
        self.reads.get_or_create(&ReadLabels { source: source.as_str(), result }).inc();
        if worked && source == Source::ResourceMetrics {
            self.resource_metrics_read_at.store(at.timestamp_millis(), Ordering::Relaxed);
        }
    }

    /// When the resource metrics were last read; `None` before that.
    pub fn resource_metrics_read_at(&self) -> Option<Timestamp> {
        let millis = self.resource_metrics_read_at.load(Ordering::Relaxed);
        Timestamp::from_timestamp_millis(millis).filter(|_| millis != NEVER)
    }

    /// The API server answered a request, or did not.
    pub fn kubernetes_asked(&self, verb: &'static str, answer: Result<u16, NoAnswer>, took: Duration) {
        let code = match answer {
            Ok(code) => code.to_string(),
            Err(NoAnswer::Error) => "error".to_owned(),
            Err(NoAnswer::GivenUp) => "given_up".to_owned(),
        };
        self.kubernetes_requests.get_or_create(&KubernetesLabels { verb, code }).inc();
        self.kubernetes_answers.get_or_create(&VerbLabels { verb }).observe(took.as_secs_f64());
    }

    /// The watch of a resource, by its plural, broke.
    pub fn watch_failed(&self, resource: &str) {
        self.watch_failures.get_or_create(&WatchLabels { resource: resource.to_owned() }).inc();
    }

    /// So many Events were not written.
    pub fn events_dropped(&self, events: u64) {
        self.events_dropped.inc_by(events);
    }

    /// How many Events were not written.
    #[cfg(test)]
    pub(crate) fn dropped_events(&self) -> u64 {
        self.events_dropped.get()
    }

    /// A request of a client was answered. `route` is the path's pattern and never the path, of which there are any number.
    pub fn http_answered(&self, route: String, method: &'static str, code: u16, took: Duration) {
        self.http_requests.get_or_create(&HttpLabels { route, method, code: code.into() }).inc();
        self.http_answers.observe(took.as_secs_f64());
    }

    /// Adds all of them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("ticks", "Times at which an autoscaler was due to be evaluated", self.ticks.clone());
        registry.register_with_unit(
            "tick_lateness",
            "How long after it was due an evaluation began or was left out",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register(
            "evaluations_left_out",
            "Evaluations left out because the last one of the same autoscaler was still under way",
            self.left_out.clone(),
        );
        registry.register(
            "evaluations_on_change",
            "Evaluations, beside the ticks, that began because the readings of an autoscaler's pods had changed",
            self.on_change.clone(),
        );
        registry.register_with_unit(
            "evaluation_duration",
            "How long evaluations took, from looking at the workload to changing its scale",
            Unit::Seconds,
            self.evaluations.clone(),
        );
        registry.register_with_unit(
            "decision_duration",
            "How long deciding took, without looking and scaling",
            Unit::Seconds,
            self.deciding.clone(),
        );
        registry.register("decisions", "Decisions by outcome and reason (docs/decisions.md)", self.decisions.clone());
        registry.register("autoscaler_actors", "Actors of autoscalers that are alive", self.actors.clone());
        registry.register(
            "autoscaler_crashes",
            "Crashes of autoscalers' actors, each of which is started again",
            self.restarts.clone(),
        );
        registry.register_with_unit(
            "registry_answer_duration",
            "How long the registry took to answer what it knows by heart, which is the wait in its mailbox",
            Unit::Seconds,
            self.registry_answers.clone(),
        );
        registry.register("source_reads", "Readings of a source of measurements by result", self.reads.clone());
        registry.register(
            "kubernetes_requests",
            "Requests to the Kubernetes API by verb and status code; code is error or given_up where no answer came",
            self.kubernetes_requests.clone(),
        );
        registry.register_with_unit(
            "kubernetes_request_duration",
            "How long the Kubernetes API took to begin its answer",
            Unit::Seconds,
            self.kubernetes_answers.clone(),
        );
        registry.register(
            "watch_failures",
            "Times that the watch of a resource broke, the API server's planned ends left out",
            self.watch_failures.clone(),
        );
        registry.register(
            "events_dropped",
            "Kubernetes Events that were not written, because too many waited or the Kubernetes API did not take them",
            self.events_dropped.clone(),
        );
        registry.register(
            "http_requests",
            "Requests to this service by route, method and status code",
            self.http_requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long this service took to begin its answers",
            Unit::Seconds,
            self.http_answers.clone(),
        );
    }
}

/// An actor that lives as long as this does.
#[derive(Debug)]
pub struct LivingActor(Gauge<i64, AtomicI64>);

impl Drop for LivingActor {
    fn drop(&mut self) {
        self.0.dec();
    }
}
