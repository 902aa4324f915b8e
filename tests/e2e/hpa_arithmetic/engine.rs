//! Programs that answer one line of JSON with one line of JSON.

use std::io::{BufRead, BufReader, BufWriter, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::cluster::binary;

pub struct Engine {
    child: Child,
    /// `None` when all has been asked.
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Engine {
    /// The HPA's own code.
    pub fn hpa() -> Self {
        Self::start(Command::new(binary()).arg("hpa"))
    }

    pub fn ours() -> Self {
        Self::start(Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator")).args(["evaluate", "--allow-over-100"]))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, questions, answers }
    }

    /// Asks and waits for the answers, of a program that does not wait for more questions.
    pub fn ask(&mut self, documents: &[String]) -> Vec<Value> {
        let mut questions = self.questions.take().unwrap();
        let answers = self.exchange(&mut questions, documents);
        self.questions = Some(questions);
        answers
    }

    /// Asks all that there is to ask.
    pub fn ask_all(mut self, documents: &[String]) -> Vec<Value> {
        let questions = self.questions.take().unwrap();
        let answers = self.exchange(questions, documents);
        assert!(self.answers.next().is_none(), "there are more answers than questions");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
        answers
    }

    /// Writes while it reads, so that neither side waits for the other with a full pipe.
    fn exchange(&mut self, questions: impl Write + Send, documents: &[String]) -> Vec<Value> {
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut questions = BufWriter::new(questions);
                for document in documents {
                    writeln!(questions, "{document}").expect("the program reads to the end");
                }
                questions.flush().expect("the program reads to the end");
            });
            let answers = self.answers.by_ref().take(documents.len());
            let answers: Vec<Value> = answers.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
            assert_eq!(answers.len(), documents.len(), "there are fewer answers than questions");
            answers
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}
