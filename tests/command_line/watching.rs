//! `watch`: events as they come, also after a cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout};

use super::service::{Service, binary};

/// A `watch` that runs; killed when dropped.
struct Watching {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(mut command: std::process::Command) -> Self {
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// It says so on standard error.
    fn wait_until_it_watches(&mut self) {
        let mut line = String::new();
        BufReader::new(self.process.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("watching http://"), "{line}");
    }

    /// The next line with this text.
    fn next(&mut self, text: &str) -> String {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("it ended before {text}"))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_happens_is_shown_as_it_happens() {
    let service = Service::start(None);
    let mut one = Watching::start(service.command(&["watch", "ml/ai-inference"]));
    one.next("2 replicas, wants ");
    let mut all = Watching::start(service.command(&["watch"]));
    all.wait_until_it_watches();
    assert_eq!(service.run(&["pause", "ml/ai-inference"]).code, 0);
    one.next("Deployment ml/ai-inference paused: ");
    all.next("Deployment ml/ai-inference paused: ");
}

#[test]
fn after_a_cut_it_goes_on_where_it_was() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for number in 1..=2 {
            let (mut connection, _) = listener.accept().unwrap();
            let head = BufReader::new(&connection).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            heads.push(head.collect::<Vec<_>>().join("\n").to_ascii_lowercase());
            let event = format!(
                "event: action\nid: token-{number}\ndata: {{\"kind\": \"scaled\", \"message\": \"number {number}\"}}\n\n"
            );
            let size = event.len();
            write!(connection, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{event}\r\n").unwrap();
            // And no end of it: the connection breaks.
        }
        heads
    });
    let mut command = binary();
    command.args(["watch", "--server", &url]);
    let mut watching = Watching::start(command);
    watching.next("number 1");
    watching.next("number 2");
    let heads = server.join().unwrap();
    assert!(!heads[0].contains("last-event-id"), "{heads:?}");
    assert!(heads[1].contains("last-event-id: token-1"), "{heads:?}");
    let mut errors = String::new();
    let _ = watching.process.kill();
    watching.process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(errors.contains("is cut; trying again"), "{errors}");
}

#[test]
fn a_token_that_was_renewed_meanwhile_is_sent_after_a_cut() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"first-token-of-this-test\n").unwrap();
    let path = file.path().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for number in 1..=2 {
            let (mut connection, _) = listener.accept().unwrap();
            let head = BufReader::new(&connection).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            heads.push(head.collect::<Vec<_>>().join("\n").to_ascii_lowercase());
            std::fs::write(&path, "second-token-of-this-test\n").unwrap();
            let event = format!("event: action\ndata: {{\"kind\": \"scaled\", \"message\": \"number {number}\"}}\n\n");
            let size = event.len();
            write!(connection, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{event}\r\n").unwrap();
        }
        heads
    });
    let mut command = binary();
    command.args(["watch", "--server", &url, "--token-file"]).arg(file.path());
    let mut watching = Watching::start(command);
    watching.next("number 2");
    let heads = server.join().unwrap();
    for (head, token) in heads.iter().zip(["first", "second"]) {
        assert!(head.contains(&format!("\nauthorization: bearer {token}-token-of-this-test")), "{heads:?}");
    }
}
