//! What an autoscaler shows of itself. Its actor publishes a new snapshot after each evaluation; readers share it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::news::News;
use super::sums::{Share, Sums};
use crate::domain::Timestamp;
use crate::domain::access::CallerName;
use crate::domain::autoscaler::{Direction, Metric, ScalingRules, WorkloadRef};
use crate::domain::cause::ScaleAction;
use crate::domain::condition::Condition;
use crate::domain::conflict::Conflicts;
use crate::domain::decision::{Decision, State};
use crate::domain::decision_log::{DecisionLog, Entry, LogBounds};
use crate::domain::saved::{Announced, SavedStatus};
pub use crate::domain::status::Status;
use crate::domain::timeline::{Frame, Point, Timeline};
use crate::domain::utilization::MetricReport;
use crate::ports::store::{ObjectRef, StoredAutoscaler, Wanted};

/// One autoscaler at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its status.
    pub status: Status,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// The workload's `spec.replicas`, as last seen or set.
    pub current_replicas: u32,
    /// Where the last decision wanted to go.
    pub desired_replicas: u32,
    /// The last decision; `None` before the first, and while nothing is known about the workload.
    pub decision: Option<Arc<Decision>>,
    /// What is known of the three conditions, once there was an evaluation.
    pub conditions: Vec<Condition>,
    /// When it was last evaluated.
    pub updated_at: Option<Timestamp>,
    /// How it last scaled its workload.
    pub last_action: Option<ScaleAction>,
    /// How often it scaled up.
    pub scale_up_count: u64,
    /// How often it scaled down.
    pub scale_down_count: u64,
    /// Whether the last attempt to scale was forbidden, so that the permission is to be tried again.
    pub(super) forbidden: bool,
    /// What the next decision builds on; a restarted actor goes on from here.
    pub(super) state: State,
    /// The workload that the state is about.
    pub(super) uid: Option<Arc<str>>,
    /// What is known of other writers of the workload's replicas.
    pub(super) conflicts: Conflicts,
    /// A change that was about to be made when the one who wanted to make it was last heard of.
    pub(super) announced: Option<Announced>,
}

impl Snapshot {
    pub(super) fn new(replicas: u32) -> Self {
        Self {
            status: Status::Active,
            failure: None,
            current_replicas: replicas,
            desired_replicas: replicas,
            decision: None,
            conditions: Vec::new(),
            updated_at: None,
            last_action: None,
            scale_up_count: 0,
            scale_down_count: 0,
            forbidden: false,
            state: State::default(),
            uid: None,
            conflicts: Conflicts::default(),
            announced: None,
        }
    }

    /// The measured utilisation of a metric in percent; `None` when it is unknown.
    pub fn utilization_percent(&self, metric: Metric) -> Option<u32> {
        let report = self.report(metric).filter(|report| report.simulated.is_none())?;
        report.utilization.as_ref().ok().map(|utilization| whole(utilization.percent))
    }

    /// The same, or what is simulated in its place.
    pub fn shown_percent(&self, metric: Metric) -> Option<u32> {
        self.report(metric)?.shown_percent().map(whole)
    }

    fn report(&self, metric: Metric) -> Option<&MetricReport> {
        self.decision.as_ref()?.metrics.iter().find(|report| report.metric == metric)
    }

    /// How many replicas the metrics ask for, when that is more than the maximum, which the workload has.
    pub fn wants_more_than_max(&self) -> Option<u32> {
        let decision = self.decision.as_ref()?;
        let max = decision.rules.bounds.max();
        decision.recommended.filter(|wanted| *wanted > max && self.current_replicas >= max)
    }

    /// Why a metric with a target is unknown, or everything is; `None` when nothing is missing.
    pub fn unknown(&self) -> Option<String> {
        let Some(decision) = &self.decision else {
            return self.conditions.first().map(|condition| condition.message.to_string());
        };
        let mut with_target = decision.metrics.iter().filter(|report| report.target.is_some());
        with_target.find_map(|report| {
            let error = report.simulated.as_ref().map(|simulated| &simulated.because);
            let error = report.utilization.as_ref().err().or(error)?;
            Some(format!("{} is unknown: {error}", report.metric.title()))
        })
    }

    /// When it last scaled its workload.
    pub fn last_scale_time(&self) -> Option<Timestamp> {
        self.last_action.map(|action| action.at)
    }

    /// How often it scaled in a direction.
    pub fn scale_count(&self, direction: Direction) -> u64 {
        match direction {
            Direction::Up => self.scale_up_count,
            Direction::Down => self.scale_down_count,
        }
    }

    /// Whether something happened since `earlier`, beyond that the workload was looked at again.
    fn is_news_after(&self, earlier: &Self) -> bool {
        let counts = |of: &Self| (of.current_replicas, of.desired_replicas, of.scale_up_count, of.scale_down_count);
        let told = |of: &Self| (of.status, of.decision.is_some(), of.last_action.map(|action| action.at));
        // Without the messages, which have readings in them.
        let bare = |condition: &Condition| (condition.kind, condition.holds, condition.reason);
        let same_conditions = self.conditions.iter().map(bare).eq(earlier.conditions.iter().map(bare));
        counts(self) != counts(earlier)
            || told(self) != told(earlier)
            || self.failure != earlier.failure
            || !same_conditions
    }

    pub(super) fn count_scale(&mut self, direction: Direction, action: ScaleAction) {
        match direction {
            Direction::Up => self.scale_up_count += 1,
            Direction::Down => self.scale_down_count += 1,
        }
        self.last_action = Some(action);
    }
}

/// Only the HPA's readings can be negative.
fn whole(percent: i32) -> u32 {
    percent.max(0).unsigned_abs()
}

/// What a client wants of an autoscaler at present.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) rules: Arc<ScalingRules>,
    pub(super) paused: bool,
    /// Who wants it, if that is known.
    pub(super) by: Option<CallerName>,
    /// Who made the rules, if that is known.
    pub(super) rules_by: Option<CallerName>,
}

/// An autoscaler's identity, what is wanted of it, and what it did; shared by the registry, its actor and readers.
#[derive(Debug)]
pub struct AutoscalerRecord {
    /// `autoscaler-<8 hex>`.
    pub id: String,
    /// The name of its object, `hpa-<workload>-<6 hex>` if the API made it.
    pub hpa_name: String,
    /// Its object in the store.
    pub object: ObjectRef,
    /// The workload that it scales.
    pub workload: WorkloadRef,
    /// Who else scaled that when it was created, which it could then only observe.
    pub scaled_by: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// By whom, if that is known.
    pub created_by: Option<CallerName>,
    /// How often its actor crashed and was started again.
    pub(super) restarts: AtomicU32,
    /// Ends its work; nothing is scaled once this is cancelled.
    pub(super) deleted: CancellationToken,
    /// The latest known version of the object.
    object_version: AtomicU64,
    /// The generation of the object that `intent` is from.
    generation: AtomicI64,
    intent: ArcSwap<Intent>,
    /// What the store says of it: what was saved last, by whichever replica.
    saved: ArcSwapOption<SavedStatus>,
    /// How often other replicas wrote how it stands, as far as is known.
    written_by_others: AtomicU64,
    /// Whether the store has told of the object of its own accord: until then, an older list may be without it.
    pub(super) was_told_of: AtomicBool,
    /// The generation that the leader follows.
    followed: watch::Sender<i64>,
    /// Held while the object's status is being written, so that this process does not get into its own way.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// The older autoscaler that scales the same workload.
    shadowed_by: ArcSwapOption<String>,
    /// When it was last resumed, in milliseconds since 1970.
    resumed_at: AtomicI64,
    first: Arc<Snapshot>,
    latest: ArcSwap<Snapshot>,
    log: Mutex<DecisionLog>,
    timeline: Mutex<Timeline>,
    /// Grows with every change of what is to be seen of it.
    version: AtomicU64,
    /// Told of what happens.
    news: Arc<News>,
    sums: Arc<Sums>,
    /// What it is of the sums, as long as readers find it.
    share: Mutex<Option<Share>>,
}

impl AutoscalerRecord {
    /// The record of a stored autoscaler, whose workload has `replicas` as far as is known.
    pub(super) fn new(
        stored: &StoredAutoscaler,
        wanted: Wanted,
        id: String,
        first: Snapshot,
        scaled_by: Option<String>,
        log: LogBounds,
        (news, sums): (Arc<News>, Arc<Sums>),
    ) -> Self {
        let first = Arc::new(first);
        let followed = stored.saved.as_ref().map_or(0, |saved| saved.observed_generation);
        Self {
            id,
            hpa_name: stored.object.key.name.clone(),
            object: stored.object.clone(),
            workload: wanted.workload,
            scaled_by,
            created_at: stored.created_at,
            created_by: stored.created_by.clone(),
            restarts: AtomicU32::new(0),
            deleted: CancellationToken::new(),
            object_version: AtomicU64::new(stored.version),
            generation: AtomicI64::new(stored.generation),
            intent: ArcSwap::from_pointee(Intent {
                rules: Arc::new(wanted.rules),
                paused: wanted.paused,
                by: stored.changed_by.clone(),
                rules_by: stored.rules_by.clone(),
            }),
            saved: ArcSwapOption::new(stored.saved.clone()),
            written_by_others: AtomicU64::new(0),
            was_told_of: AtomicBool::new(false),
            followed: watch::Sender::new(followed),
            writing: tokio::sync::Mutex::new(()),
            shadowed_by: ArcSwapOption::empty(),
            resumed_at: AtomicI64::new(i64::MIN),
            latest: ArcSwap::new(first.clone()),
            first,
            log: Mutex::new(DecisionLog::new(log)),
            timeline: Mutex::default(),
            version: AtomicU64::new(0),
            news,
            sums,
            share: Mutex::new(None),
        }
    }

    /// The latest known version of its object.
    pub(super) fn object_version(&self) -> u64 {
        self.object_version.load(Ordering::Acquire)
    }

    /// Takes notice of a version of its object. Whether it is news.
    pub(super) fn saw_version(&self, version: u64) -> bool {
        self.object_version.fetch_max(version, Ordering::AcqRel) < version
    }

    /// The generation of its object that is followed.
    pub(super) fn generation(&self) -> i64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn saw_generation(&self, generation: i64) {
        self.generation.fetch_max(generation, Ordering::AcqRel);
    }

    /// What was saved of it last.
    pub(super) fn saved(&self) -> Option<Arc<SavedStatus>> {
        self.saved.load_full()
    }

    /// Takes notice of what was saved, by this replica or by another.
    pub(super) fn was_saved(&self, saved: Arc<SavedStatus>) {
        self.followed.send_replace(saved.observed_generation);
        self.saved.store(Some(saved));
    }

    /// Takes notice of what another replica wrote.
    pub(super) fn was_saved_by_another(&self, saved: Arc<SavedStatus>) {
        self.written_by_others.fetch_add(1, Ordering::AcqRel);
        self.was_saved(saved);
    }

    /// How often other replicas wrote how it stands. What was decided before such news was decided without it.
    pub(super) fn written_by_others(&self) -> u64 {
        self.written_by_others.load(Ordering::Acquire)
    }

    /// Completes when the leader follows this generation.
    pub(super) async fn is_followed(&self, generation: i64) {
        // The record holds the sender, so this cannot fail.
        let _ = self.followed.subscribe().wait_for(|followed| *followed >= generation).await;
    }

    /// Takes notice of when it was last resumed. Whether that is news.
    pub(super) fn was_resumed(&self, at: Option<Timestamp>) -> bool {
        let at = at.map_or(i64::MIN, |at| at.timestamp_millis());
        // The clocks of the replicas differ, so a later one need not be greater.
        self.resumed_at.swap(at, Ordering::AcqRel) != at
    }

    /// The older autoscaler that scales the same workload, which this one then does not.
    pub fn shadowed_by(&self) -> Option<Arc<String>> {
        self.shadowed_by.load_full()
    }

    /// Another autoscaler scales the workload, or none any more. Whether that is news.
    pub(super) fn shadow(&self, by: Option<&str>) -> bool {
        let before = self.shadowed_by.swap(by.map(|by| Arc::new(by.to_owned())));
        before.as_deref().map(String::as_str) != by
    }

    /// How it scales its workload.
    pub fn rules(&self) -> Arc<ScalingRules> {
        self.intent.load().rules.clone()
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.intent.load().paused
    }

    /// Who made what is wanted what it is, if that is known.
    pub fn changed_by(&self) -> Option<CallerName> {
        self.intent.load().by.clone()
    }

    /// Who made its rules, if that is known.
    pub fn rules_by(&self) -> Option<CallerName> {
        self.intent.load().rules_by.clone()
    }

    pub(super) fn intend(&self, intent: Intent) {
        self.intent.store(Arc::new(intent));
        self.recount();
        self.version.fetch_add(1, Ordering::Release);
        self.news.happened();
    }

    /// Its status now.
    pub fn status(&self) -> Status {
        if self.is_paused() { Status::Inactive } else { self.snapshot().status }
    }

    /// What it decided of late, newest first.
    pub fn decisions(&self) -> Vec<Arc<Entry>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).newest_first().cloned().collect()
    }

    /// What it decided last.
    pub fn last_decision(&self) -> Option<Arc<Entry>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).newest_first().next().cloned()
    }

    pub(super) fn decided(&self, entry: Entry) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).add(entry);
    }

    /// What it looked like over the last hours.
    pub fn timeline(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn saw(&self, at: Timestamp, decision: &Decision, current: u32) {
        self.timeline().record(at, &Point::of(decision, current), Frame::from(&*decision.rules));
    }

    /// Another number whenever something else is to be seen of it.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted.is_cancelled()
    }

    /// The snapshot of its creation, before any evaluation.
    pub fn first_snapshot(&self) -> &Snapshot {
        &self.first
    }

    /// The latest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.latest.load_full()
    }

    /// How often its actor crashed and was started again.
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// What it is of the sums now.
    pub(super) fn share_now(&self) -> Share {
        let snapshot = self.latest.load();
        let active = !self.is_paused() && snapshot.status == Status::Active;
        Share { active, cpu_percent: snapshot.utilization_percent(Metric::Cpu).filter(|_| active) }
    }

    /// From now on readers find it, or not any more.
    pub(super) fn is_listed(&self, is_listed: bool) {
        self.recount_if(|_| is_listed);
    }

    /// Something has changed about it.
    fn recount(&self) {
        self.recount_if(|is_listed| is_listed);
    }

    /// Brings its share of the sums up to date, if it is to have one; `is_to` is told whether it has one now.
    fn recount_if(&self, is_to: impl FnOnce(bool) -> bool) {
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at with the lock held: whoever changes it last looks last.
        let now = is_to(share.is_some()).then(|| self.share_now());
        self.sums.replace(share.unwrap_or_default(), now.unwrap_or_default());
        *share = now;
    }

    pub(super) fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let before = self.latest.swap(snapshot.clone());
        self.recount();
        self.version.fetch_add(1, Ordering::Release);
        if snapshot.is_news_after(&before) {
            self.news.happened();
        }
    }
}

/// Scale operations since the service started, those of deleted autoscalers included.
#[derive(Debug, Default)]
pub struct ScaleTotals {
    ups: AtomicU64,
    downs: AtomicU64,
}

impl ScaleTotals {
    /// Counts operations, be they of this life of the service, of an earlier one, or of another replica.
    pub(super) fn add(&self, direction: Direction, count: u64) {
        self.counter(direction).fetch_add(count, Ordering::Relaxed);
    }

    fn counter(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Up => &self.ups,
            Direction::Down => &self.downs,
        }
    }

    /// How many there were in a direction.
    pub fn get(&self, direction: Direction) -> u64 {
        self.counter(direction).load(Ordering::Relaxed)
    }
}
