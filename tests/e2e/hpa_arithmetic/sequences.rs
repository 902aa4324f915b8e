//! Simulated workloads whose load wanders and whose count follows the HPA, one document per tick.

use serde_json::{Map, Value, json};

const TICK_SECONDS: f64 = 15.0;
/// No window and no period of these workloads is longer.
const MEMORY_SECONDS: f64 = 600.0;
const CPU_REQUEST: f64 = 500.0;
const MEMORY_REQUEST: f64 = 256.0;

pub struct Workload {
    random: fastrand::Rng,
    spec: Value,
    now: f64,
    replicas: i32,
    pods: Vec<Pod>,
    /// How many pods there have ever been.
    created: u32,
    /// In pods that use all they request.
    load: f64,
    outage_until: f64,
    /// `None` before the first tick of an HPA that remembers nothing yet.
    history: Option<Vec<(f64, i32)>>,
    events: Vec<(f64, i32)>,
}

/// Times are in seconds since the beginning.
struct Pod {
    name: String,
    starts: f64,
    /// Whether it is ready, and since when.
    ready: bool,
    changed: f64,
    becomes_ready: f64,
    ends: Option<f64>,
    fails: bool,
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let min = random.i32(1..=3);
        let max = min + random.i32(3..=10);
        let replicas = random.i32(min..=max);
        let mut spec = json!({"min_replicas": min, "max_replicas": max, "compatibility": "hpa"});
        spec["target_cpu_percent"] = [50, 70, 80, 120][random.usize(..4)].into();
        if random.bool() {
            spec["target_memory_percent"] = [60, 80][random.usize(..2)].into();
        }
        if random.u32(..3) == 0 {
            spec["warm_up"] = json!({"cpu_initialization_seconds": 60, "readiness_delay_seconds": 15});
        }
        spec["scale_up_policy"] = policy(&mut random, &[0, 0, 15, 60, 300]);
        spec["scale_down_policy"] = policy(&mut random, &[0, 30, 60, 300, 600]);
        let history = random.bool().then(Vec::new);
        let mut workload = Self {
            load: f64::from(replicas) * 0.5,
            random,
            spec,
            now: 0.0,
            replicas,
            pods: Vec::new(),
            created: 0,
            outage_until: 0.0,
            history,
            events: Vec::new(),
        };
        workload.adjust();
        for pod in &mut workload.pods {
            (pod.starts, pod.ready, pod.changed) = (-1000.0, true, -990.0);
        }
        workload
    }

    /// What the HPA sees now.
    pub fn document(&mut self) -> Value {
        let mut document = json!({"spec": self.spec, "current_replicas": self.replicas});
        document["pods"] = self.pods.iter().map(|pod| pod.document(self.now)).collect();
        if self.now >= self.outage_until {
            document["usage"] = self.usage().into();
        }
        let ages = |past: &[(f64, i32)], name: &str| -> Value {
            past.iter().map(|(at, number)| json!({"seconds_ago": self.now - at, name: number})).collect()
        };
        if let Some(history) = &self.history {
            document["history"] = ages(history, "replicas");
        }
        document["scale_events"] = ages(&self.events, "change");
        document
    }

    /// Does what the HPA has decided, and lets time pass.
    pub fn follow(&mut self, answer: &Value) {
        let number = |name: &str| answer[name].as_i64().map(|number| i32::try_from(number).unwrap());
        let desired = number("desired_replicas").unwrap();
        // The first that an HPA remembers is the count that it finds.
        let history = self.history.get_or_insert_with(|| vec![(self.now, self.replicas)]);
        history.extend(number("recommended_replicas").map(|recommended| (self.now, recommended)));
        if desired != self.replicas {
            self.events.push((self.now, desired - self.replicas));
        }
        self.replicas = desired;
        if self.random.u32(..100) == 0 {
            // Somebody scales it by hand, maybe out of its bounds.
            self.replicas = self.random.i32(0..=15);
        } else if self.replicas == 0 {
            self.replicas = 1;
        }

        self.now += TICK_SECONDS;
        let now = self.now;
        history.retain(|(at, _)| now - at <= MEMORY_SECONDS);
        self.events.retain(|(at, _)| now - at <= MEMORY_SECONDS);
        self.load = match self.random.u32(..12) {
            0 => self.random.f64() * 12.0,
            _ => (self.load * (0.85 + 0.3 * self.random.f64())).clamp(0.2, 14.0),
        };
        if self.random.u32(..50) == 0 {
            self.outage_until = now + TICK_SECONDS * f64::from(self.random.i32(1..=4));
        }
        self.adjust();
    }

    /// The work of kubelet and ReplicaSet controller.
    fn adjust(&mut self) {
        let now = self.now;
        self.pods.retain(|pod| pod.ends.is_none_or(|ends| now < ends));
        for pod in &mut self.pods {
            let ready = pod.starts <= now && now >= pod.becomes_ready && !pod.fails;
            if ready != pod.ready {
                (pod.ready, pod.changed) = (ready, now - 5.0);
            }
            match self.random.u32(..300) {
                0 => pod.becomes_ready = now + 20.0,
                1 => pod.fails = true,
                _ => {}
            }
        }
        let alive = self.pods.iter().filter(|pod| pod.ends.is_none() && !pod.fails).count();
        let wanted = usize::try_from(self.replicas).unwrap();
        for _ in alive..wanted {
            let starts = now + f64::from(self.random.i32(-1..=2)) * 7.5;
            self.created += 1;
            self.pods.push(Pod {
                name: format!("p{}", self.created),
                starts,
                ready: false,
                changed: starts,
                becomes_ready: starts + f64::from(self.random.i32(0..=8)) * 7.5,
                ends: None,
                fails: false,
            });
        }
        for pod in
            self.pods.iter_mut().rev().filter(|pod| pod.ends.is_none() && !pod.fails).take(alive.saturating_sub(wanted))
        {
            pod.ends = Some(now + 30.0);
        }
    }

    fn usage(&mut self) -> Vec<Value> {
        let now = self.now;
        let measured: Vec<&Pod> =
            self.pods.iter().filter(|pod| pod.starts + TICK_SECONDS <= now && !pod.fails).collect();
        let serving = measured.iter().filter(|pod| pod.ready).count().max(1);
        let mut usage = Vec::new();
        for pod in measured {
            if self.random.u32(..25) == 0 {
                continue;
            }
            let share = self.load / serving as f64 * (0.9 + 0.2 * self.random.f64());
            let share = if pod.ready { share } else { 1.5 };
            let mut container = Map::new();
            container.insert("name".into(), "main".into());
            container.insert("cpu".into(), format!("{}n", (share * CPU_REQUEST * 1e6) as u64).into());
            let memory = (0.3 + 0.4 * share) * MEMORY_REQUEST * 1024.0;
            container.insert("memory".into(), format!("{}Ki", memory as u64).into());
            usage.push(json!({"pod": pod.name, "age_seconds": 7.5, "window_seconds": 15, "containers": [container]}));
        }
        usage
    }
}

impl Pod {
    fn document(&self, now: f64) -> Value {
        let requests = json!({"cpu": format!("{CPU_REQUEST}m"), "memory": format!("{MEMORY_REQUEST}Mi")});
        let mut pod = json!({"name": self.name, "containers": [{"name": "main", "requests": requests}]});
        if self.starts > now {
            pod["phase"] = "Pending".into();
        } else {
            pod["started_seconds_ago"] = (now - self.starts).into();
            pod["ready"] = self.ready.into();
            pod["ready_changed_seconds_ago"] = (now - self.changed).into();
        }
        if self.fails {
            pod["phase"] = "Failed".into();
        }
        if self.ends.is_some() {
            pod["terminating"] = true.into();
        }
        pod
    }
}

fn policy(random: &mut fastrand::Rng, windows: &[i32]) -> Value {
    let mut policy = json!({"stabilization_window_seconds": windows[random.usize(..windows.len())]});
    if random.bool() {
        policy["tolerance_percent"] = [0, 5, 20][random.usize(..3)].into();
    }
    let steps = random.usize(..=2);
    if steps > 0 {
        policy["policies"] = (0..steps)
            .map(|_| {
                let period = [15, 30, 60, 180][random.usize(..4)];
                if random.bool() {
                    json!({"type": "Pods", "value": random.i32(1..=4), "period_seconds": period})
                } else {
                    let percent = [10, 50, 100][random.usize(..3)];
                    json!({"type": "Percent", "value": percent, "period_seconds": period})
                }
            })
            .collect();
    }
    if random.u32(..3) == 0 {
        policy["select_policy"] = ["Max", "Min"][random.usize(..2)].into();
    }
    policy
}
