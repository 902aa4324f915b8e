//! What it costs to read 200 exporters of 8 GPUs each, over real connections, and whether memory grows over 1,000 times.
//!
//! It measures the CPU time of the whole process, the playing exporters' included. `cargo bench --bench gpu_refresh`
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use ai_storage_orchestrator::actors::collectors::gpu::{GpuCollector, GpuCollectorSettings};
use ai_storage_orchestrator::actors::messages::GetGpus;
use ai_storage_orchestrator::adapters::dcgm::fixed::FixedExporters;
use ai_storage_orchestrator::adapters::dcgm::scraper::{ScrapeLimits, Scraper};
use ai_storage_orchestrator::adapters::destinations::Destinations;
use ai_storage_orchestrator::adapters::outgoing::Outgoing;
use ai_storage_orchestrator::clock::Clock;
use ai_storage_orchestrator::domain::gpu::Preference;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const EXPORTERS: usize = 200;
const GPUS: usize = 8;

/// As many families as dcgm-exporter shows by default.
const FAMILIES: [&str; 25] = [
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
    "DCGM_FI_DEV_MEMORY_TEMP",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
    "DCGM_FI_DEV_PCIE_REPLAY_COUNTER",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_ENC_UTIL",
    "DCGM_FI_DEV_DEC_UTIL",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_RESERVED",
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
    "DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL",
    "DCGM_FI_DEV_VGPU_LICENSE_STATUS",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_PROF_DRAM_ACTIVE",
    "DCGM_FI_PROF_PCIE_TX_BYTES",
    "DCGM_FI_PROF_PCIE_RX_BYTES",
];

fn answer(node: usize) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        writeln!(text, "# HELP {family} One of the figures of a GPU.\n# TYPE {family} gauge").unwrap();
        for gpu in 0..GPUS {
            let value = if family.contains("_PROF_") { 0.5 } else { 50.0 };
            writeln!(
                text,
                "{family}{{gpu=\"{gpu}\",UUID=\"GPU-{node:08}-{gpu:04}-b61d-e0bc-7b2460096005\",pci_bus_id=\"00000000:{gpu:02X}:00.0\",\
                 device=\"nvidia{gpu}\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"gpu-node-{node}\",\
                 DCGM_FI_DRIVER_VERSION=\"580.105.08\",container=\"main\",namespace=\"training\",pod=\"train-{node}-{gpu}\"}} {value}"
            )
            .unwrap();
        }
    }
    text
}

async fn serve(listener: TcpListener, text: Arc<str>) {
    while let Ok((mut connection, _)) = listener.accept().await {
        let text = text.clone();
        tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
            let mut request = [0; 4096];
            while connection.read(&mut request).await.is_ok_and(|length| length > 0) {
                let _ = connection.write_all(head.as_bytes()).await;
                let _ = connection.write_all(text.as_bytes()).await;
            }
        });
    }
}

/// The CPU time of this process in seconds, and its resident memory in MiB.
fn used() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    (ticks / 100.0, fields[21].parse::<f64>().unwrap() * 4096.0 / 1024.0 / 1024.0)
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    actix::System::new().block_on(async {
        let mut urls = Vec::new();
        for node in 0..EXPORTERS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            urls.push(format!("http://{}/metrics", listener.local_addr().unwrap()));
            tokio::spawn(serve(listener, answer(node).into()));
        }
        println!("{EXPORTERS} exporters x {GPUS} devices, {} KiB each", answer(0).len() / 1024);
        let clock = Clock::wall();
        let limits = ScrapeLimits { timeout: Duration::from_secs(5), max_answer: 8 << 20 };
        let outgoing = Outgoing::new(Destinations::everywhere()).unwrap();
        let scraper = Scraper::new(outgoing, limits, Preference::GpuUtil, clock);
        let settings = GpuCollectorSettings {
            freshness: Duration::ZERO,
            max_age: Duration::from_secs(90),
            concurrency: 32,
            window: Duration::from_secs(30),
        };
        let exporters = Arc::new(FixedExporters::new(&urls).unwrap());
        let collector = GpuCollector::new(
            exporters,
            Arc::new(scraper),
            clock,
            settings,
            Arc::default(),
            Arc::default(),
            Arc::default(),
        )
        .start();
        let times: usize = std::env::var("REFRESHES").ok().and_then(|times| times.parse().ok()).unwrap_or(1_000);
        let (mut before, mut at) = (used().0, 0);
        for time in 1..=times {
            let table = collector.send(GetGpus).await.unwrap();
            let devices: usize =
                table.reports().iter().filter_map(|report| Some(report.reading.as_ref()?.scrape.devices.len())).sum();
            assert_eq!(devices, EXPORTERS * GPUS);
            if matches!(time, 1 | 10 | 100) || time % 250 == 0 {
                let (cpu, memory) = used();
                let each = (cpu - before) / f64::from(u32::try_from(time - at).unwrap());
                println!("after {time:>4}: {each:.3} s of CPU a refresh, {memory:.0} MiB resident");
                (before, at) = (cpu, time);
            }
        }
    });
}
