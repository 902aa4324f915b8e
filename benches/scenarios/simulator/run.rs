//! The simulator's own process.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context;
use chrono::Utc;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tower::service_fn;

use super::Options;
use super::control::{Order, Told};
use super::server::Front;
use super::world::World;

/// How its line on standard error begins that says where it is.
pub const READY: &str = "the simulator is ready: ";

/// Builds the cluster and serves it until the process is ended. A kubeconfig for it is written to `kubeconfig`.
pub fn run(options: Options, kubeconfig: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let begun = Instant::now();
        let compresses = !options.plain;
        let world = World::build(options).await?;
        let front = Arc::new(Front::new(world.cluster.service(), compresses));
        let api = TcpListener::bind("127.0.0.1:0").await?;
        let control = TcpListener::bind("127.0.0.1:0").await?;
        let text = kubeconfig_for(&api.local_addr()?.to_string());
        std::fs::write(kubeconfig, text).with_context(|| format!("cannot write {}", kubeconfig.display()))?;
        eprintln!("the simulated cluster was built in {:.1?}", begun.elapsed());
        eprintln!("{READY}{}", control.local_addr()?);
        tokio::try_join!(front.clone().serve(api), obey(control, front, Arc::new(Mutex::new(world))))?;
        Ok(())
    })
}

fn kubeconfig_for(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: simulated\n\
         contexts: [{{name: simulated, context: {{cluster: simulated, user: me, namespace: default}}}}]\n\
         clusters: [{{name: simulated, cluster: {{server: 'http://{address}'}}}}]\n\
         users: [{{name: me, user: {{}}}}]\n"
    )
}

/// Takes orders without end.
async fn obey(listener: TcpListener, front: Arc<Front>, world: Arc<Mutex<World>>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let (front, world) = (front.clone(), world.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (front, world) = (front.clone(), world.clone());
            async move {
                let told = match request.into_body().collect().await {
                    Ok(body) => told(&body.to_bytes(), &front, &world).await,
                    Err(error) => Err(error.into()),
                };
                let told = told.unwrap_or_else(|error| Told::Failed { why: format!("{error:#}") });
                let body = serde_json::to_vec(&told).unwrap_or_default();
                Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from(body))))
            }
        });
        tokio::spawn(async move {
            let served = Builder::new(TokioExecutor::new());
            let _ = served.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
    }
}

async fn told(order: &[u8], front: &Front, world: &Mutex<World>) -> anyhow::Result<Told> {
    let mut world = world.lock().await;
    match serde_json::from_slice(order)? {
        Order::Counts => {
            let (requests, patched, refused) = front.counts.told();
            return Ok(Told::Counts { requests, patched, refused });
        }
        Order::Load { percent } => return Ok(Told::Load { visible_at: world.load(percent) }),
        Order::Objects => {
            let (scaled, autoscalers, with_status) = world.objects().await?;
            return Ok(Told::Objects { scaled, autoscalers, with_status });
        }
        Order::Reset => front.counts.reset(),
        Order::Refuse { seconds } => {
            let until = Utc::now().timestamp_millis() + i64::from(seconds) * 1000;
            front.refuses_until.store(until, Ordering::Relaxed);
        }
        Order::Replace { workloads } => world.replace(workloads)?,
        Order::Add { workloads } => world.add(workloads).await?,
        Order::Remove { workloads } => world.remove(workloads).await?,
    }
    Ok(Told::Done)
}
