//! The commands for people against a real service on the simulated cluster.

use std::net::TcpListener;

use serde_json::Value;

use super::answering::Answering;
use super::service::{Service, binary, ended};

/// The words of each line, for tables whose columns are as wide as they need to be.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn an_autoscalers_whole_life() {
    let service = Service::start(None);
    let created =
        service.run(&["create", "deploy/web-frontend", "-n", "production", "--min", "2", "--max", "10", "--cpu", "70"]);
    assert_eq!((created.code, &*created.errors), (0, ""), "{created:?}");
    assert!(
        created.output.contains(" created: Deployment production/web-frontend, 2..10 replicas, now 2\n"),
        "{created:?}"
    );
    let again =
        service.run(&["create", "web-frontend", "-n", "production", "--min", "2", "--max", "10", "--cpu", "70"]);
    assert!(again.code == 0 && again.output.contains(" existed already: "), "{again:?}");

    let scaled = service.until("it is scaled", || {
        let table = service.run(&["get", "-n", "production"]).output;
        // The watch may tell of the count a moment after it was set.
        (table.contains("2 -> 4") && table.contains("4/4")).then_some(table)
    });
    let table = words(&scaled);
    assert_eq!(table[0], ["NAMESPACE", "KIND", "NAME", "REPLICAS", "METRICS", "STATUS", "LAST", "ACTION", "AGE"]);
    assert_eq!(
        (table.len(), &table[1][..4]),
        (2, &["production", "Deployment", "web-frontend", "4/4"][..]),
        "{scaled}"
    );
    assert!(scaled.contains(" ago: CPU 1") && scaled.contains(" in 2..10"), "{scaled}");
    assert!(!scaled.contains('\x1b'), "no colours in a pipe");
    assert!(service.run(&["get", "--color", "always"]).output.contains('\x1b'));
    assert_eq!(service.json(&["get"])["count"], 2);

    let described = service.run(&["describe", "production/web-frontend"]).output;
    for text in [
        "Deployment production/web-frontend",
        "target_cpu_percent: 70",
        "AbleToScale",
        "2 -> 4: cpu 1",
        "metrics.k8s.io/v1beta1",
    ] {
        assert!(described.contains(text), "{text}: {described}");
    }
    let described = service.run(&["describe", "ml/ai-inference"]).output;
    assert!(described.contains("GPUs:") && described.contains(" MiB, "), "{described}");

    let exported: Value = serde_saphyr::from_str(&service.run(&["export", "-n", "production"]).output).unwrap();
    let object = &exported["items"][0];
    assert_eq!((&object["kind"], &object["spec"]["max_replicas"]), (&"WorkloadAutoscaler".into(), &10.into()));
    assert_eq!(object["metadata"]["namespace"], "production", "{exported}");

    let paused = service.run(&["pause", "web-frontend"]);
    assert!(paused.code == 0 && paused.output.contains("(Deployment production/web-frontend) paused"), "{paused:?}");
    assert_eq!(service.json(&["get", "--status", "inactive"])["count"], 1);
    assert_eq!(service.run(&["resume", "deployment/web-frontend", "-n", "production"]).code, 0);
    assert_eq!(service.json(&["get", "web-frontend"])["status"], "active");
    assert_eq!(service.run(&["mode", "web-frontend", "--to", "observe"]).code, 0);
    let id = service.json(&["get", "web-frontend"])["autoscaling_id"].as_str().unwrap().to_owned();
    assert_eq!(service.json(&["get", &id[..16]])["details"]["mode"], "observe", "an id may be shortened");

    let unasked = service.run(&["delete", &id]);
    assert!(unasked.code == 2 && unasked.errors.contains("--yes"), "{unasked:?}");
    let deleted = service.run(&["delete", &id, "--yes"]);
    assert!(deleted.code == 0 && deleted.output.contains(" deleted; "), "{deleted:?}");
    let gone = service.run(&["describe", &id]);
    assert!(gone.code == 3 && gone.errors.contains("not found"), "{gone:?}");
}

#[test]
fn files_have_one_request_or_several_and_what_fails_is_named() {
    let service = Service::start(None);
    let request = |name: &str| {
        format!(
            "workload_name: {name}\nworkload_namespace: default\nworkload_type: auto\nmin_replicas: 1\nmax_replicas: 3\ntarget_cpu_percent: 50\n"
        )
    };
    let both = format!("{}---\n{}", request("nginx-deployment"), request("no-such"));
    let created = service.run_with(&["create", "-f", "-"], &both);
    assert_eq!((created.code, created.output.lines().count()), (1, 1), "{created:?}");
    let error = "1 of 2 were not created:\n  document 2, auto default/no-such: Failed to create autoscaler: ";
    assert!(created.errors.contains(error), "{created:?}");
    // What the API shows of one is a request again.
    let shown = service.json(&["get", "nginx-deployment"]);
    let again = service.run_with(&["create", "-f", "-", "-o", "yaml"], &shown["details"]["spec"].to_string());
    assert!(again.code == 0 && again.output.starts_with("autoscaling_id: autoscaler-"), "{again:?}");
    let nonsense = service.run_with(&["create", "-f", "-"], "a: [1");
    assert!(nonsense.code == 2 && nonsense.errors.contains("neither YAML nor JSON"), "{nonsense:?}");
    assert_eq!(service.run(&["create", "-f", "/no/such/file"]).code, 2);
    assert_eq!(service.run(&["create", "job/x", "--min", "1", "--max", "2"]).code, 2);
    assert_eq!(service.run(&["create"]).code, 2);
}

#[test]
fn it_is_explained_in_five_lines_why_a_workload_was_scaled_or_not() {
    let service = Service::start(None);
    assert_eq!(
        service.run(&["create", "web-frontend", "-n", "production", "--min", "2", "--max", "10", "--cpu", "70"]).code,
        0
    );
    let first = service.until("it has decided", || {
        let ended = service.run(&["explain", "web-frontend", "-o", "json"]);
        (ended.code == 0).then(|| serde_json::from_str::<Value>(&ended.output).unwrap())
    });
    let decision = service.until("it is scaled", || {
        let decision = service.json(&["explain", "web-frontend"]);
        (decision["current_replicas"] == 4).then_some(decision)
    });
    assert!(decision["steps"].is_array(), "{decision}");
    let told = service.run(&["explain", "web-frontend", "--at", "now"]);
    let starts: Vec<&str> = told.output.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!((told.code, starts), (0, vec!["At", "Metric:", "Rule:", "Needs:", "Next:"]), "{told:?}");
    assert!(told.output.contains("it had 4 replicas"), "{told:?}");

    let first = service.run(&["explain", "web-frontend", "--at", first["first_at"].as_str().unwrap()]);
    assert!(first.code == 0 && first.output.contains("it had 2 replicas"), "{first:?}");
    let before = service.run(&["explain", "web-frontend", "--at", "5d ago"]);
    assert_eq!(before.code, 3, "{before:?}");
    assert!(before.errors.contains("nothing is kept of ") && before.errors.contains("was created at "), "{before:?}");
    let nonsense = service.run(&["explain", "web-frontend", "--at", "tea time"]);
    assert!(nonsense.code == 2 && nonsense.errors.contains("RFC 3339"), "{nonsense:?}");
    assert_eq!(service.run(&["explain", "web-frontend", "--at", "2999-01-01T00:00:00Z"]).code, 2);
}

#[test]
fn a_service_that_is_not_there_is_said_how_to_start_or_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failed = ended(binary().args(["get", "--server", &url]), "");
    assert_eq!((failed.code, &*failed.output), (4, ""));
    let said = failed.errors;
    assert!(
        said.contains(&url) && said.contains("ai-storage-orchestrator serve") && said.contains("--server"),
        "{said}"
    );
    assert_eq!(ended(binary().args(["get", "--server", "127.0.0.1:80"]), "").code, 2);
}

#[test]
fn whatever_a_name_or_message_is_the_terminal_obeys_nothing_in_it() {
    let attack = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\r\n";
    let autoscaler = serde_json::json!({
        "autoscaling_id": attack, "status": attack, "message": attack,
        "details": {
            "workload_name": attack, "workload_namespace": attack, "workload_type": attack, "failure": attack,
            "created_by": attack, "changed_by": attack, "mode": attack, "service_mode": attack, "scaled_by": attack,
            "gpu": {"pods": [{"pod": attack, "error": attack, "devices": []}, {"pod": attack, "devices": [{"device": attack}]}]},
            "spec": {attack: attack}, "conditions": [{"type": attack, "status": attack, "reason": attack, "message": attack}],
            "metrics": [{"name": attack, "state": "unknown", "target_percent": 5, "error": attack}],
        },
    });
    let body = serde_json::json!({
        "mode": attack, "name": attack, "groups": [attack, attack], "message": attack,
        "autoscalers": [autoscaler], "matching": 1, "count": 1, "autoscaling_id": attack, "status": attack, "details": autoscaler["details"],
        "decisions": [{"message": attack, "reason": attack, "outcome": "held", "first_at": "2026-01-01T00:00:00Z"}],
    });
    let well = Answering::start("200 OK", "", &body.to_string());
    let refusal = serde_json::json!({"error": attack, "details": attack}).to_string();
    let refusals = [
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "409 Conflict",
        "503 Service Unavailable",
    ]
    .map(|status| Answering::start(status, "", &refusal));
    let id = "autoscaler-00000000";
    for arguments in [
        &["get"][..],
        &["get", "-o", "wide"],
        &["get", "-o", "json"],
        &["get", "-o", "yaml"],
        &["describe", id],
        &["explain", id],
        &["pause", id],
        &["get", "-n", attack],
        &["describe", attack],
        &["export"],
        &["whoami"],
        &["whoami", "-o", "yaml"],
        &["create", "web", "--min", "1", "--max", "2"],
        &["delete", id, "--yes"],
    ] {
        for server in std::iter::once(&well).chain(&refusals) {
            let mut command = binary();
            command.args(arguments).args(["--server", &server.url, "--color", "never"]);
            let shown = ended(command.env("ORCHESTRATOR_TOKEN", "sesame"), "");
            let obeyed = |text: &str| text.replace('\n', "").chars().any(|c| c.is_control() || c == '\u{202e}');
            assert!(!obeyed(&shown.output) && !obeyed(&shown.errors), "{arguments:?}: {shown:?}");
            assert!(!shown.output.is_empty() || !shown.errors.is_empty(), "{arguments:?}");
        }
    }
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let written = ended(binary().args(["completions", shell]), "");
        assert!(written.code == 0 && written.output.contains("explain"), "{shell}: {written:?}");
    }
    assert_eq!(ended(binary().args(["completions", "abacus"]), "").code, 2);
}
