//! Typed settings: built-in defaults < file < environment < flags.
#![allow(clippy::disallowed_methods)] // The one place that reads the environment.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use config::{Config, Environment, File, FileFormat};
use serde::Deserialize;

use crate::domain::autoscaler::Mode;
use crate::domain::decision_log::LogBounds;
use crate::domain::namespaces::NamespaceRules;
use crate::domain::validation::is_dns_label;
use crate::simulation::SimulationSettings;
use crate::telemetry::SeriesLimits;

mod auth;
mod gpu;
#[cfg(test)]
mod hostile_file;
mod http;
mod keeping;
mod outgoing;
mod refusal;
mod surroundings;

pub use self::auth::{Auth, Authentication};
pub use self::gpu::Gpu;
pub use self::http::Http;
pub use self::keeping::{Events, LeaderElection, Store};
pub use self::outgoing::Outgoing;
pub use self::refusal::Refusal;
pub use self::surroundings::{ClientEnvironment, Surroundings};

const DEFAULTS: &str = include_str!("../config/default.toml");

/// What can be given on the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// A settings file (TOML) that overrides the defaults
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Option<String>,
    /// The port to listen on; 0 takes a free one
    #[arg(long)]
    pub port: Option<u16>,
    /// Work on the cluster of this kubeconfig
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Work on the cluster of this kubeconfig context
    #[arg(long)]
    pub context: Option<String>,
    /// Work on the simulated cluster, whatever else is there
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    pub simulated: bool,
    /// Whether to scale (active) or only to decide and record (observe); it can be switched at run time
    #[arg(long, value_name = "MODE")]
    pub mode: Option<String>,
    /// How many times as fast as real time the simulated cluster runs
    #[arg(long, value_name = "FACTOR", allow_hyphen_values = true)]
    pub speed: Option<f64>,
}

/// All settings; `config/default.toml` says what each means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The HTTP server.
    pub http: Http,
    /// Who is let in.
    pub auth: Auth,
    /// Which cluster to work on.
    pub cluster: Cluster,
    /// Where the autoscalers are kept.
    pub store: Store,
    /// Which of several replicas scales.
    pub leader_election: LeaderElection,
    /// The cluster's Events.
    pub events: Events,
    /// The metric sources.
    pub metrics: Metrics,
    /// The GPUs.
    pub gpu: Gpu,
    /// Where requests may go.
    pub outgoing: Outgoing,
    /// What Prometheus is shown.
    pub prometheus: Prometheus,
    /// Whether anything is scaled.
    pub scaling: Scaling,
    /// What is remembered of decisions.
    pub decisions: Decisions,
    /// Where workloads may be put under autoscaling.
    pub namespaces: Namespaces,
    /// The actor system.
    pub actors: Actors,
    /// The log.
    pub log: Log,
    /// The simulated cluster.
    #[serde(default)]
    pub simulation: SimulationSettings,
}

/// `[cluster]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    kind: ClusterKind,
    kubeconfig: String,
    context: String,
    request_timeout_seconds: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
enum ClusterKind {
    Auto,
    InCluster,
    Kubeconfig,
    Simulated,
}

impl TryFrom<String> for ClusterKind {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "in-cluster" => Ok(Self::InCluster),
            "kubeconfig" => Ok(Self::Kubeconfig),
            "simulated" => Ok(Self::Simulated),
            _ => Err("it must be one of auto, in-cluster, kubeconfig or simulated"),
        }
    }
}

/// The cluster that the service works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterChoice {
    /// The one whose pod this is.
    InCluster,
    /// The one of a kubeconfig.
    Kubeconfig {
        /// The file, or several in the form of the variable `KUBECONFIG`.
        path: PathBuf,
        /// The context; `None` is the current one.
        context: Option<String>,
    },
    /// The one in this process.
    Simulated,
}

impl Cluster {
    /// Which cluster to work on.
    pub fn choice(&self, surroundings: &Surroundings) -> ClusterChoice {
        let named = !self.kubeconfig.is_empty() || !self.context.is_empty();
        match self.kind {
            ClusterKind::InCluster => ClusterChoice::InCluster,
            ClusterKind::Kubeconfig => self.kubeconfig_choice(surroundings),
            ClusterKind::Simulated => ClusterChoice::Simulated,
            ClusterKind::Auto if named => self.kubeconfig_choice(surroundings),
            ClusterKind::Auto if surroundings.in_pod => ClusterChoice::InCluster,
            ClusterKind::Auto if surroundings.kubeconfig.is_some() => self.kubeconfig_choice(surroundings),
            ClusterKind::Auto => ClusterChoice::Simulated,
        }
    }

    /// Whether the cluster is left to the surroundings.
    pub fn is_auto(&self) -> bool {
        self.kind == ClusterKind::Auto
    }

    /// The named file, else where kubectl looks.
    fn kubeconfig_choice(&self, surroundings: &Surroundings) -> ClusterChoice {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let path = given(&self.kubeconfig).map(PathBuf::from);
        ClusterChoice::Kubeconfig {
            path: path.unwrap_or_else(|| surroundings.usual_kubeconfig()),
            context: given(&self.context),
        }
    }

    /// The time limit of one request to the API server.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }
}

/// `[metrics]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    max_age_seconds: u64,
    freshness_seconds: u64,
    /// With this many namespaces in use, one request for the cluster replaces one for each.
    pub cluster_scope_from_namespaces: usize,
}

impl Metrics {
    /// A reading older than this is unknown.
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds)
    }

    /// Readings this young serve everyone who asks.
    pub fn freshness(&self) -> Duration {
        Duration::from_secs(self.freshness_seconds)
    }
}

/// `[prometheus]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    per_autoscaler: bool,
    max_autoscalers: usize,
    max_gpu_exporters: usize,
}

impl Prometheus {
    /// How many series there may be.
    pub fn limits(&self) -> SeriesLimits {
        let autoscalers = if self.per_autoscaler { self.max_autoscalers } else { 0 };
        SeriesLimits { autoscalers, exporters: self.max_gpu_exporters }
    }
}

/// `[scaling]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    mode: ModeName,
    min_interval_seconds: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct ModeName(Mode);

impl TryFrom<String> for ModeName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|()| "it must be one of active or observe")
    }
}

impl Scaling {
    /// The mode in which the service starts.
    pub fn mode(&self) -> Mode {
        self.mode.0
    }

    /// However often its readings change, an autoscaler is evaluated for that only so often.
    pub fn min_interval(&self) -> Duration {
        Duration::from_secs(self.min_interval_seconds)
    }
}

/// `[decisions]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    keep_entries: usize,
    keep_kib: usize,
}

impl Decisions {
    /// How much each autoscaler remembers.
    pub fn bounds(&self) -> LogBounds {
        LogBounds { entries: self.keep_entries, bytes: self.keep_kib.saturating_mul(1024) }
    }
}

/// `[namespaces]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespaces {
    allow: Vec<String>,
    deny: Vec<String>,
}

impl Namespaces {
    /// Where workloads may be put under autoscaling.
    pub fn rules(&self) -> NamespaceRules {
        NamespaceRules { allow: self.allow.clone(), deny: self.deny.clone() }
    }
}

/// `[actors]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actors {
    /// Threads that autoscalers run on; 0 is one for each core but one, at least one.
    pub arbiters: usize,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// env_logger's filters.
    pub filter: String,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read, or a value has the wrong type or an unknown name.
    #[error("invalid settings")]
    Invalid(#[from] Refusal),
    /// The log's filter is none.
    #[error("invalid settings: log.filter (or RUST_LOG)")]
    LogFilter(#[from] env_filter::ParseError),
    /// A name in `namespaces.allow` or `namespaces.deny` can be no namespace's.
    #[error("invalid settings: \"{0}\" in namespaces.allow or namespaces.deny is no name of a namespace")]
    Namespace(String),
    /// The address is none.
    #[error("invalid settings: http.bind \"{0}\" is no IP address (and neither \"auto\" nor \"localhost\")")]
    Bind(String),
    /// An allowed host is none.
    #[error(
        "invalid settings: http.allowed_hosts: \"{0}\" is no name of a host; write it as orchestrator.example or \
         orchestrator.example:8443"
    )]
    AllowedHost(String),
    /// The service would be open to everybody who reaches it.
    #[error(
        "refusing to listen on {0} without authentication: whoever reaches the port could resize the cluster's workloads. \
         Set auth.token_file (ORCHESTRATOR__AUTH__TOKEN_FILE), or auth.mode = \"kubernetes\" to ask the cluster; \
         auth.mode = \"none\" says that something in front of the service decides who gets through"
    )]
    OpenToEverybody(IpAddr),
    /// A number is out of its range.
    #[error("invalid settings: {0}")]
    Range(&'static str),
}

impl From<config::ConfigError> for SettingsError {
    fn from(error: config::ConfigError) -> Self {
        Self::Invalid(error.into())
    }
}

impl Settings {
    /// Loads the settings.
    pub fn load(flags: &Flags) -> Result<Self, SettingsError> {
        // What is no Unicode is nothing of ours.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::load_with(flags, variables.collect())
    }

    fn load_with(flags: &Flags, variables: HashMap<String, String>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = &flags.config {
            builder = builder.add_source(File::from(path.as_path()).format(FileFormat::Toml));
        }
        let environment = Environment::with_prefix("ORCHESTRATOR")
            .source(Some(variables.clone()))
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true);
        builder = builder.add_source(environment);
        // Parsing would make another text of one that looks like a number.
        for (variable, key) in [
            ("ORCHESTRATOR__AUTH__TOKEN_FILE", "auth.token_file"),
            ("ORCHESTRATOR__HTTP__TLS__CERT_FILE", "http.tls.cert_file"),
            ("ORCHESTRATOR__HTTP__TLS__KEY_FILE", "http.tls.key_file"),
            ("ORCHESTRATOR__HTTP__TLS__CLIENT_CA_FILE", "http.tls.client_ca_file"),
            ("ORCHESTRATOR__CLUSTER__KUBECONFIG", "cluster.kubeconfig"),
            ("ORCHESTRATOR__CLUSTER__CONTEXT", "cluster.context"),
            ("PORT", "http.port"),
            ("RUST_LOG", "log.filter"),
        ] {
            let value = variables.get(variable).filter(|value| !value.is_empty());
            builder = builder.set_override_option(key, value.map(String::as_str))?;
        }
        for (variable, key) in [
            ("ORCHESTRATOR__HTTP__ALLOWED_HOSTS", "http.allowed_hosts"),
            ("ORCHESTRATOR__NAMESPACES__ALLOW", "namespaces.allow"),
            ("ORCHESTRATOR__NAMESPACES__DENY", "namespaces.deny"),
            ("ORCHESTRATOR__AUTH__AUDIENCES", "auth.audiences"),
            ("ORCHESTRATOR__GPU__SELECTORS", "gpu.selectors"),
            ("ORCHESTRATOR__GPU__URLS", "gpu.urls"),
            ("ORCHESTRATOR__OUTGOING__ALLOW", "outgoing.allow"),
            ("ORCHESTRATOR__OUTGOING__DENY", "outgoing.deny"),
        ] {
            builder = builder.set_override_option(key, variables.get(variable).map(|text| list(text)))?;
        }
        let settings: Self = builder
            .set_override_option("http.bind", flags.bind.clone())?
            .set_override_option("http.port", flags.port)?
            .set_override_option("cluster.kubeconfig", flags.kubeconfig.clone())?
            .set_override_option("cluster.context", flags.context.clone())?
            .set_override_option("cluster.kind", flags.simulated.then_some("simulated"))?
            .set_override_option("scaling.mode", flags.mode.clone())?
            .set_override_option("simulation.speed", flags.speed)?
            .build()?
            .try_deserialize()?;
        settings.check()
    }

    fn check(self) -> Result<Self, SettingsError> {
        let positive = |seconds: u64, message| if seconds == 0 { Err(SettingsError::Range(message)) } else { Ok(()) };
        // A change that was sent is awaited when an autoscaler is deleted and when the service stops, which takes 10 s at
        // most.
        if !(1..=5).contains(&self.cluster.request_timeout_seconds) {
            return Err(SettingsError::Range("cluster.request_timeout_seconds must be between 1 and 5"));
        }
        if !(1..=3600).contains(&self.metrics.max_age_seconds) {
            return Err(SettingsError::Range("metrics.max_age_seconds must be between 1 and 3600"));
        }
        positive(self.metrics.freshness_seconds, "metrics.freshness_seconds must be at least 1")?;
        if self.metrics.freshness_seconds >= self.metrics.max_age_seconds {
            return Err(SettingsError::Range("metrics.freshness_seconds must be less than metrics.max_age_seconds"));
        }
        if !(1..=3600).contains(&self.scaling.min_interval_seconds) {
            return Err(SettingsError::Range("scaling.min_interval_seconds must be between 1 and 3600"));
        }
        self.gpu.check()?;
        self.auth.check()?;
        self.store.check(&self.cluster)?;
        self.leader_election.check()?;
        self.http.check()?;
        if self.actors.arbiters > 256 {
            return Err(SettingsError::Range("actors.arbiters must be at most 256"));
        }
        if !(1..=10_000).contains(&self.decisions.keep_entries) {
            return Err(SettingsError::Range("decisions.keep_entries must be between 1 and 10000"));
        }
        if !(0.1..=1440.0).contains(&self.simulation.speed) {
            return Err(SettingsError::Range("simulation.speed must be between 0.1 and 1440"));
        }
        let named = self.namespaces.allow.iter().chain(&self.namespaces.deny);
        if let Some(name) = named.into_iter().find(|name| !is_dns_label(name)) {
            return Err(SettingsError::Namespace(name.clone()));
        }
        env_filter::Builder::new().try_parse(&self.log.filter)?;
        Ok(self)
    }
}

/// The parts between commas; nothing is an empty list.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &Flags, variables: &[(&str, &str)], port: Option<&str>) -> Result<Settings, SettingsError> {
        let port = port.map(|port| ("PORT", port));
        let variables = variables.iter().copied().chain(port);
        Settings::load_with(flags, variables.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn the_defaults_load() {
        let settings = load(&Flags::default(), &[], None).unwrap();
        assert_eq!(settings.http.port, 8080);
        assert_eq!(settings.namespaces.deny, ["kube-system"]);
        assert_eq!(settings.metrics.max_age(), Duration::from_secs(90));
        assert_eq!(settings.gpu.freshness(Duration::from_secs(90)), Duration::from_secs(10));
        assert_eq!(settings.gpu.freshness(Duration::from_secs(6)), Duration::from_secs(3));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "[http]\nport = 1000\nworkers = 3\n[metrics]\nmax_age_seconds = 61\n").unwrap();
        let mut flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
        let variables = [
            ("ORCHESTRATOR__HTTP__PORT", "2000"),
            ("ORCHESTRATOR__METRICS__MAX_AGE_SECONDS", "62"),
            ("ORCHESTRATOR__NAMESPACES__DENY", "kube-system,prod"),
            ("ORCHESTRATOR__SIMULATION__SPEED", "60"),
        ];
        let settings = load(&flags, &variables, None).unwrap();
        assert_eq!((settings.http.port, settings.http.workers), (2000, 3));
        assert_eq!(settings.metrics.max_age(), Duration::from_secs(62));
        assert_eq!(settings.namespaces.deny, ["kube-system", "prod"]);
        assert_eq!(settings.simulation.speed, 60.0);
        assert_eq!(load(&flags, &variables, Some("3000")).unwrap().http.port, 3000);
        flags.port = Some(4000);
        assert_eq!(load(&flags, &variables, Some("3000")).unwrap().http.port, 4000);
    }

    #[test]
    fn a_wrong_setting_is_refused_and_named() {
        let refusal = |key: &str, value: &str| {
            let error = load(&Flags::default(), &[(key, value)], None).unwrap_err();
            format!("{:#}", anyhow::Error::from(error))
        };
        assert!(refusal("ORCHESTRATOR__HTTP__PROT", "1").contains("prot"));
        assert!(refusal("ORCHESTRATOR__HTTP__PORT", "70000").contains("port"));
        assert!(refusal("ORCHESTRATOR__METRICS__FRESHNESS_SECONDS", "0").contains("freshness_seconds"));
        assert!(refusal("ORCHESTRATOR__SCALING__MIN_INTERVAL_SECONDS", "0").contains("min_interval_seconds"));
        assert!(refusal("ORCHESTRATOR__CLUSTER__KIND", "cloud").contains("one of auto, in-cluster"));
        for speed in ["0", "-1", "nan", "inf", "1e7"] {
            assert!(refusal("ORCHESTRATOR__SIMULATION__SPEED", speed).contains("simulation.speed"), "{speed}");
        }
        for (key, value, named) in [
            ("WORKERS", "600", "http.workers"),
            ("MAX_CONNECTIONS", "0", "http.max_connections"),
            ("MAX_CONNECTIONS", "100001", "http.max_connections"),
            ("BURST", "0", "http.burst"),
            ("REQUESTS_PER_SECOND", "1000001", "http.requests_per_second"),
            ("ALLOWED_HOSTS", "good.example,https://evil.example", "\"https://evil.example\" is no name of a host"),
            ("ALLOWED_HOSTS", "*.example", "\"*.example\" is no name of a host"),
            ("TLS__CERT_FILE", "/tls.crt", "set http.tls.key_file"),
            ("TLS__KEY_FILE", "/tls.key", "set http.tls.cert_file"),
            ("TLS__CLIENT_CA_FILE", "/ca.crt", "http.tls.client_ca_file needs TLS"),
        ] {
            let refusal = refusal(&format!("ORCHESTRATOR__HTTP__{key}"), value);
            assert!(refusal.contains(named), "{key} {value}: {refusal}");
        }
        for (key, value) in [
            ("NAMESPACE", "Monitoring"),
            ("SELECTORS", ""),
            ("DEFAULT_PORT", "0"),
            ("PATH", "metrics"),
            ("FRESHNESS_SECONDS", "0"),
            ("TIMEOUT_SECONDS", "11"),
            ("CONCURRENCY", "0"),
            ("MAX_ANSWER_KIB", "65537"),
            ("COLLECT_INTERVAL_SECONDS", "3601"),
        ] {
            let setting = format!("gpu.{}", key.to_lowercase());
            assert!(refusal(&format!("ORCHESTRATOR__GPU__{key}"), value).contains(&setting), "{setting} {value}");
        }
        assert!(refusal("ORCHESTRATOR__GPU__PREFER", "best").contains("one of gpu_util"));
        assert!(refusal("ORCHESTRATOR__ACTORS__ARBITERS", "5000").contains("actors.arbiters"));
        assert!(refusal("ORCHESTRATOR__AUTH__MODE", "basic").contains("one of auto, kubernetes"));
        assert!(refusal("ORCHESTRATOR__AUTH__CACHE_SECONDS", "3600").contains("auth.cache_seconds"));
        assert!(refusal("ORCHESTRATOR__NAMESPACES__DENY", "UPPER,").contains("UPPER"));
        assert!(refusal("RUST_LOG", "info,=,=x=y").contains("log.filter"));
    }

    #[test]
    fn lists_are_separated_by_commas_and_can_be_empty() {
        let denied = |text: &str| {
            load(&Flags::default(), &[("ORCHESTRATOR__NAMESPACES__DENY", text)], None).unwrap().namespaces.deny
        };
        assert_eq!(denied(""), Vec::<String>::new());
        assert_eq!(denied("a, b,"), ["a", "b"]);
        assert_eq!(denied("123,true"), ["123", "true"]);
    }

    #[test]
    fn texts_are_taken_to_the_letter() {
        let context = load(&Flags::default(), &[("ORCHESTRATOR__CLUSTER__CONTEXT", "0xff")], None).unwrap();
        assert_eq!(context.cluster.context, "0xff");
    }

    #[test]
    fn the_address_follows_the_surroundings_unless_it_is_given() {
        let http = |variables: &[(&str, &str)]| load(&Flags::default(), variables, None).unwrap().http;
        assert!(http(&[]).bind_address(false).unwrap().is_loopback());
        assert!(http(&[]).bind_address(true).unwrap().is_unspecified());
        let nonsense = http(&[("ORCHESTRATOR__HTTP__BIND", "nowhere")]);
        assert!(matches!(nonsense.bind_address(false), Err(SettingsError::Bind(_))));
    }

    #[test]
    fn a_production_cluster_is_never_taken_by_accident() {
        let cluster = |flags: Flags| load(&flags, &[], None).unwrap().cluster;
        let home = Some(PathBuf::from("/home/me"));
        let outside = Surroundings { home, ..Surroundings::default() };
        let variable = Surroundings { kubeconfig: Some("a:b".into()), ..outside.clone() };
        let pod = Surroundings { in_pod: true, ..variable.clone() };
        let kubeconfig = |path: &str, context: Option<&str>| ClusterChoice::Kubeconfig {
            path: path.into(),
            context: context.map(Into::into),
        };

        let default = cluster(Flags::default());
        assert_eq!(default.choice(&outside), ClusterChoice::Simulated);
        assert_eq!(default.choice(&pod), ClusterChoice::InCluster);
        assert_eq!(default.choice(&variable), kubeconfig("a:b", None));
        let context = cluster(Flags { context: Some("prod".into()), ..Flags::default() });
        assert_eq!(context.choice(&outside), kubeconfig("/home/me/.kube/config", Some("prod")));
        let file = cluster(Flags { kubeconfig: Some("c".into()), ..Flags::default() });
        assert_eq!(file.choice(&pod), kubeconfig("c", None));
        let simulated = cluster(Flags { simulated: true, ..Flags::default() });
        assert_eq!(simulated.choice(&pod), ClusterChoice::Simulated);
    }
}
