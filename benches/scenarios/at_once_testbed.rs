//! Many workloads of the real control plane need a replica more at the same moment.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::sleep;

use super::Output;
use super::row::Row;
use super::testbed::contender::{Contender, Tuning};
use super::testbed::requests::AuditLog;
use super::testbed::surge::surge;
use super::testbed::world::World;
use super::testbed::{self, say};

/// How long it takes until all are scaled when all need it in the same second, on the real control plane
///
/// On the control plane of testbed/, this service on core 0 and all else (API server, etcd, scheduler, ...) on core 1, with
/// Deployments of 2 pods each. The load of all rises at once; what counts is the time from when the metrics API shows it
/// until the API server has got the last scale call.
#[derive(Args)]
pub struct AtOnceTestbed {
    /// How many Deployments, and so autoscalers
    #[arg(long, default_value_t = 1000)]
    deployments: usize,
    /// In how many namespaces
    #[arg(long, default_value_t = 5)]
    namespaces: usize,
    /// How long the service runs before
    #[arg(long, default_value_t = 60)]
    warm_up: u64,
}

impl AtOnceTestbed {
    pub fn run(&self, output: &Output) -> anyhow::Result<()> {
        testbed::run(async { self.measure().await?.finish(output.save.as_deref()) })
    }

    async fn measure(&self) -> anyhow::Result<Row> {
        let cluster = testbed::start()?;
        say("making the Deployments");
        let world = World::new(&cluster, self.namespaces, self.deployments).await?;
        let running = Contender::Service.start(&cluster, &Tuning::default())?;
        Contender::Service.create_objects(&world, &Tuning::default()).await?;
        running.await_evaluated(&world).await?;
        sleep(Duration::from_secs(self.warm_up)).await;
        let mut log = AuditLog::from_now(&cluster)?;
        let (surge, _) = surge(&world, &Contender::Service.user(), &mut log).await?;
        let nodes_lost = world.nodes_lost().await?;
        running.stop()?;
        Row::new(
            &format!("All {} workloads of a real control plane need a replica more at once", self.deployments),
            "",
            format!(
                "first {:.1} s, median {:.1} s, last {:.1} s after the metrics show it; {nodes_lost} nodes taken for dead",
                surge.first_seconds, surge.median_seconds, surge.last_seconds
            ),
            None,
            json!({"deployments": self.deployments, "surge": surge, "nodes_lost": nodes_lost}),
        )
    }
}
