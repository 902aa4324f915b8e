//! Documents of a file or of standard input: YAML or JSON, one or several.

use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::failure::Failure;
use super::terminal::plain_lines;

/// The largest input, in bytes.
const LARGEST: u64 = 16 << 20;

/// The documents of a file; `-` is standard input. Empty ones do not count, and lists are taken apart.
pub fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let place = path.display();
    let unreadable = |error: std::io::Error| Failure::Usage(format!("cannot read {place}: {error}"));
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
    } else {
        std::fs::File::open(path).map_err(unreadable)?.take(LARGEST + 1).read_to_end(&mut text).map_err(unreadable)?;
    }
    if text.len() as u64 > LARGEST {
        return Err(Failure::Usage(format!("{place} is larger than {} MiB", LARGEST >> 20)));
    }
    let text = String::from_utf8(text).map_err(|_| Failure::Usage(format!("{place} is not UTF-8 text")))?;
    parse(&text).map_err(|error| Failure::Usage(format!("{place} is neither YAML nor JSON: {error}")))
}

/// The documents of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Value>, String> {
    let json: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    let documents = match json {
        Ok(documents) => documents,
        Err(_) => serde_saphyr::from_multiple(text).map_err(|error| plain_lines(&error.to_string()))?,
    };
    Ok(documents.into_iter().flat_map(items).filter(|document| !document.is_null()).collect())
}

/// An array, or a `List` of Kubernetes, is what is in it.
fn items(mut document: Value) -> Vec<Value> {
    match document {
        Value::Array(items) => items,
        Value::Object(_) if document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) => {
            match document["items"].take() {
                Value::Array(items) => items,
                _ => Vec::new(),
            }
        }
        document => vec![document],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_yaml_or_json_one_or_several() {
        let both = vec![json!({"a": 1}), json!({"a": "2"})];
        for text in [
            "a: 1\n---\na: \"2\"\n",
            "{\"a\": 1} {\"a\": \"2\"}",
            "[{\"a\": 1}, {\"a\": \"2\"}]",
            "- a: 1\n- a: '2'",
            "---\na: 1\n---\n---\na: '2'\n",
            "kind: List\nitems: [{a: 1}, {a: '2'}]",
        ] {
            assert_eq!(parse(text).unwrap(), both, "{text}");
        }
        assert_eq!(parse("").unwrap(), Vec::<Value>::new());
        assert!(parse("a: [1").is_err() && parse("a: \x1b[2J: b: [").is_err_and(|error| !error.contains('\x1b')));
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        for deep in ["[", "{a: ", "- ", "? ", "{\"a\": [", "a:\n "] {
            let text = deep.repeat(100_000);
            let fault = parse(&text).unwrap_err();
            assert!(fault.chars().count() < 2_000, "{deep}: {fault}");
        }
    }

    #[test]
    fn aliases_do_not_make_much_of_little() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..30 {
            let of = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{of}]\n"));
        }
        let fault = parse(&bomb).unwrap_err();
        assert!(fault.chars().count() < 2_000, "{fault}");
    }

    #[test]
    fn what_is_long_or_huge_is_read_or_refused_in_few_words() {
        let name = "n".repeat(1 << 20);
        assert_eq!(parse(&format!("workload_name: {name}")).unwrap()[0]["workload_name"], name.as_str());
        for text in [
            format!("[{name}"),
            format!("{name}: &{name} *{name} ]"),
            format!("\"{name}"),
            format!("!!{name} {name}: {{"),
        ] {
            let fault = parse(&text).unwrap_err();
            assert!(fault.chars().count() < 2_000, "{}", fault.len());
        }
        for number in ["1e999", "-1e999", ".inf", ".nan"] {
            assert!(parse(&format!("min_replicas: {number}")).is_err(), "{number}");
        }
    }
}
