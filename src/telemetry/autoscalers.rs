//! Each autoscaler, as its actor last published it. What is not known has no series: an unknown is never zero.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, LabelSetEncoder};

use super::families::{About, about, gauges, infos, states};
use crate::actors::fleet::Attention;
use crate::actors::snapshot::{AutoscalerRecord, Snapshot, Status};
use crate::domain::Timestamp;
use crate::domain::autoscaler::{Metric, ScalingRules};
use crate::domain::decision::Decision;
use crate::domain::utilization::MetricReport;

const INFO: About = about(
    "autoscaler",
    "What an autoscaler is called elsewhere, and its own mode; join it with the labels of its workload",
);
const MIN: About = about("autoscaler_spec_min_replicas", "The fewest replicas that a workload may have");
const MAX: About = about("autoscaler_spec_max_replicas", "The most replicas that a workload may have");
const TARGET: About =
    about("autoscaler_spec_target_utilization", "The wanted utilization, 0.7 for 70 %").in_unit("ratio");
const STATUS: About = about("autoscaler_status", "The status of an autoscaler: 1 for the present one");
const CURRENT: About =
    about("autoscaler_status_current_replicas", "The replicas that a workload is to have at present");
const DESIRED: About = about(
    "autoscaler_status_desired_replicas",
    "The replicas that the last decision wanted, by all windows and limits",
);
const RECOMMENDED: About = about(
    "autoscaler_status_recommended_replicas",
    "The replicas that the metrics asked for, before windows and limits",
);
const WANTS_MORE: About = about(
    "autoscaler_status_wants_more_than_max",
    "Whether a workload has max_replicas and its metrics ask for more; being there and content is 0",
);
const UTILIZATION: About =
    about("autoscaler_status_utilization", "The measured utilization of what is requested, 0.7 for 70 %")
        .in_unit("ratio");
const SIMULATED: About = about(
    "autoscaler_status_simulated_utilization",
    "A made-up utilization that is shown because nothing was measured",
)
.in_unit("ratio");
const UNKNOWN: About =
    about("autoscaler_status_metric_unknown", "Whether a metric with a target could not be measured");
const COUNT: About = about("autoscalers", "Autoscalers by status");
const ATTENTION: About = about("autoscalers_attention", "Autoscalers by what needs attention; the gravest counts");
const LEFT_OUT: About = about(
    "autoscalers_left_out",
    "Autoscalers without series of their own (settings: prometheus), by what needs attention",
);

/// What was decided longer ago than so many intervals and [`GRACE`] is not known any more.
const INTERVALS: u32 = 3;

/// How long an evaluation may wait for a slow cluster.
const GRACE: Duration = Duration::from_secs(60);

/// All autoscalers at the time of the scrape.
#[derive(Debug)]
pub(super) struct AutoscalerFamilies {
    views: Vec<View>,
    /// How many of them have series of their own.
    shown: usize,
}

/// One autoscaler at that time.
#[derive(Debug)]
struct View {
    record: Arc<AutoscalerRecord>,
    rules: Arc<ScalingRules>,
    status: Status,
    snapshot: Arc<Snapshot>,
    seen: Seen,
}

/// What is known of the workload.
#[derive(Debug)]
enum Seen {
    /// It is not looked at, or was not yet.
    Unlooked,
    /// It is looked at, and nothing is known.
    Nothing,
    /// What the last decision saw.
    Decided(Arc<Decision>),
}

impl Seen {
    fn new(rules: &ScalingRules, status: Status, snapshot: &Snapshot, now: Timestamp) -> Self {
        let holds_for = rules.interval.length() * INTERVALS + GRACE;
        let holds = |decision: &Decision| (now - decision.now).to_std().map_or(true, |age| age <= holds_for);
        match &snapshot.decision {
            _ if status == Status::Inactive || snapshot.updated_at.is_none() => Self::Unlooked,
            Some(decision) if holds(decision) => Self::Decided(decision.clone()),
            _ => Self::Nothing,
        }
    }
}

impl View {
    fn new(record: Arc<AutoscalerRecord>, now: Timestamp) -> Self {
        let (rules, status, snapshot) = (record.rules(), record.status(), record.snapshot());
        let seen = Seen::new(&rules, status, &snapshot, now);
        Self { record, rules, status, snapshot, seen }
    }

    /// The count as last seen or set.
    fn current(&self) -> Option<u32> {
        self.decision().map(|_| self.snapshot.current_replicas)
    }

    fn decision(&self) -> Option<&Decision> {
        match &self.seen {
            Seen::Decided(decision) => Some(decision),
            Seen::Unlooked | Seen::Nothing => None,
        }
    }

    fn recommended(&self) -> Option<u32> {
        self.decision()?.recommended
    }

    fn wants_more_than_max(&self) -> Option<bool> {
        self.recommended().map(|_| self.snapshot.wants_more_than_max().is_some())
    }

    fn reports(&self) -> impl Iterator<Item = &MetricReport> {
        self.decision().into_iter().flat_map(|decision| &decision.metrics)
    }

    /// For each metric with a target, whether it is unknown; nothing while the workload is not looked at.
    fn unknown(&self) -> impl Iterator<Item = (Metric, bool)> {
        let targets = Metric::ALL.into_iter().filter(|metric| self.rules.targets.get(*metric).is_some());
        targets.filter_map(|metric| match &self.seen {
            Seen::Unlooked => None,
            Seen::Nothing => Some((metric, true)),
            Seen::Decided(decision) => {
                let report = decision.metrics.iter().find(|report| report.metric == metric);
                Some((metric, report.and_then(measured).is_none()))
            }
        })
    }

    fn labels(&self) -> WorkloadLabels<'_> {
        WorkloadLabels(&self.record)
    }
}

/// What was really measured. Simulated utilization that is acted on looks measured otherwise.
fn measured(report: &MetricReport) -> Option<f64> {
    let utilization = report.utilization.as_ref().ok().filter(|_| report.simulated.is_none())?;
    Some(ratio(utilization.percent))
}

fn ratio(percent: i32) -> f64 {
    f64::from(percent) / 100.0
}

/// What a workload is known by. It stays the same when its autoscaler is created again, as the id does not.
#[derive(Clone, Copy)]
struct WorkloadLabels<'a>(&'a AutoscalerRecord);

impl EncodeLabelSet for WorkloadLabels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let workload = &self.0.workload;
        let labels: [(&str, &str); 3] = [
            ("namespace", &workload.namespace),
            ("workload_kind", workload.kind.as_str()),
            ("workload", &workload.name),
        ];
        labels.encode(encoder)
    }
}

fn metric_label(metric: Metric) -> [(&'static str, &'static str); 1] {
    [("metric", metric.as_str())]
}

impl AutoscalerFamilies {
    /// What was published of `records` until `now`, by the clock that never jumps; the first of them have series of their
    /// own.
    pub(super) fn new(records: Vec<Arc<AutoscalerRecord>>, now: Timestamp, most: usize) -> Self {
        let views: Vec<_> = records.into_iter().map(|record| View::new(record, now)).collect();
        Self { shown: most.min(views.len()), views }
    }

    /// About how long the text will be.
    pub(super) fn expected_bytes(&self) -> usize {
        const EACH: usize = 2_500;
        const ALL_ELSE: usize = 32 * 1024;
        self.shown.saturating_mul(EACH).saturating_add(ALL_ELSE)
    }

    fn shown(&self) -> impl Iterator<Item = &View> {
        self.views.iter().take(self.shown)
    }

    /// How many of the views from the `from`th on need each kind of attention.
    fn attention(&self, from: usize) -> impl Iterator<Item = ([(&'static str, &'static str); 1], u64)> {
        let mut counts = [0; Attention::ALL.len()];
        for view in self.views.iter().skip(from) {
            let (attention, _) = Attention::of(&view.record);
            for (count, _) in counts.iter_mut().zip(Attention::ALL).filter(|(_, kind)| *kind == attention) {
                *count += 1;
            }
        }
        Attention::ALL.into_iter().zip(counts).map(|(kind, count)| ([("attention", kind.as_str())], count))
    }

    fn encode_specs(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let names = |view: &View| {
            let (record, mode) = (&view.record, view.rules.mode.as_str().to_owned());
            [("autoscaler_id", record.id.clone()), ("hpa_name", record.hpa_name.clone()), ("mode", mode)]
        };
        infos(encoder, INFO, self.shown().map(|view| (view.labels(), names(view))))?;
        gauges(encoder, MIN, self.shown().map(|view| (view.labels(), view.rules.bounds.min())))?;
        gauges(encoder, MAX, self.shown().map(|view| (view.labels(), view.rules.bounds.max())))?;
        let targets = self.shown().flat_map(|view| {
            let target = |metric| Some((metric, view.rules.targets.get(metric)?));
            let labelled = |(metric, target)| ((view.labels(), metric_label(metric)), target);
            Metric::ALL.into_iter().filter_map(target).map(labelled)
        });
        gauges(encoder, TARGET, targets.map(|(labels, target)| (labels, f64::from(target.get()) / 100.0)))
    }

    fn encode_counts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let statuses = self.shown().flat_map(|view| {
            states(Status::ALL, view.status)
                .map(|(status, present)| ((view.labels(), [("status", status.as_str())]), present))
        });
        gauges(encoder, STATUS, statuses)?;
        let decided = || self.shown().filter_map(|view| Some((view.labels(), view.decision()?)));
        gauges(encoder, CURRENT, self.shown().filter_map(|view| Some((view.labels(), view.current()?))))?;
        gauges(encoder, DESIRED, decided().map(|(labels, decision)| (labels, decision.desired)))?;
        gauges(encoder, RECOMMENDED, self.shown().filter_map(|view| Some((view.labels(), view.recommended()?))))?;
        let wants_more = self.shown().filter_map(|view| Some((view.labels(), view.wants_more_than_max()?)));
        gauges(encoder, WANTS_MORE, wants_more.map(|(labels, more)| (labels, u32::from(more))))
    }

    fn encode_metrics(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let reports = || {
            self.shown()
                .flat_map(|view| view.reports().map(|report| ((view.labels(), metric_label(report.metric)), report)))
        };
        gauges(encoder, UTILIZATION, reports().filter_map(|(labels, report)| Some((labels, measured(report)?))))?;
        let simulated = |report: &MetricReport| report.simulated.as_ref().map(|simulated| ratio(simulated.percent));
        gauges(encoder, SIMULATED, reports().filter_map(|(labels, report)| Some((labels, simulated(report)?))))?;
        let unknown = self.shown().flat_map(|view| {
            view.unknown().map(|(metric, unknown)| ((view.labels(), metric_label(metric)), u32::from(unknown)))
        });
        gauges(encoder, UNKNOWN, unknown)
    }
}

impl Collector for AutoscalerFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.encode_specs(encoder)?;
        self.encode_counts(encoder)?;
        self.encode_metrics(encoder)?;
        let with = |status| self.views.iter().filter(|view| view.status == status).count() as u64;
        gauges(encoder, COUNT, Status::ALL.map(|status| ([("status", status.as_str())], with(status))))?;
        gauges(encoder, ATTENTION, self.attention(0))?;
        gauges(encoder, LEFT_OUT, self.attention(self.shown))
    }
}
