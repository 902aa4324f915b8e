//! Answers checked against the description, in which nothing may be that is not described.

use ai_storage_orchestrator::http;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The description, with every object closed.
pub struct Contract(Value);

impl Contract {
    pub fn new() -> Self {
        let mut document = serde_json::to_value(http::document()).unwrap();
        let parts = parts(&document);
        for (name, schema) in document["components"]["schemas"].as_object_mut().unwrap() {
            close(schema, parts.contains(name));
        }
        for item in document["paths"].as_object_mut().unwrap().values_mut() {
            for operation in item.as_object_mut().unwrap().values_mut() {
                for response in operation["responses"].as_object_mut().unwrap().values_mut() {
                    for content in response["content"].as_object_mut().into_iter().flat_map(Map::values_mut) {
                        close(&mut content["schema"], false);
                    }
                }
            }
        }
        Self(document)
    }

    pub fn document(&self) -> &Value {
        &self.0
    }

    /// The described path that `path` is one of.
    fn template(&self, path: &str) -> &str {
        let path = path.split('?').next().unwrap();
        let fits = |template: &&String| {
            let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            let same = |(one, other): (&&str, &&str)| one == other || one.starts_with('{');
            template.len() == path.len() && template.iter().zip(&path).all(same)
        };
        let mut known: Vec<_> = self.0["paths"].as_object().unwrap().keys().filter(fits).collect();
        known.sort_by_key(|template| template.contains('{'));
        known.first().unwrap_or_else(|| panic!("{path} is not described"))
    }

    /// The good statuses of an operation.
    pub fn good(&self, method: &str, path: &str) -> Vec<u16> {
        let responses = &self.0["paths"][self.template(path)][method.to_lowercase()]["responses"];
        let responses = responses.as_object().unwrap_or_else(|| panic!("{method} {path} is not described"));
        responses.keys().map(|status| status.parse().unwrap()).filter(|status| (200..300).contains(status)).collect()
    }

    /// Checks an answer in JSON.
    pub fn check(&self, method: &str, path: &str, status: u16, body: &Value) {
        let escaped = self.template(path).replace('~', "~0").replace('/', "~1");
        let place =
            format!("/paths/{escaped}/{}/responses/{status}/content/application~1json/schema", method.to_lowercase());
        assert!(self.0.pointer(&place).is_some(), "{method} {path}: {status} is not described");
        let faults: Vec<_> = self
            .validator(&place)
            .iter_errors(body)
            .map(|fault| format!("{fault} at {}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{method} {path}: {status}: {}\n{body:#}", faults.join("\n"));
    }

    fn validator(&self, place: &str) -> Validator {
        let mut root = self.0.clone();
        root["$ref"] = json!(format!("#{}", place.replace('{', "%7B").replace('}', "%7D")));
        jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap()
    }
}

/// The schemas that others consist of, which cannot be closed by themselves.
fn parts(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(object) => {
                let parts = object.get("allOf").and_then(Value::as_array).into_iter().flatten();
                let references = parts.filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
                found.extend(references.map(str::to_owned));
                open.extend(object.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

fn close(schema: &mut Value, is_part: bool) {
    let Some(object) = schema.as_object_mut() else { return };
    for (keyword, below) in object.iter_mut() {
        let is_part = keyword == "allOf" || is_part && keyword != "properties";
        match (keyword.as_str(), below) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(|one| close(one, false)),
            ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => all.iter_mut().for_each(|one| close(one, is_part)),
            ("items", items) => close(items, false),
            _ => {}
        }
    }
    let has_fields = object.contains_key("properties") || object.contains_key("allOf");
    if has_fields && !is_part && !object.contains_key("additionalProperties") {
        object.insert("unevaluatedProperties".to_owned(), false.into());
    }
}

#[test]
fn what_is_not_described_is_seen() {
    let contract = Contract::new();
    contract.check("GET", "/api/v1/mode", 200, &json!({"mode": "active"}));
    contract.check("GET", "/api/v1/autoscaling/x", 404, &json!({"error": "Autoscaler not found", "details": "x"}));
    for (status, body) in [
        (200, json!({"mode": "off"})),
        (200, json!({})),
        (200, json!({"mode": "active", "since": 1})),
        (403, json!({"error": "Forbidden origin", "details": "x", "more": 1})),
        (403, json!({"error": "Another", "details": "x"})),
        (418, json!({})),
    ] {
        let refused = std::panic::catch_unwind(|| contract.check("GET", "/api/v1/mode", status, &body)).is_err();
        assert!(refused, "{status} {body}");
    }
}
