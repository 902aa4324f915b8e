//! What others have written, as the process writes it: into the log, and onto a terminal.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::service::{binary, ended};

/// Clears the screen, renames the window, turns the text around, and forges a line.
const ATTACK: &str = "\\u001b[2J\\u001b]0;owned\\u0007\\u009b31m\\u202e\\n1970-01-01T00:00:00.000Z INFO  all is well";

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn assert_harmless(line: &str) {
    let obeyed = line.chars().find(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}'));
    assert_eq!(obeyed, None, "{line:?}");
}

/// An API server that answers everything with a refusal in these words; its URL.
fn api_server(words: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let body = format!(
                r#"{{"kind":"Status","status":"Failure","code":403,"reason":"Forbidden","message":"{words}"}}"#
            );
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n";
            // Whoever does not want the answer hangs up.
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn a_line_of_the_log_is_one_line_whatever_is_in_it() {
    let url = api_server(ATTACK);
    let kubeconfig = file(&format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
    ));
    let settings = file("[auth]\nmode = \"none\"\n");
    let mut command = binary();
    command.args(["--port", "0", "--kubeconfig"]).arg(kubeconfig.path()).arg("--config").arg(settings.path());
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let seen = lines.by_ref().inspect(|line| {
        assert_harmless(line);
        assert!(line.starts_with("20"), "{line:?}");
    });
    let told = seen.filter(|line| line.contains("cannot be watched")).take(3).collect::<Vec<_>>();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|line| line.contains("\\u{1b}[2J\\u{1b}]0;owned")), "{told:?}");
}

#[test]
fn a_refusal_of_settings_is_not_obeyed_by_a_terminal() {
    for text in
        [format!("[http]\nbind = \"{ATTACK}\"\n"), format!("[http]\n\"{ATTACK}\" = 1\n"), format!("x = \"{ATTACK}")]
    {
        let file = file(&text);
        let mut command = binary();
        command.args(["--simulated", "--port", "0", "--config"]).arg(file.path());
        let refused = ended(&mut command, "");
        assert_eq!(refused.code, 1, "{refused:?}");
        refused.errors.lines().for_each(assert_harmless);
    }
}
