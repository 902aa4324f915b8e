//! `whoami`: whom the service takes one for.

use clap::Args;
use serde_json::Value;

use super::Session;
use super::failure::Failure;
use super::get::text;
use super::output::{say, say_data};
use super::terminal::{Screen, Tone};

/// Nothing to choose.
#[derive(Args)]
pub struct Whoami {}

/// Says who one is.
pub async fn run(session: &Session, _: &Whoami) -> Result<(), Failure> {
    let answer = session.api.get(&["whoami"], &[]).await?;
    if session.format.is_data() {
        return say_data(session.format, &answer);
    }
    say(&page(&session.screen, &answer))
}

/// What is said of a caller.
pub(super) fn page(screen: &Screen, answer: &Value) -> String {
    let line =
        |(title, text): &(&str, String)| format!("{:<9} {}", format!("{title}:"), screen.paint(text, Tone::Plain));
    shown(answer).iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(answer: &Value) -> Vec<(&'static str, String)> {
    let mode = text(&answer["mode"]);
    let name = answer["name"].as_str().map(str::to_owned);
    let (name, known) = match mode.as_str() {
        "none" => ("anyone".to_owned(), "nobody: the service asks nobody who they are".to_owned()),
        "token" => (name.unwrap_or_else(|| "without a name".to_owned()), "a token of the service".to_owned()),
        "kubernetes" => (name.unwrap_or_else(|| "without a name".to_owned()), "the cluster".to_owned()),
        _ => (name.unwrap_or_default(), mode),
    };
    let groups: Vec<_> = answer["groups"].as_array().into_iter().flatten().map(text).collect();
    let mut lines = vec![("Name", name), ("Known by", known)];
    if !groups.is_empty() {
        lines.push(("Groups", groups.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_way_to_be_known_is_said() {
        let user = json!({"mode": "kubernetes", "name": "alice", "groups": ["developers", "system:authenticated"]});
        assert_eq!(
            shown(&user),
            [
                ("Name", "alice".to_owned()),
                ("Known by", "the cluster".to_owned()),
                ("Groups", "developers, system:authenticated".to_owned())
            ]
        );
        let anyone = shown(&json!({"mode": "none", "name": null, "groups": []}));
        assert_eq!((&*anyone[0].1, anyone.len()), ("anyone", 2));
    }
}
