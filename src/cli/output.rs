//! What a command answers, in the form that was asked for.

use std::fmt::Write as _;
use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use super::failure::Failure;
use super::terminal::is_obeyed;

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people, with more in it.
    Wide,
    /// For scripts: what the API answers, as JSON.
    Json,
    /// For scripts: what the API answers, as YAML.
    Yaml,
}

impl Format {
    /// Whether it is for scripts.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// Writes a line, or several.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Writes data as JSON, or as YAML.
pub fn say_data(format: Format, value: &impl Serialize) -> Result<(), Failure> {
    say(&data(format, value)?)
}

/// Data as JSON, or as YAML.
pub(super) fn data(format: Format, value: &impl Serialize) -> Result<String, Failure> {
    let json = || serde_json::to_string_pretty(value).map(|text| harmless_json(&text));
    let unwritable = |error: String| Failure::Failed(format!("the answer cannot be written: {error}"));
    Ok(match format {
        Format::Yaml => match serde_saphyr::to_string(value) {
            // JSON is YAML as well, and has an escape for everything.
            Ok(text) if text.chars().any(|c| c != '\n' && is_obeyed(c)) => {
                json().map_err(|e| unwritable(e.to_string()))?
            }
            Ok(text) => text.trim_end().to_owned(),
            Err(error) => return Err(unwritable(error.to_string())),
        },
        _ => json().map_err(|error| unwritable(error.to_string()))?,
    })
}

/// JSON text in which everything that a terminal would obey is an escape. Such characters are only in strings.
pub fn harmless_json(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && is_obeyed(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(character);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn json_says_the_same_without_characters_that_a_terminal_obeys() {
        let value = json!({"name": "a\u{1b}[2J\u{9b}b\u{202e}"});
        let text = harmless_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_obeyed(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
