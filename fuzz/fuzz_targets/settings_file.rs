//! Settings files: what is accepted keeps within its bounds, and what is refused is refused in words.
#![no_main]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use ai_storage_orchestrator::settings::{Authentication, Flags, Settings, Surroundings};
use ai_storage_orchestrator_fuzz::memory::within;
use libfuzzer_sys::fuzz_target;

/// The file, in memory where that can be.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from("/dev/shm");
    let folder = if folder.is_dir() { folder } else { std::env::temp_dir() };
    folder.join(format!("ai-storage-orchestrator-fuzz-{}.toml", std::process::id()))
});

fuzz_target!(|text: &[u8]| {
    std::fs::write(&*FILE, text).expect("the file can be written");
    let flags = Flags { config: Some(FILE.clone()), ..Flags::default() };
    let loaded = within((4 << 20) + 512 * text.len(), || Settings::load(&flags));
    std::fs::remove_file(&*FILE).expect("the file can be removed");
    let Ok(settings) = loaded else { return };
    assert!((1..=5).contains(&settings.cluster.request_timeout().as_secs()));
    let (fresh, oldest) = (settings.metrics.freshness(), settings.metrics.max_age());
    assert!(Duration::from_secs(1) <= fresh && fresh < oldest && oldest <= Duration::from_secs(3_600));
    assert!(settings.http.workers <= 512 && (1..=100_000).contains(&settings.http.max_connections));
    assert!(settings.http.allowed_hosts().is_ok() && (0.1..=1440.0).contains(&settings.simulation.speed));
    match settings.auth.choice(false, Ipv4Addr::UNSPECIFIED.into()) {
        Ok(Authentication::Kubernetes { cache }) => assert!((1..=60).contains(&cache.as_secs())),
        Ok(Authentication::Token(file)) => assert!(!file.as_os_str().is_empty()),
        // Nobody opens the service to everybody without having said so, in letters or in TOML's escapes.
        Ok(Authentication::None) => assert!(String::from_utf8_lossy(text).contains("none") || text.contains(&b'\\')),
        Err(_) => {}
    }
    let rules = settings.namespaces.rules();
    assert!(rules.allow.iter().chain(&rules.deny).all(|namespace| (1..=63).contains(&namespace.len())));
    let _ = settings.cluster.choice(&Surroundings::default());
    let _ = format!("{settings:?}");
});
