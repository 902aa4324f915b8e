//! The examples in the documents: each request is sent, in their order, to a service on the simulated cluster.

use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;
use crate::contract::Contract;

/// A fenced block: its language and its text.
fn blocks(document: &str) -> Vec<(String, String)> {
    let path = format!("{}/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    for (index, part) in text.split("\n```").enumerate() {
        if index % 2 == 1 {
            let (language, block) = part.split_once('\n').unwrap_or((part, ""));
            blocks.push((language.to_owned(), block.to_owned()));
        }
    }
    blocks
}

/// The words of each command of a shell script.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = script.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') if rest.next_if_eq(&'\n').is_some() => {}
            (None, '#') if word.is_none() => while rest.next_if(|&c| c != '\n').is_some() {},
            (None, ' ' | '\n') => {
                commands.last_mut().unwrap().extend(word.take());
                if c == '\n' {
                    commands.push(Vec::new());
                }
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    commands.last_mut().unwrap().extend(word);
    commands.retain(|command| !command.is_empty());
    commands
}

/// A request as an example writes it.
struct Request {
    method: Method,
    path: String,
    content_type: Option<String>,
    body: Option<String>,
}

/// The request that a `curl` command sends to the service.
fn request(command: &[String]) -> Option<Request> {
    let mut words = command.iter().filter(|_| command[0] == "curl").skip(1);
    let mut request = Request { method: Method::GET, path: String::new(), content_type: None, body: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "-X" => request.method = words.next()?.parse().unwrap(),
            "-H" => request.content_type = words.next()?.strip_prefix("Content-Type: ").map(str::to_owned),
            "-d" => request.body = words.next().cloned(),
            url => request.path = url.strip_prefix("http://localhost:8080")?.to_owned(),
        }
    }
    (!request.path.is_empty()).then_some(request)
}

/// `text` with the id of the autoscaler that an example names replaced.
fn with_id(text: &str, id: &str) -> String {
    const PREFIX: &str = "autoscaling/autoscaler-";
    match text.split_once(PREFIX) {
        Some((before, after)) => format!("{before}autoscaling/{id}{}", &after[8..]),
        None => text.to_owned(),
    }
}

/// Sends every `curl` of a document; returns how many there were.
async fn send_all(document: &str) -> usize {
    let app = TestApp::start().await.ready().await;
    let contract = Contract::new();
    let mut id = String::new();
    let scripts = blocks(document).into_iter().filter(|(language, _)| language == "bash");
    let requests: Vec<_> =
        scripts.flat_map(|(_, script)| commands(&script)).filter_map(|command| request(&command)).collect();
    for Request { method, path, content_type, body } in &requests {
        let path = with_id(path, &id);
        let mut sent = app.request(method.clone(), &path);
        if let Some(content_type) = content_type {
            sent = sent.header("Content-Type", content_type);
        }
        let (status, answer) = crate::app::answer(sent.body(body.clone().unwrap_or_default())).await;
        let good = contract.good(method.as_str(), &path);
        assert!(good.contains(&status.as_u16()), "{document}: {method} {path} {body:?}: {status} {answer:#}");
        contract.check(method.as_str(), &path, status.as_u16(), &answer);
        if let (&Method::POST, "/api/v1/autoscaling") = (method, &*path) {
            assert_eq!(status, 201, "{document}: {answer:#}");
            answer["autoscaling_id"].as_str().unwrap().clone_into(&mut id);
        }
    }
    app.stop().await;
    requests.len()
}

#[actix_web::test]
async fn the_requests_of_the_readme_are_answered() {
    assert!(send_all("README.md").await >= 8);
}

#[actix_web::test]
async fn the_requests_of_the_api_s_document_are_answered() {
    assert!(send_all("docs/api.md").await >= 3);
}

#[actix_web::test]
async fn the_requests_of_the_other_documents_are_answered() {
    assert!(send_all("docs/gpu.md").await >= 1);
    assert!(send_all("docs/operations.md").await >= 1);
}

#[actix_web::test]
async fn the_what_ifs_are_answered() {
    let app = TestApp::start().await;
    let contract = Contract::new();
    let json = blocks("docs/evaluate.md").into_iter().filter(|(language, _)| language == "json");
    let json = json.map(|(_, block)| serde_json::from_str(&block).unwrap());
    let documents: Vec<Value> = json.filter(|document: &Value| document.get("spec").is_some()).collect();
    assert!(documents.len() >= 4);
    for document in &documents {
        let (status, answer) = app.send(Method::POST, "/api/v1/autoscaling/evaluate", document).await;
        assert_eq!(status, 200, "{answer:#}");
        contract.check("POST", "/api/v1/autoscaling/evaluate", 200, &answer);
    }
    app.stop().await;
}

#[test]
fn answers_that_are_shown_are_as_described() {
    let contract = Contract::new();
    let json = blocks("docs/api.md").into_iter().filter(|(language, _)| language == "json");
    let json: Vec<Value> = json.map(|(_, block)| serde_json::from_str(&block).unwrap()).collect();
    let answer_with = |field: &str| json.iter().find(|shown| shown.get(field).is_some()).unwrap();
    contract.check("POST", "/api/v1/autoscaling", 201, answer_with("autoscaling_id"));
    contract.check("DELETE", "/api/v1/autoscaling/x", 200, answer_with("autoscaler_id"));
    contract.check("GET", "/api/v1/autoscaling/metrics", 200, answer_with("total_autoscalers"));
}

#[test]
fn an_example_is_read_as_a_shell_reads_it() {
    let script =
        "curl -X PUT http://localhost:8080/a/b \\\n  -H \"Content-Type: x/y\" -d '{\"a\": 1}'   # more\n\ngit push";
    let commands = commands(script);
    assert_eq!(commands.len(), 2);
    let read = request(&commands[0]).unwrap();
    assert_eq!((read.method, &*read.path), (Method::PUT, "/a/b"));
    assert_eq!((read.content_type.as_deref(), read.body.as_deref()), (Some("x/y"), Some("{\"a\": 1}")));
    assert!(request(&commands[1]).is_none());
    assert_eq!(with_id("/autoscaling/autoscaler-03e59e11/pause", "new"), "/autoscaling/new/pause");
}
