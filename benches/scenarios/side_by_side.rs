//! The HPA and this service on the same control plane, one after the other, with the same workloads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Output;
use super::machine::commit;
use super::testbed::contender::Contender;
use super::testbed::{self, say, world::World};
use turns::Turn;

mod comparison;
mod turns;

/// The HPA at its defaults, the HPA tuned, and this service: API requests, CPU, memory, and the time to scale all
///
/// On the control plane of testbed/, whose own HPA controller is left out, with Deployments of 2 pods each that have
/// targets for CPU and memory. The three take turns, in this order, several times over: the HPA's controller alone in a
/// controller manager at its defaults; the same with --kube-api-qps 500, --kube-api-burst 1000 and
/// --concurrent-horizontal-pod-autoscaler-syncs 50; this service with its autoscalers as objects. In its turn a contender
/// runs alone on core 0 (all else on core 1), first with no object, then with one for each Deployment. What it takes is
/// measured while nothing changes; then the load of all rises at once, and what counts is the time from when the metrics
/// API shows it until the API server has got the last scale call. Requests are those in the API server's audit log of the
/// contender's account, so informers and the Lease are included; watches are also given.
///
/// A controller manager with one controller still has the informers that this one needs, and what every Go program has.
/// As the usage is constant, the HPA writes no status while nothing changes: in a real cluster it does.
///
/// With the defaults a run takes about an hour. Finished turns are kept, so a run that broke goes on where it was when it is
/// started again, as long as neither the commit nor an option has changed. Needs taskset (util-linux) and ss (iproute2).
#[derive(Args)]
pub struct SideBySide {
    #[command(flatten)]
    setting: Setting,
    /// Begin anew, whatever turns of an earlier run there are
    #[arg(long)]
    fresh: bool,
    /// Where the turns of an unfinished run are kept [default: a file in the build's folder for temporary files]
    #[arg(long, value_name = "FILE")]
    turns: Option<PathBuf>,
}

/// What a turn depends on.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// How many Deployments, and so autoscalers
    #[arg(long, default_value_t = 500)]
    deployments: usize,
    /// In how many namespaces
    #[arg(long, default_value_t = 5)]
    namespaces: usize,
    /// How many turns each contender has
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long is measured while nothing changes
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// How long a contender runs after it has evaluated all, before that
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
}

/// A turn as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    setting: Setting,
    commit: String,
    turn: Turn,
}

impl SideBySide {
    pub fn run(&self, output: &Output) -> anyhow::Result<()> {
        let file =
            self.turns.clone().unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("side_by_side.jsonl"));
        if self.fresh && file.exists() {
            std::fs::remove_file(&file)?;
        }
        testbed::run(async {
            let turns = self.all_turns(&file).await?;
            for row in comparison::rows(&self.setting, &turns)? {
                row.finish(output.save.as_deref())?;
            }
            std::fs::remove_file(&file)?;
            Ok(())
        })
    }

    async fn all_turns(&self, file: &Path) -> anyhow::Result<Vec<Turn>> {
        let mut done = self.kept(file)?;
        let wanted = (0..self.setting.rounds).flat_map(|round| Contender::ALL.map(|contender| (contender, round)));
        let missing: Vec<_> = wanted.filter(|key| !done.contains_key(key)).collect();
        if !missing.is_empty() {
            let cluster = testbed::start()?;
            for contender in Contender::ALL {
                contender.register(&cluster);
            }
            say("making the Deployments");
            let world = World::new(&cluster, self.setting.namespaces, self.setting.deployments).await?;
            for (contender, round) in missing {
                say(&format!("round {} of {}: {}", round + 1, self.setting.rounds, contender.name()));
                let turn = turns::play(&cluster, &world, contender, round, &self.setting).await?;
                self.keep(file, &turn)?;
                done.insert((contender, round), turn);
            }
        }
        Ok(done.into_values().collect())
    }

    /// The turns of an earlier run that was as this one is.
    fn kept(&self, file: &Path) -> anyhow::Result<HashMap<(Contender, usize), Turn>> {
        let text = if file.exists() { std::fs::read_to_string(file)? } else { String::new() };
        let commit = commit();
        let kept = text.lines().filter_map(|line| serde_json::from_str::<Kept>(line).ok());
        let same = kept.filter(|kept| kept.setting == self.setting && kept.commit == commit);
        Ok(same.map(|kept| ((kept.turn.contender, kept.turn.round), kept.turn)).collect())
    }

    fn keep(&self, file: &Path, turn: &Turn) -> anyhow::Result<()> {
        use std::io::Write;
        let kept = Kept { setting: self.setting.clone(), commit: commit(), turn: turn.clone() };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "{}", serde_json::to_string(&kept)?)?;
        Ok(())
    }
}
