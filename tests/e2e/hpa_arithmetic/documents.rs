//! Documents of all kinds, usual and nasty ones, always the same for the same seed.
//!
//! Ages are exactly at a bound or half a second off: the HPA reads the clock a little later than we think.

use serde_json::{Map, Value, json};

const POD_REQUESTS: [&str; 6] = ["1", "2", "500m", "250m", "100m", "1500m"];

/// Everything that is a quantity, and what does not fit into thousandths, billionths or 64 bits.
const NASTY: [&str; 72] = [
    "0",
    "0m",
    "0Gi",
    "-0",
    "1n",
    "10n",
    "999999n",
    "1u",
    "1500u",
    "1m",
    "5m",
    "1",
    "3",
    "7",
    "1k",
    "10k",
    "1M",
    "21M",
    "1G",
    "4G",
    "1T",
    "9T",
    "1P",
    "9P",
    "92P",
    "93P",
    "1E",
    "9E",
    "10E",
    "1Ki",
    "1Mi",
    "700Mi",
    "1Gi",
    "2Gi",
    "1Ti",
    "1Pi",
    "8Pi",
    "1Ei",
    "7Ei",
    "9Ei",
    "1e0",
    "1e3",
    "1E3",
    "25e-1",
    "1e-3",
    "1e-9",
    "1e-12",
    "12E6",
    "9e18",
    "9e19",
    "1e30",
    "0.1",
    "0.0015",
    "0.0000000001",
    "1.5Gi",
    "0.3Ki",
    "1.0000000001",
    "123456789.123456789",
    ".5",
    "5.",
    "+1",
    "0012",
    "9223372036854775",
    "9223372036854776",
    "9223372036854775807",
    "9223372036854775808",
    "21474836",
    "21474837",
    "-1",
    "-100m",
    "-1500u",
    "-9E",
];

const BOUND_OFFSETS: [f64; 9] = [0.0, 0.0, 0.0, 0.0, -0.5, 0.5, -30.0, 30.0, 15.0];

pub struct Generator {
    random: fastrand::Rng,
    /// Of the document under way.
    nasty: bool,
}

/// What the pods of one document have in common.
struct Common {
    containers: Vec<(&'static str, bool)>,
    pod_level: Option<Value>,
    cpu_request: u64,
    memory_request: u64,
    cpu_percent: u64,
    memory_percent: u64,
    initialization: f64,
    delay: f64,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), nasty: false }
    }

    pub fn document(&mut self) -> Value {
        self.nasty = self.chance(35);
        let min = self.random.i32(1..=5);
        let max = match self.random.u32(..100) {
            0 => i32::MAX,
            1..=15 => 1000,
            _ => min + self.random.i32(0..=20),
        };
        let current = match self.random.u32(..100) {
            0..=1 => 0,
            2..=3 => max.saturating_add(self.random.i32(1..=5)),
            4..=6 => min - 1,
            7 => max,
            _ => self.random.i32(min..=max.min(min + 9)),
        };
        let cpu_target = if self.chance(85) { self.target() } else { 0 };
        let memory_target = if cpu_target == 0 || self.chance(35) { self.target() } else { 0 };
        let (up_policy, up_tolerance) = self.policy(current);
        let (down_policy, down_tolerance) = self.policy(current);
        let (up, down) = (up_policy.clone().unwrap_or_default(), down_policy.clone().unwrap_or_default());

        let mut spec = json!({"min_replicas": min, "max_replicas": max, "compatibility": "hpa"});
        for (name, target) in [("target_cpu_percent", cpu_target), ("target_memory_percent", memory_target)] {
            if target != 0 || self.chance(30) {
                spec[name] = target.into();
            }
        }
        for (name, policy) in [("scale_up_policy", up_policy), ("scale_down_policy", down_policy)] {
            if let Some(policy) = policy {
                spec[name] = policy;
            }
        }
        if self.chance(20) {
            spec["container_name"] = self.pick(&["main", "main", "proxy", "absent"]).into();
        }
        let mut warm_up = Map::new();
        let initialization = self.maybe(40, &mut warm_up, "cpu_initialization_seconds", 300.0, &[0.0, 120.0, 299.5]);
        let delay = self.maybe(40, &mut warm_up, "readiness_delay_seconds", 30.0, &[0.0, 10.0, 30.5, 600.0]);
        if !warm_up.is_empty() || self.chance(10) {
            spec["warm_up"] = warm_up.into();
        }

        let mut document = json!({"spec": spec, "current_replicas": current});
        let tolerance = self.pick(&[up_tolerance, -down_tolerance]);
        let common = Common {
            containers: self
                .pick(&[
                    &[("main", false)][..],
                    &[("main", false)],
                    &[("main", false), ("helper", false)],
                    &[("main", false), ("proxy", true)],
                    &[("proxy", true), ("main", false), ("helper", false)],
                ])
                .to_vec(),
            pod_level: self.chance(10).then(|| self.requests_of_a_pod()),
            cpu_request: self.pick(&[100, 200, 250, 1000, 2000, 3000]),
            memory_request: self.pick(&[100, 128, 256, 1024, 1000]),
            cpu_percent: self.percent(cpu_target, tolerance),
            memory_percent: self.percent(memory_target, tolerance),
            initialization,
            delay,
        };
        let (pods, usage) = self.pods(current, &common);
        if !pods.is_empty() || self.chance(50) {
            document["pods"] = pods.into();
        }
        if !usage.is_empty() || self.chance(50) {
            document["usage"] = usage.into();
        }
        if self.chance(35) {
            document["recommended_replicas"] = match self.random.u32(..20) {
                0 => i32::MAX,
                1 => max,
                2 => min,
                _ => self.random.i32(0..=min + 15),
            }
            .into();
        }
        self.past(&mut document, current, &up, &down);
        document
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(..100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }

    /// Puts one of the values there in so many percent of the documents, and returns what holds then.
    fn maybe(&mut self, percent: u32, map: &mut Map<String, Value>, name: &str, default: f64, values: &[f64]) -> f64 {
        if !self.chance(percent) {
            return default;
        }
        let value = if self.chance(20) { default } else { self.pick(values) };
        map.insert(name.into(), value.into());
        value
    }

    /// An age at the bound or near it.
    fn near(&mut self, bound: f64) -> f64 {
        (bound + self.pick(&BOUND_OFFSETS)).max(0.0)
    }

    fn target(&mut self) -> i32 {
        self.pick(&[1, 10, 30, 50, 50, 60, 70, 70, 70, 75, 80, 90, 99, 100, 101, 150, 300, 1000])
    }

    /// A policy and its tolerance.
    fn policy(&mut self, current: i32) -> (Option<Value>, f64) {
        if self.chance(25) {
            return (None, 10.0);
        }
        let mut policy = Map::new();
        let tolerances = [0.0, 1.0, 5.0, 7.0, 12.5, 29.0, 33.33, 57.0, 99.0, 100.0, 150.0];
        let tolerance = self.maybe(50, &mut policy, "tolerance_percent", 10.0, &tolerances);
        if self.chance(60) {
            let window = self.pick(&[0, 0, 15, 60, 300, 600, 3600]);
            policy.insert("stabilization_window_seconds".into(), window.into());
        }
        if self.chance(60) {
            let policies: Vec<Value> = (0..self.random.u32(..=3)).map(|_| self.step(current)).collect();
            policy.insert("policies".into(), policies.into());
        }
        if self.chance(35) {
            policy.insert("select_policy".into(), self.pick(&["Max", "Min", "Min", "Disabled"]).into());
        }
        (Some(policy.into()), tolerance)
    }

    fn step(&mut self, current: i32) -> Value {
        let value = match self.random.u32(..100) {
            0..=1 => i32::MAX,
            2 => i32::MAX - current,
            3..=60 => self.random.i32(1..=10),
            _ => self.pick(&[5, 7, 10, 15, 20, 29, 33, 50, 57, 58, 99, 100, 101, 150, 200, 1000]),
        };
        let period = self.pick(&[1, 15, 15, 30, 60, 60, 300, 1800]);
        json!({"type": self.pick(&["Pods", "Percent"]), "value": value, "period_seconds": period})
    }

    /// A utilisation, often at an edge of the tolerance.
    fn percent(&mut self, target: i32, tolerance: f64) -> u64 {
        let target = if target == 0 { 50 } else { u64::from(target.unsigned_abs()) };
        match self.random.u32(..100) {
            0..=24 => {
                let edge = (target as f64 * (100.0 + tolerance) / 100.0).max(0.0) as u64;
                edge.saturating_add_signed(self.pick(&[-1, 0, 0, 1]))
            }
            25..=34 => target.saturating_add_signed(self.pick(&[-1, 0, 1])),
            35..=54 => self.random.u64(..=target * 3),
            55..=79 => self.random.u64(target..=target * 3),
            80..=94 => self.random.u64(..=target),
            95..=96 => target * self.random.u64(..=20),
            _ => 0,
        }
    }

    fn requests_of_a_pod(&mut self) -> Value {
        match self.random.u32(..4) {
            0 => json!({}),
            1 => json!({"cpu": self.pick(&POD_REQUESTS)}),
            2 => json!({"memory": self.pick(&["1Gi", "512Mi", "1G"])}),
            _ => json!({"cpu": self.pick(&POD_REQUESTS), "memory": self.pick(&["1Gi", "512Mi", "1G"])}),
        }
    }

    fn pods(&mut self, current: i32, common: &Common) -> (Vec<Value>, Vec<Value>) {
        let count = match self.random.u32(..100) {
            0..=2 => 0,
            3..=24 => self.random.i32(0..=current.min(9) + 3),
            _ => current.min(9),
        };
        let (mut pods, mut usage) = (Vec::new(), Vec::new());
        for i in 0..count {
            let name = format!("p{i}");
            let age = self.pick(&[0.0, 5.0, 10.0, 10.0, 15.5, 30.0, 60.0, 89.9, 120.0]);
            let window = self.pick(&[0.0, 10.0, 15.0, 30.0, 30.0, 30.0, 60.0, 3600.0]);
            pods.push(self.pod(&name, common, age + window));
            if !self.chance(if self.nasty { 15 } else { 4 }) {
                usage.push(self.usage(&name, common, age, window));
            }
        }
        while self.chance(if self.nasty { 15 } else { 2 }) {
            let name = format!("ghost{}", usage.len());
            usage.push(self.usage(&name, common, 10.0, 30.0));
        }
        if self.chance(2) {
            usage.clear();
        }
        (pods, usage)
    }

    fn pod(&mut self, name: &str, common: &Common, measured_since: f64) -> Value {
        let mut pod = json!({"name": name});
        let usual = !self.chance(if self.nasty { 40 } else { 12 });
        if usual {
            let started = 1000.0 + f64::from(self.random.i32(0..100_000));
            pod["ready"] = true.into();
            pod["started_seconds_ago"] = started.into();
            pod["ready_changed_seconds_ago"] = (started - 10.0).into();
        } else {
            let started = match self.random.u32(..4) {
                0 => f64::from(self.random.i32(0..4000)) / 2.0,
                1 => self.near(common.delay),
                _ => self.near(common.initialization),
            };
            let changed = match self.random.u32(..5) {
                0 => f64::from(self.random.i32(0..4000)) / 2.0,
                1 => started,
                2 => self.near((started - common.delay).max(0.0)),
                _ => self.near(measured_since),
            };
            if !self.chance(10) {
                pod["ready"] = self.chance(65).into();
            }
            if !self.chance(7) {
                pod["started_seconds_ago"] = started.into();
            }
            if !self.chance(7) {
                pod["ready_changed_seconds_ago"] = changed.into();
            }
            if self.chance(50) {
                pod["phase"] = self.pick(&["Pending", "Pending", "Failed", "Succeeded", "Unknown", "Running"]).into();
            }
            if self.chance(10) {
                pod["terminating"] = true.into();
            }
        }
        if let Some(requests) = &common.pod_level
            && !self.chance(5)
        {
            pod["requests"] = requests.clone();
        }
        let mut containers = Vec::new();
        for (name, sidecar) in &common.containers {
            if self.nasty && self.chance(2) {
                continue;
            }
            let mut requests = Map::new();
            for (resource, usual) in
                [("cpu", format!("{}m", common.cpu_request)), ("memory", format!("{}Mi", common.memory_request))]
            {
                if self.nasty && self.chance(2) {
                    continue;
                }
                // Beside pod-level requests Go adds the containers' up before it rounds and overflows, and we after.
                let nasty = self.nasty && self.chance(8) && pod.get("requests").is_none();
                requests.insert(resource.into(), if nasty { self.pick(&NASTY).into() } else { usual.into() });
            }
            let mut container = json!({"name": name, "requests": requests});
            if *sidecar || self.chance(10) {
                container["sidecar"] = (*sidecar).into();
            }
            containers.push(container);
        }
        pod["containers"] = containers.into();
        pod
    }

    fn usage(&mut self, pod: &str, common: &Common, age: f64, window: f64) -> Value {
        let mut containers = Vec::new();
        for (name, _) in &common.containers {
            if self.nasty && self.chance(3) {
                continue;
            }
            containers.push(self.usage_of_a_container(name, common));
        }
        if self.nasty && self.chance(4) {
            containers.push(self.usage_of_a_container("extra", common));
        }
        let mut usage = json!({"pod": pod, "containers": containers});
        if age != 0.0 || self.chance(50) {
            usage["age_seconds"] = age.into();
        }
        if window != 0.0 || self.chance(50) {
            usage["window_seconds"] = window.into();
        }
        usage
    }

    fn usage_of_a_container(&mut self, name: &str, common: &Common) -> Value {
        let mut container = json!({"name": name});
        let cpu = common.cpu_request * common.cpu_percent / 100;
        let memory = common.memory_request * common.memory_percent * 1024 * 1024 / 100;
        let cpu = match self.random.u32(..4) {
            0 => format!("{cpu}m"),
            1 => format!("{}u", cpu * 1000),
            2 => format!("{}n", (cpu * 1_000_000).saturating_sub(self.random.u64(..1_000_000))),
            _ => format!("{}.{:03}", cpu / 1000, cpu % 1000),
        };
        let memory = match self.random.u32(..4) {
            0 => format!("{}Ki", memory / 1024),
            1 => format!("{}Mi", memory / 1024 / 1024),
            2 => format!("{}k", memory / 1000),
            _ => memory.to_string(),
        };
        for (resource, usual) in [("cpu", cpu), ("memory", memory)] {
            if self.nasty && self.chance(3) {
                continue;
            }
            let nasty = self.nasty && self.chance(8);
            container[resource] = if nasty { self.pick(&NASTY).into() } else { usual.into() };
        }
        container
    }

    /// Recommendations and changes before now.
    fn past(&mut self, document: &mut Value, current: i32, up: &Value, down: &Value) {
        let around = |random: &mut fastrand::Rng| match random.u32(..20) {
            0 => 0,
            1 => i32::MAX,
            _ => current.min(1000).saturating_add(random.i32(-5..=5)).max(0),
        };
        let bounds = |list: &mut Vec<f64>, value: &Value| list.extend(value.as_f64());
        if !self.chance(20) {
            let mut windows = vec![300.0];
            bounds(&mut windows, &up["stabilization_window_seconds"]);
            bounds(&mut windows, &down["stabilization_window_seconds"]);
            let history: Vec<Value> = (0..self.random.u32(..=4))
                .map(|_| {
                    let bound = self.pick(&windows);
                    json!({"seconds_ago": self.age(bound), "replicas": around(&mut self.random)})
                })
                .collect();
            document["history"] = history.into();
        }
        if self.chance(50) {
            let mut periods = vec![15.0];
            for policy in [up, down].iter().filter_map(|policy| policy["policies"].as_array()).flatten() {
                bounds(&mut periods, &policy["period_seconds"]);
            }
            let events: Vec<Value> = (0..self.random.u32(..=4))
                .map(|_| {
                    let bound = self.pick(&periods);
                    let change =
                        if self.chance(2) { self.pick(&[i32::MAX, -i32::MAX]) } else { self.random.i32(-6..=6) };
                    json!({"seconds_ago": self.age(bound), "change": change})
                })
                .collect();
            document["scale_events"] = events.into();
        }
    }

    fn age(&mut self, bound: f64) -> f64 {
        match self.random.u32(..5) {
            0 => 0.0,
            1 => self.near(bound),
            2 => bound,
            _ => (bound * self.random.f64() * 2.0).floor(),
        }
    }
}
