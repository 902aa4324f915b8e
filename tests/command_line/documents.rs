//! The commands that need no cluster: `evaluate` and `gpu-readings`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const GOOD: &str =
    r#"{"spec": {"min_replicas": 1, "max_replicas": 9}, "current_replicas": 2, "recommended_replicas": 3}"#;

fn command() -> Command {
    subcommand("evaluate")
}

fn subcommand(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator"));
    command.arg(name).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output and standard error.
fn run(input: &str, arguments: &[&str]) -> (i32, String, String) {
    finish(command().args(arguments), input.as_bytes())
}

fn finish(command: &mut Command, input: &[u8]) -> (i32, String, String) {
    let mut child = command.spawn().unwrap();
    // It may end, for a wrong argument, before it has read all of this.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_tells_whether_all_documents_were_good() {
    let (code, output, errors) = run(&format!("{GOOD}\n\n{GOOD}\n"), &[]);
    assert_eq!((code, output.lines().count(), &*errors), (0, 2, ""));
    let (code, output, errors) = run(&format!("{GOOD}\n{{}}\n"), &[]);
    assert_eq!((code, output.lines().count(), &*errors), (1, 2, ""));
    assert!(output.ends_with("{\"line\":2,\"error\":\"missing field `spec` at column 2\"}\n"), "{output}");
    assert_eq!(run("", &[]), (0, String::new(), String::new()));
}

#[test]
fn targets_over_100_have_to_be_asked_for() {
    let document =
        r#"{"spec": {"min_replicas": 1, "max_replicas": 9, "target_cpu_percent": 150}, "current_replicas": 2}"#;
    assert_eq!(run(document, &[]).0, 1);
    assert_eq!(run(document, &["--allow-over-100"]).0, 0);
}

#[test]
fn an_answer_comes_before_the_next_document() {
    let mut child = command().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        input.write_all(format!("{GOOD}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains("\"desired_replicas\":3"), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_quietly_when_nobody_reads_any_more() {
    let mut child = command().spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // It may end before it has read all of this.
    let _ = input.write_all(format!("{GOOD}\n").repeat(1_000).as_bytes());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

/// A busy GPU: 91 % of the time, and 15.6205 % of its engine. The last line is broken.
const GPU: &[u8] = b"\
DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-1\",device=\"nvidia0\",modelName=\"Tesla T4\",pod=\"p\",namespace=\"n\"} 91
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\",UUID=\"GPU-1\",pod=\"p\",namespace=\"n\"} 0.156205
DCGM_FI_DEV_GPU_UTIL{gpu=\"\xff\"} 1";

fn gpu_readings(input: &[u8], arguments: &[&str]) -> (i32, String, String) {
    finish(subcommand("gpu-readings").args(arguments), input)
}

#[test]
fn gpus_are_shown_line_by_line() {
    let (code, output, errors) = gpu_readings(GPU, &[]);
    let expected = concat!(
        r#"{"namespace":"n","pod":"p","container":null,"device":"nvidia0","uuid":"GPU-1","mig_instance":null,"#,
        r#""mig_profile":null,"model":"Tesla T4","utilization_percent":91,"memory_used_mib":null,"#,
        r#""memory_total_mib":null,"shared":false,"state":"ok","reason":null}"#,
        "\n"
    );
    assert_eq!((code, &*output), (0, expected));
    assert!(errors.starts_with("line 3: it is not UTF-8: "), "{errors}");
}

#[test]
fn the_preferred_gpu_utilisation_counts() {
    let (code, output, _) = gpu_readings(GPU, &["--prefer", "gr_engine_active"]);
    assert!(code == 0 && output.contains("\"utilization_percent\":15.6205,"), "{output}");
    let (code, output, errors) = gpu_readings(GPU, &["--prefer", "memory"]);
    assert_eq!((code, &*output), (2, ""));
    assert!(errors.contains("it must be gpu_util or gr_engine_active"), "{errors}");
}

#[test]
fn text_without_gpus_is_no_failure() {
    let nothing = "no GPU: this is not what a DCGM exporter shows of a node with GPUs\n".to_owned();
    assert_eq!(gpu_readings(b"", &[]), (0, String::new(), nothing));
}

#[test]
fn an_exporter_can_be_asked() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    let exporter = std::thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let head = BufReader::new(&connection).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let request = head.last();
        write!(&connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", GPU.len()).unwrap();
        (&connection).write_all(GPU).unwrap();
        request
    });
    // Nothing listens there: a proxy is not asked.
    let mut command = subcommand("gpu-readings");
    command
        .args(["--url", &url])
        .envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")));
    let asked = finish(&mut command, b"");
    assert_eq!(asked, gpu_readings(GPU, &[]));
    assert!(exporter.join().unwrap().is_some());
    // Nobody listens there any more.
    let (code, output, errors) = gpu_readings(b"", &["--url", &url]);
    assert_eq!((code, &*output), (1, ""));
    assert!(errors.starts_with("ai-storage-orchestrator: cannot read http://"), "{errors}");
}

#[test]
fn a_url_with_credentials_is_refused_and_not_repeated() {
    for url in ["http://me:hunter2@127.0.0.1:9/metrics", "http://me:hunter2@127.0.0.1:999999/", "ftp://me:hunter2@h/"] {
        let (code, output, errors) = gpu_readings(b"", &["--url", url]);
        assert_eq!((code, &*output), (1, ""));
        assert!(errors.contains("URL") && !errors.contains("hunter2"), "{errors}");
    }
}
