//! The lines that hold the structure, enforced: who may name what.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// Every source file under `folder` of `src`, or the file itself, with its text.
fn sources(place: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(place);
    let mut open = vec![root];
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!files.is_empty(), "nothing at {place}");
    files
}

/// Whether `line` names `word` outside a comment and not as a part of a longer word.
fn names(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !before.ends_with(is_part) && (word.ends_with(':') || !after.starts_with(is_part))
    })
}

fn violations(place: &str, forbidden: &[&str], except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(place) {
        let shown = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
        if except.iter().any(|exception| shown.starts_with(&format!("src/{exception}"))) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for word in forbidden.iter().filter(|word| names(line, word)) {
                found.push(format!("{shown}:{}: names {word}", number + 1));
            }
        }
    }
    found
}

fn assert_free(place: &str, forbidden: &[&str], except: &[&str]) {
    let found = violations(place, forbidden, except);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_domain_knows_nothing_of_the_world() {
    let world = [
        "actix",
        "actix_web",
        "kube",
        "k8s_openapi",
        "jiff",
        "reqwest",
        "tokio",
        "http",
        "log::",
        "fastrand",
        "uuid::",
        "std::env",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant",
        "Utc::now",
    ];
    assert_free("domain", &world, &[]);
    let rest = ["crate::actors", "crate::adapters", "crate::http", "crate::ports", "crate::clock", "crate::app"];
    assert_free("domain", &rest, &[]);
}

#[test]
fn the_ports_know_only_the_domain() {
    let rest =
        ["crate::actors", "crate::adapters", "crate::http", "crate::app", "crate::simulation", "actix", "kube::"];
    assert_free("ports.rs", &rest, &[]);
}

#[test]
fn actors_and_adapters_do_not_know_each_other() {
    assert_free("actors", &["crate::adapters", "crate::http", "crate::app", "crate::simulation", "kube::"], &[]);
    assert_free("adapters", &["crate::actors", "crate::http", "crate::app", "crate::simulation"], &[]);
}

#[test]
fn who_is_let_in_depends_on_the_ports_alone() {
    let rest = ["crate::actors", "crate::adapters", "crate::http", "crate::app", "crate::settings", "actix_web"];
    assert_free("access", &rest, &[]);
    assert_free("actors", &["crate::access"], &[]);
    assert_free("adapters", &["crate::access"], &[]);
}

#[test]
fn only_the_actors_and_what_starts_them_name_actix() {
    assert_free("", &["actix"], &["actors", "app.rs", "main.rs"]);
}

#[test]
fn only_the_kubernetes_adapter_and_the_simulated_cluster_name_kube() {
    assert_free("", &["kube::", "k8s_openapi::", "jiff::"], &["adapters/kubernetes", "simulation"]);
}

#[test]
fn only_the_composition_root_knows_the_adapters_and_the_simulation() {
    assert_free(
        "",
        &["crate::adapters"],
        &["adapters", "app.rs", "gpu_readings.rs", "cli/export.rs", "cli/import", "settings/outgoing/tests.rs"],
    );
    assert_free("", &["crate::simulation"], &["simulation", "app.rs", "settings.rs"]);
    assert_free(
        "simulation",
        &["crate::domain", "crate::actors", "crate::adapters", "crate::http", "crate::ports"],
        &[],
    );
}

#[test]
fn requests_of_the_service_go_where_the_settings_let_them() {
    // The command line asks as its user, and the API server is kube's.
    let clients = ["reqwest::Client", "reqwest::get", "ClientBuilder", "TcpStream", "hyper", "hyper_util"];
    assert_free(
        "",
        &clients,
        // A server takes connections and makes none.
        &[
            "adapters/outgoing.rs",
            "adapters/outgoing/",
            "adapters/dcgm/scraper/tests.rs",
            "cli/api.rs",
            "http/server.rs",
            "http/tls.rs",
        ],
    );
}

#[test]
fn what_is_counted_is_shown_in_one_place_only() {
    assert_free("", &["prometheus_client"], &["instruments.rs", "telemetry"]);
    assert_free("instruments.rs", &["crate::actors", "crate::adapters", "crate::http", "crate::telemetry"], &[]);
    assert_free("telemetry", &["crate::adapters", "crate::http", "crate::app"], &[]);
    assert_free("actors", &["crate::telemetry"], &[]);
    assert_free("adapters", &["crate::telemetry"], &[]);
    assert_free("domain", &["crate::instruments", "crate::telemetry"], &[]);
}

#[test]
fn the_command_line_is_a_client_like_any_other() {
    let service = ["crate::actors", "crate::app", "crate::http", "crate::ports", "crate::simulation", "crate::what_if"];
    // What is imported must be a request that the service takes, and deleting an HPA can fail in the port's ways.
    assert_free("cli", &service, &["cli/import/convert/tests.rs", "cli/import/hand_over.rs"]);
}

#[test]
fn nobody_can_choose_keys_that_collide() {
    // Each table of the standard library has hash keys of its own, so what collides in one does not in another; nobody
    // brings a hash function that can be foreseen.
    let known = ["a", "b", "c"].map(|key| RandomState::new().hash_one(key) == RandomState::new().hash_one(key));
    assert_eq!(known, [false; 3]);
    let own = [
        "with_hasher",
        "with_capacity_and_hasher",
        "BuildHasher",
        "BuildHasherDefault",
        "DefaultHasher",
        "FxHashMap",
        "FxHashSet",
        "AHashMap",
    ];
    assert_free("", &own, &[]);
}

#[test]
fn the_check_sees_a_violation() {
    assert!(names("use actix::prelude::*;", "actix"));
    assert!(!names("use actix_web::web;", "actix"));
    assert!(!names("let x = 1; // kube", "kube"));
    assert!(names("    std::env::var(\"X\")", "std::env"));
    assert!(!violations("adapters", &["kube::"], &[]).is_empty());
}
