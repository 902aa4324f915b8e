//! A server that gives everybody the same answers, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub struct Answering {
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    /// A server whose every answer is this. `headers` are lines that end with CR LF.
    pub fn start(status: &str, headers: &str, body: &str) -> Self {
        Self::in_turn(&[&answer(status, headers, body)])
    }

    /// A server that gives these answers one after the other, and the last one from then on.
    pub fn in_turn(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (asked, answers) = (heads.clone(), answers.iter().map(|&answer| answer.to_owned()).collect::<Vec<_>>());
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let mut connection = connection.unwrap();
                let mut reader = BufReader::new(connection.try_clone().unwrap());
                let head: Vec<_> =
                    reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let size = head
                    .iter()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                // Whoever is still sending would be told that the connection is broken.
                let _ = copy(&mut reader.take(size.unwrap_or(0)), &mut sink());
                asked.lock().unwrap().push(head.join("\n").to_ascii_lowercase());
                let answer = &answers[number.min(answers.len() - 1)];
                let _ = connection.write_all(answer.as_bytes());
            }
        });
        Self { url, heads }
    }

    /// The heads of all requests so far, in lower case.
    pub fn asked(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// An answer after which the connection is closed.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}
