//! Secrets are in no error, no answer and no log, however wrong what holds them is.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use rstest::rstest;

use super::service::{Ended, SOON, binary, ended};

/// What must be seen nowhere.
const SECRET: &str = "pLanTed-S3cret";

fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.replace("SECRET", SECRET).as_bytes()).unwrap();
    file
}

/// Runs a command that cannot do what it is told.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.replace("SECRET", SECRET)).collect();
    let variables = variables.iter().map(|(name, value)| (*name, value.replace("SECRET", SECRET)));
    let ended = ended(binary().args(arguments).envs(variables), "");
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(!format!("{ended:?}").contains(SECRET), "{ended:?}");
    ended
}

#[rstest]
#[case::a_list("    token: [SECRET]", "line 11, column 12")]
#[case::a_map("    token: {SECRET: a}", "line 11, column 12")]
#[case::an_open_quote("    token: \"SECRET", "line 11, column 12")]
#[case::a_wrong_line_below("    token: SECRET\n   other: a", "line 12, column 4")]
#[case::in_the_wrong_place("    SECRET", "line 11, column 5")]
#[case::a_password("    username: me\n    password: [SECRET]", "line 12, column 15")]
#[case::a_line_feed("    token: \"SECRET\\n\"", "the kubeconfig's token has characters that no header can carry")]
#[case::a_key("    client-certificate-data: SECRET\n    client-key-data: SECRET", "failed to load client certificate")]
#[case::a_command_that_fails(
    "    exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: \
     [-c, 'echo SECRET; echo SECRET >&2; exit 3']}",
    "command to log in (exec) failed with exit status: 3"
)]
#[case::a_command_that_prints_nonsense(
    "    exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: \
     ['{\"token\": SECRET, [}']}",
    "printed no ExecCredential"
)]
#[case::a_provider(
    "    auth-provider: {name: gcp, config: {cmd-path: echo, cmd-args: SECRET, token-key: a}}",
    "token-key"
)]
#[case::an_unknown_provider("    auth-provider: {name: azure, config: {access-token: SECRET}}", "auth-provider")]
fn a_kubeconfig_that_makes_no_sense_is_not_quoted(#[case] user: &str, #[case] why: &str) {
    let ended = with_kubeconfig("server: 'http://127.0.0.1:1'", user);
    assert!(ended.errors.contains(why), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1, "{ended:?}");
}

#[rstest]
#[case::in_the_servers_url("server: 'http://me:SECRET@127.0.0.1:1'", "a user name or password in its URL")]
#[case::in_a_malformed_url("server: 'http://me:SECRET@ /'", "failed to parse cluster url")]
#[case::in_the_proxys_url("server: 'http://127.0.0.1:1', proxy-url: 'http://me:SECRET@127.0.0.1:1'", "proxy")]
#[case::in_a_malformed_proxy_url("server: 'http://127.0.0.1:1', proxy-url: 'http://me:SECRET@ /'", "proxy")]
fn credentials_in_the_urls_of_a_kubeconfig_are_not_quoted(#[case] cluster: &str, #[case] why: &str) {
    let ended = with_kubeconfig(cluster, "    token: a");
    assert!(ended.errors.contains(why), "{ended:?}");
}

fn with_kubeconfig(cluster: &str, user: &str) -> Ended {
    let file = written(&format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         contexts:\n- {{name: c, context: {{cluster: c, user: u}}}}\n\
         clusters:\n- {{name: c, cluster: {{{cluster}}}}}\n\
         users:\n- name: u\n  user:\n{user}\n"
    ));
    let path = path(file.path());
    // `echo` and `sh` are found by it.
    refused(&["--kubeconfig", path, "--port", "0"], &[("PATH", "/usr/bin:/bin")])
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[rstest]
#[case::an_open_quote("[cluster]\ncontext = \"SECRET\n", "line 2, column")]
#[case::no_quotes("[cluster]\ncontext = SECRET\n", "line 2, column")]
#[case::twice("[cluster]\ncontext = \"a\"\ncontext = \"SECRET\"\n", "duplicate key")]
#[case::a_number_is_wanted("[http]\nworkers = \"SECRET\"\n", "http.workers")]
#[case::a_list_is_wanted("[gpu]\nurls = \"http://me:SECRET@gpu-1/\"\n", "gpu.urls")]
#[case::in_a_table("[cluster]\ncontext = {a = \"SECRET\"}\n", "cluster.context")]
#[case::in_a_list("[cluster]\ncontext = [\"SECRET\"]\n", "cluster.context")]
#[case::of_another_version("[http]\nold_token = \"SECRET\"\n", "old_token")]
#[case::in_a_url("[gpu]\nurls = [\"http://me:SECRET@gpu-1/\"]\n", "gpu.urls: a URL contains a user name or password")]
#[case::in_a_malformed_url("[gpu]\nurls = [\"http://me:SECRET@gpu-1:999999/\"]\n", "gpu.urls")]
fn settings_that_make_no_sense_are_not_quoted(#[case] text: &str, #[case] why: &str) {
    let file = written(text);
    let ended = refused(&["--simulated", "--port", "0", "--config", path(file.path())], &[]);
    assert!(ended.errors.contains(why), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1, "{ended:?}");
}

#[rstest]
fn variables_that_make_no_sense_are_not_quoted(
    #[values("HTTP__PORT", "HTTP__WORKERS", "GPU__TIMEOUT_SECONDS", "EVENTS__ENABLED", "SCALING__MODE", "STORE__KIND")]
    setting: &str,
) {
    let variable = format!("ORCHESTRATOR__{setting}");
    let ended = refused(&["--simulated"], &[(&variable, "SECRET")]);
    let key = setting.to_lowercase().replace("__", ".");
    let (section, _) = key.split_once('.').unwrap();
    assert!(ended.errors.contains(section), "{ended:?}");
}

#[rstest]
#[case::in_the_url(&["get", "--server", "http://me:SECRET@127.0.0.1:1"], &[])]
#[case::in_a_malformed_url(&["get", "--server", "http://me:SECRET@127.0.0.1:999999"], &[])]
#[case::in_a_url_of_another_kind(&["get", "--server", "ftp://me:SECRET@127.0.0.1"], &[])]
#[case::in_the_environments_url(&["get"], &[("ORCHESTRATOR_SERVER", "http://me:SECRET@127.0.0.1:1")])]
#[case::a_wrong_flag_beside_it(&["get", "--nonsense"], &[("ORCHESTRATOR_SERVER", "http://me:SECRET@127.0.0.1:1")])]
#[case::a_token_for_nobody(&["get", "--server", "http://127.0.0.1:1"], &[("ORCHESTRATOR_TOKEN", "SECRET")])]
#[case::no_header(&["get", "--server", "http://127.0.0.1:1"], &[("ORCHESTRATOR_TOKEN", "SECRET\na")])]
#[case::log(&["get", "--server", "http://127.0.0.1:1"], &[("ORCHESTRATOR_TOKEN", "SECRET"), ("RUST_LOG", "trace")])]
fn commands_do_not_repeat_secrets(#[case] arguments: &[&str], #[case] variables: &[(&str, &str)]) {
    refused(arguments, variables);
}

#[test]
fn a_token_file_that_makes_no_sense_is_not_quoted() {
    let file = written("SECRET\nand more\n");
    let ended = refused(&["get", "--server", "http://127.0.0.1:1", "--token-file", path(file.path())], &[]);
    assert!(ended.errors.contains("characters that no header can carry"), "{ended:?}");
}

#[rstest]
#[case::three_words("me SECRET more")]
#[case::a_character_that_no_header_has("me SECRET\u{e9}")]
#[case::twice("me SECRET\nyou SECRET")]
#[case::a_name_twice("SECRET another\nSECRET other")]
fn a_file_of_tokens_that_makes_no_sense_is_not_quoted(#[case] lines: &str) {
    let file = written(lines);
    let ended = refused(&["--simulated", "--port", "0"], &[("ORCHESTRATOR__AUTH__TOKEN_FILE", path(file.path()))]);
    assert!(ended.errors.contains("of the token file"), "{ended:?}");
}

#[test]
fn the_help_does_not_show_the_environment() {
    let help = ended(binary().args(["get", "--help"]).env("ORCHESTRATOR_SERVER", format!("http://me:{SECRET}@a")), "");
    assert!(help.code == 0 && help.output.contains("ORCHESTRATOR_SERVER") && !help.output.contains(SECRET), "{help:?}");
}

/// A service that logs all that it can, in a file.
struct Talkative {
    process: std::process::Child,
    log: tempfile::NamedTempFile,
    url: String,
    _tokens: tempfile::NamedTempFile,
}

impl Drop for Talkative {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Talkative {
    fn start(token: &str) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = binary();
        let tokens = written(&format!("somebody {token}\n"));
        command.args(["--simulated", "--port", "0"]).env("RUST_LOG", "trace");
        command.env("ORCHESTRATOR__AUTH__TOKEN_FILE", tokens.path());
        let process = command.stderr(File::options().append(true).open(log.path()).unwrap()).spawn().unwrap();
        let mut service = Self { process, log, url: String::new(), _tokens: tokens };
        let begun = Instant::now();
        while service.url.is_empty() {
            assert!(begun.elapsed() < SOON, "it does not listen:\n{}", service.said());
            let said = service.said();
            let line = said.lines().find_map(|line| line.split_once("; open ")).map(|(_, url)| url.to_owned());
            service.url = line.unwrap_or_default();
            std::thread::yield_now();
        }
        service
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }
}

#[tokio::test]
async fn a_service_that_logs_everything_logs_and_answers_no_secret() {
    let [own, others] = ["own", "others"].map(|whose| format!("{SECRET}-{whose}"));
    let service = Talkative::start(&own);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let mut answers = Vec::new();
    let credentials = [
        ("authorization", format!("Bearer {own}")),
        ("authorization", format!("Bearer {others}")),
        ("authorization", format!("Basic {others}")),
        ("authorization", others.clone()),
        ("proxy-authorization", format!("Bearer {others}")),
        ("cookie", format!("session={others}")),
    ];
    for (name, value) in &credentials {
        for path in
            ["api/v1/fleet", "api/v1/sources", "api/v1/autoscaling", "api/v1/mode", "metrics", "readyz", "nowhere"]
        {
            let asked = http.get(format!("{}{path}", service.url)).header(*name, value).send().await.unwrap();
            answers.push(format!("{:?}", asked.headers()));
            answers.push(asked.text().await.unwrap());
        }
        let body = r#"{"workload_name": 1}"#;
        let asked = http.post(format!("{}api/v1/autoscaling", service.url)).header(*name, value);
        answers.push(
            asked.header("content-type", "application/json").body(body).send().await.unwrap().text().await.unwrap(),
        );
    }
    let asked = http.get(format!("{}api/v1/fleet?token={others}&access_token={others}", service.url));
    answers.push(asked.header("authorization", format!("Bearer {own}")).send().await.unwrap().text().await.unwrap());
    assert!(answers.iter().any(|answer| answer.contains("orchestrator_build_info")), "nobody was let in: {answers:#?}");
    for answer in &answers {
        assert!(!answer.contains(SECRET), "{answer}");
    }
    let said = service.said();
    assert!(said.contains("TRACE"), "it does not log everything");
    let found: Vec<_> = said.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(found.is_empty(), "{found:#?}");
}
