//! What the turns say of this service beside the HPA: the rows of the table.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::Setting;
use super::turns::Turn;
use crate::row::Row;
use crate::testbed::contender::Contender;

/// The seconds from one evaluation to the next, of all three.
const TICK: f64 = 15.0;

/// A contender's turns in one figure each: the median of its turns.
#[derive(Clone, Copy, Debug, Serialize)]
struct Figures {
    /// Without watches; those for the Lease are among them.
    requests_per_second: f64,
    requests_per_second_with_watches: f64,
    bytes_per_second: f64,
    cpu_percent: f64,
    rss_mib: f64,
    idle_rss_mib: f64,
    surge_first_seconds: f64,
    surge_median_seconds: f64,
    surge_last_seconds: f64,
    each: Each,
}

/// The same for one autoscaler and evaluation.
#[derive(Clone, Copy, Debug, Serialize)]
struct Each {
    requests: f64,
    cpu_microseconds: f64,
    /// What is held more than without any object.
    bytes_held: f64,
}

impl fmt::Display for Each {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, cpu_microseconds, bytes_held } = self;
        write!(formatter, "{requests:.3} requests, {cpu_microseconds:.0} us, {:.1} KiB", bytes_held / 1024.0)
    }
}

/// The rows, of which the first has everything that was measured.
pub fn rows(setting: &Setting, turns: &[Turn]) -> anyhow::Result<Vec<Row>> {
    for turn in turns {
        let Turn { contender, round, nodes_lost, steady, .. } = turn;
        let whose = format!("round {} of {}", round + 1, contender.name());
        ensure!(*nodes_lost == 0, "{whose} is worth nothing: nodes were taken for dead {nodes_lost} times");
        ensure!(steady.scale_calls == 0, "{whose} is worth nothing: it scaled while nothing changed");
    }
    let figures = Contender::ALL.map(|contender| figures(contender, setting, turns));
    let [defaults, tuned, ours] = figures;
    let (defaults, tuned, ours) = (defaults?, tuned?, ours?);
    let what = |part: &str| format!("{part}, {} Deployments x 2 pods, beside the HPA", setting.deployments);
    let per_second = (defaults.requests_per_second, tuned.requests_per_second, ours.requests_per_second);
    let fewer = (per_second.0 / per_second.2, per_second.1 / per_second.2);
    let cpu = (defaults.cpu_percent / ours.cpu_percent, tuned.cpu_percent / ours.cpu_percent);
    let rss = (ours.rss_mib / defaults.rss_mib, ours.rss_mib / tuned.rss_mib);
    let time = |side: &Figures| ours.surge_last_seconds / side.surge_last_seconds;
    let all = json!({
        "setting": setting,
        "figures": {"hpa-defaults": defaults, "hpa-tuned": tuned, "service": ours},
        "turns": in_order(turns),
    });
    Ok(vec![
        Row::new(
            &what("API requests while nothing changes, the Lease's included"),
            ">= 100 times fewer than the HPA at its defaults and tuned",
            format!(
                "{:.2}/s against {:.1}/s and {:.1}/s: {:.0} and {:.0} times fewer",
                per_second.2, per_second.0, per_second.1, fewer.0, fewer.1
            ),
            Some(fewer.0 >= 100.0 && fewer.1 >= 100.0),
            all,
        )?,
        Row::new(
            &what("CPU while nothing changes"),
            ">= 5 times less than the tuned HPA",
            format!(
                "{:.2} % of a core against {:.2} % (defaults) and {:.2} % (tuned): {:.1} and {:.1} times less",
                ours.cpu_percent, defaults.cpu_percent, tuned.cpu_percent, cpu.0, cpu.1
            ),
            Some(cpu.1 >= 5.0),
            ratios(cpu),
        )?,
        Row::new(
            &what("Resident memory"),
            "<= 1/2 of the tuned HPA's",
            format!(
                "{:.0} MiB against {:.0} MiB (defaults) and {:.0} MiB (tuned): {:.2} and {:.2} times as much",
                ours.rss_mib, defaults.rss_mib, tuned.rss_mib, rss.0, rss.1
            ),
            Some(rss.1 <= 0.5),
            ratios(rss),
        )?,
        Row::new(
            &what("Time until all are scaled, from when the metrics show the load"),
            "<= 1/2 of the tuned HPA's",
            format!(
                "{:.1} s against {:.1} s (defaults) and {:.1} s (tuned): {:.2} and {:.2} times as long",
                ours.surge_last_seconds,
                defaults.surge_last_seconds,
                tuned.surge_last_seconds,
                time(&defaults),
                time(&tuned)
            ),
            Some(time(&tuned) <= 0.5),
            ratios((time(&defaults), time(&tuned))),
        )?,
        Row::new(
            &what("Per autoscaler and tick of 15 s: API requests, CPU, bytes held"),
            "reported (the first implementation: 2 GET, 1 LIST and 1 GET for each pod)",
            format!("{}; HPA: {} (defaults), {} (tuned)", ours.each, defaults.each, tuned.each),
            None,
            json!({"service": ours.each, "hpa-defaults": defaults.each, "hpa-tuned": tuned.each}),
        )?,
    ])
}

fn ratios((defaults, tuned): (f64, f64)) -> Value {
    json!({"to_hpa_defaults": defaults, "to_hpa_tuned": tuned})
}

fn in_order(turns: &[Turn]) -> BTreeMap<String, &Turn> {
    let key = |turn: &Turn| format!("{}: {}", turn.round + 1, turn.contender.name());
    turns.iter().map(|turn| (key(turn), turn)).collect()
}

fn figures(contender: Contender, setting: &Setting, turns: &[Turn]) -> anyhow::Result<Figures> {
    let its: Vec<&Turn> = turns.iter().filter(|turn| turn.contender == contender).collect();
    let over = |figure: fn(&Turn) -> f64| {
        let all = its.iter().map(|turn| figure(turn)).collect();
        median(all).with_context(|| format!("{} has had no turn", contender.name()))
    };
    let requests_per_second = over(|turn| turn.steady.requests.without_watches as f64 / turn.steady.seconds)?;
    let cpu_percent = over(|turn| turn.steady.cpu_percent)?;
    let rss_mib = over(|turn| turn.steady.held.rss_mib)?;
    let idle_rss_mib = over(|turn| turn.idle.rss_mib)?;
    let autoscalers = setting.deployments as f64;
    Ok(Figures {
        requests_per_second,
        requests_per_second_with_watches: over(|turn| {
            (turn.steady.requests.without_watches + turn.steady.requests.watches) as f64 / turn.steady.seconds
        })?,
        bytes_per_second: over(|turn| {
            (turn.steady.bytes.sent + turn.steady.bytes.received) as f64 / turn.steady.seconds
        })?,
        cpu_percent,
        rss_mib,
        idle_rss_mib,
        surge_first_seconds: over(|turn| turn.surge.first_seconds)?,
        surge_median_seconds: over(|turn| turn.surge.median_seconds)?,
        surge_last_seconds: over(|turn| turn.surge.last_seconds)?,
        each: Each {
            requests: requests_per_second * TICK / autoscalers,
            cpu_microseconds: cpu_percent / 100.0 * TICK * 1e6 / autoscalers,
            bytes_held: (rss_mib - idle_rss_mib) * f64::from(1 << 20) / autoscalers,
        },
    })
}

/// The middle one, or the mean of the two in the middle.
fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let middle = all.len() / 2;
    let upper = *all.get(middle)?;
    Some(if all.len() % 2 == 1 { upper } else { f64::midpoint(all[middle - 1], upper) })
}
