//! Tokens: where they come from, where they go, and what is said when they do not suffice.

use std::io::Write;

use serde_json::json;

use super::answering::{Answering, answer};
use super::service::{Ended, Service, binary, ended};

const TOKEN: &str = "open-sesame-of-this-test";

/// Runs a command with a token in its environment against a server that is not the service.
fn run(server: &Answering, arguments: &[&str]) -> Ended {
    let mut command = binary();
    command.args(arguments).args(["--server", &server.url]).env("ORCHESTRATOR_TOKEN", TOKEN);
    let ended = ended(&mut command, "");
    assert!(!ended.output.contains(TOKEN) && !ended.errors.contains(TOKEN), "{ended:?}");
    ended
}

fn refusing(status: &str, error: &str, details: &str) -> Answering {
    Answering::start(status, "retry-after: 90\r\n", &json!({"error": error, "details": details}).to_string())
}

#[test]
fn a_token_comes_from_the_environment_or_from_a_file() {
    let service = Service::start(Some(TOKEN));
    let refused = service.run(&["get"]);
    assert!(
        refused.code == 1 && refused.errors.contains("ORCHESTRATOR_TOKEN") && refused.errors.contains("--token-file"),
        "{refused:?}"
    );
    assert!(refused.errors.contains("kubectl create token"), "{refused:?}");
    let wrong = ended(service.command(&["get"]).env("ORCHESTRATOR_TOKEN", "wrong"), "");
    assert!(wrong.code == 1 && wrong.errors.contains("does not accept the token"), "{wrong:?}");
    assert_eq!(ended(service.command(&["get"]).env("ORCHESTRATOR_TOKEN", format!("{TOKEN}\n")), "").code, 0);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "{TOKEN}").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(service.run(&["get", "--token-file", path]).code, 0);
    assert_eq!(service.run(&["get", "--token-file", "/no/such/file"]).code, 2);
    // It is not to be given where all can see it.
    assert_eq!(service.run(&["get", "--token", TOKEN]).code, 2);
    let who = service.run(&["whoami", "--token-file", path]);
    assert_eq!((who.code, &*who.output), (0, "Name:     of-this-test\nKnown by: a token of the service\n"), "{who:?}");
}

#[test]
fn a_service_that_asks_nobody_says_so() {
    let who = Service::start(None).run(&["whoami"]);
    assert!(who.code == 0 && who.output.starts_with("Name:     anyone\n"), "{who:?}");
}

#[test]
fn a_token_is_sent_in_a_header_and_to_nobody_else() {
    let elsewhere = Answering::start("200 OK", "", "{}");
    let server = Answering::start("307 Temporary Redirect", &format!("location: {}/\r\n", elsewhere.url), "");
    for arguments in [&["whoami"][..], &["watch"], &["create", "web", "--min", "1", "--max", "2"]] {
        let redirected = run(&server, arguments);
        assert!(redirected.code == 1 && redirected.errors.contains(&elsewhere.url), "{redirected:?}");
    }
    let asked = server.asked();
    assert!(
        asked.len() == 3 && asked.iter().all(|head| head.contains(&format!("\nauthorization: bearer {TOKEN}"))),
        "{asked:?}"
    );
    assert!(asked.iter().all(|head| !head.lines().next().unwrap().contains(TOKEN)), "{asked:?}");
    assert_eq!(elsewhere.asked(), Vec::<String>::new(), "it is not followed");
}

#[test]
fn what_goes_to_this_machine_goes_to_no_proxy() {
    let proxy = Answering::start("200 OK", "", "{}");
    let server = Answering::start("200 OK", "", &json!({"mode": "none", "name": null, "groups": []}).to_string());
    let mut command = binary();
    command.args(["whoami", "--server", &server.url]).env("ORCHESTRATOR_TOKEN", TOKEN);
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(variable, &proxy.url);
    }
    let who = ended(&mut command, "");
    assert_eq!((who.code, server.asked().len(), proxy.asked().len()), (0, 1, 0), "{who:?}");
}

#[test]
fn a_token_does_not_leave_this_machine_in_the_clear() {
    // Where nobody listens: nothing gets there anyway.
    let to = |arguments: &[&str]| {
        let mut command = binary();
        command.args(["whoami", "--server", "http://192.0.2.1:9"]).args(arguments).env("ORCHESTRATOR_TOKEN", TOKEN);
        // A proxy that is not there ends it at once.
        ended(command.env("http_proxy", "http://127.0.0.1:1"), "")
    };
    let refused = to(&[]);
    assert!(refused.code == 2 && refused.errors.contains("--insecure-http"), "{refused:?}");
    assert!(!refused.errors.contains(TOKEN), "{refused:?}");
    assert_eq!(to(&["--insecure-http"]).code, 4);
}

#[test]
fn who_may_not_is_told_what_is_missing() {
    let details = "alice may not list workloadautoscalers.ai-storage.io in namespace \"shop\"";
    let forbidden = run(&refusing("403 Forbidden", "Forbidden", details), &["get", "-n", "shop"]);
    assert_eq!(forbidden.code, 1);
    assert!(forbidden.errors.contains(details) && forbidden.errors.contains("role"), "{forbidden:?}");
}

#[test]
fn a_service_that_cannot_ask_says_when_to_try_again() {
    for (status, error) in
        [("503 Service Unavailable", "Authentication unavailable"), ("429 Too Many Requests", "Too many requests")]
    {
        // Nobody waits for so long.
        let server = refusing(status, error, "later");
        let busy = run(&server, &["whoami"]);
        assert_eq!((busy.code, server.asked().len()), (1, 1), "{busy:?}");
        assert!(busy.errors.contains(&format!("{error}: later; try again in 90 s")), "{busy:?}");
        assert_eq!(run(&server, &["watch"]).code, 1);
    }
}

#[test]
fn who_asked_too_much_waits_as_long_as_the_service_wants() {
    let limited = |status| {
        answer(status, "retry-after: 0\r\n", &json!({"error": "Too many requests", "details": "x"}).to_string())
    };
    let known = answer("200 OK", "", &json!({"mode": "token", "name": "robot", "groups": []}).to_string());
    let server = Answering::in_turn(&[&limited("429 Too Many Requests"), &limited("429 Too Many Requests"), &known]);
    let who = run(&server, &["whoami"]);
    assert!(who.code == 0 && who.output.contains("robot"), "{who:?}");
    assert_eq!(server.asked().len(), 3);
    // Not for ever.
    let server = Answering::in_turn(&[&limited("429 Too Many Requests")]);
    assert_eq!((run(&server, &["whoami"]).code, server.asked().len()), (1, 5));
    // What failed otherwise may have been begun, and is not begun twice.
    let server = Answering::in_turn(&[&limited("503 Service Unavailable"), &known]);
    assert_eq!((run(&server, &["whoami"]).code, server.asked().len()), (1, 1));
}

#[test]
fn one_who_is_not_known_is_not_refused_again_for_each_document() {
    let server = refusing("401 Unauthorized", "Unauthorized", "that token is not known");
    let request =
        "workload_name: web\nworkload_namespace: shop\nworkload_type: auto\nmin_replicas: 1\nmax_replicas: 3\n";
    let mut command = binary();
    command.args(["create", "-f", "-", "--server", &server.url]).env("ORCHESTRATOR_TOKEN", TOKEN);
    let refused = ended(&mut command, &[request; 20].join("---\n"));
    assert_eq!((refused.code, server.asked().len()), (1, 1), "{refused:?}");
}

#[test]
fn certificates_that_are_none_are_said() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"-----BEGIN PRIVATE KEY-----\nc2VzYW1l\n-----END PRIVATE KEY-----\n").unwrap();
    let path = file.path().to_str().unwrap();
    for arguments in [
        &["--ca-file", path][..],
        &["--ca-file", "/no/such/file"],
        &["--client-cert", path, "--client-key", path],
        &["--client-cert", path],
    ] {
        let refused = ended(binary().args(["whoami", "--server", "https://127.0.0.1:1"]).args(arguments), "");
        assert!(refused.code == 2 && !refused.errors.contains("c2VzYW1l"), "{arguments:?}: {refused:?}");
    }
}
