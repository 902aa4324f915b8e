//! What is told of settings that cannot be read: where they are wrong, and not what they say. A value may be a secret that
//! is in the wrong place, and the error goes to the log.

use config::ConfigError;

/// Why settings cannot be read, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self(match error {
            ConfigError::FileParse { uri, cause } => {
                let place = uri.map(|uri| format!(" in {uri}")).unwrap_or_default();
                format!("{}{place}", without_excerpt(&cause.to_string()))
            }
            error => without_values(&error.to_string()),
        })
    }
}

/// The parser's words without the lines of the file, which it shows behind a bar.
fn without_excerpt(text: &str) -> String {
    let is_excerpt =
        |line: &&str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace()).starts_with('|');
    let words: Vec<_> = text.lines().filter(|line| !is_excerpt(line)).map(str::trim).collect();
    words.join(": ").trim_end_matches(": ").to_owned()
}

/// The words without the text that was found where something else was expected: serde quotes it.
fn without_values(text: &str) -> String {
    const QUOTING: [(&str, char); 2] = [("string \"", '"'), ("unknown variant `", '`')];
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, (before, quote))) =
        QUOTING.iter().filter_map(|quoting| Some((rest.find(quoting.0)?, quoting))).min()
    {
        let quoted = at + before.len();
        told.push_str(rest.get(..quoted - " \"".len()).unwrap_or_default());
        rest = after_quoted(rest.get(quoted..).unwrap_or_default(), *quote);
    }
    told.push_str(rest);
    told
}

/// What follows a quoted text, whose beginning is not in `text` any more.
fn after_quoted(text: &str, quote: char) -> &str {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => _ = characters.next(),
            character if character == quote => break,
            _ => {}
        }
    }
    characters.as_str()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "invalid type: string \"a \\\" b\\\\\", expected u16 for key `http.port`",
        "invalid type: string, expected u16 for key `http.port`"
    )]
    #[case("invalid value: string \"a\": no", "invalid value: string: no")]
    #[case("unknown variant `a`, expected `b` or `c`", "unknown variant, expected `b` or `c`")]
    #[case("unknown field `a`, expected `b`", "unknown field `a`, expected `b`")]
    #[case("invalid type: string \"a", "invalid type: string")]
    #[case("invalid type: integer `5`, expected a string", "invalid type: integer `5`, expected a string")]
    fn values_are_left_out(#[case] text: &str, #[case] told: &str) {
        assert_eq!(without_values(text), told);
    }

    #[test]
    fn lines_of_the_file_are_left_out() {
        let text = "TOML parse error at line 20, column 9\n   |\n20 | token = secret\n   |         ^^^^^^\nno quotes\n";
        assert_eq!(without_excerpt(text), "TOML parse error at line 20, column 9: no quotes");
    }
}
