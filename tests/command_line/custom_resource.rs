//! The custom resource that the binary prints is the one in the manifests, and has the API's fields.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

fn printed(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ai-storage-orchestrator")).arg(command).env_clear().output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_manifests_install_the_custom_resource_that_is_printed() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/components/store/crd.yaml");
    assert!(
        printed("crd") == std::fs::read_to_string(kept).unwrap(),
        "deploy/components/store/crd.yaml is out of date: cargo run -q -- crd > deploy/components/store/crd.yaml"
    );
}

/// The names of all fields, as paths.
fn fields(schema: &Value, schemas: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => &schemas[reference.rsplit('/').next().unwrap()],
        None => schema,
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(property, schemas, &path, found);
        found.insert(path);
    }
    if let Some(items) = schema.get("items") {
        fields(items, schemas, &format!("{path}[]"), found);
    }
}

#[test]
fn an_object_is_defined_by_the_fields_of_the_api() {
    let crd: Value = serde_saphyr::from_str(&printed("crd")).unwrap();
    let mut of_objects = BTreeSet::new();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    fields(schema, &Value::Null, "", &mut of_objects);

    let openapi: Value = serde_json::from_str(&printed("openapi")).unwrap();
    let schemas = &openapi["components"]["schemas"];
    let mut of_the_api = BTreeSet::new();
    fields(&schemas["Spec"], schemas, "", &mut of_the_api);
    assert!(of_the_api.remove(".workload_namespace"), "{of_the_api:?}");
    of_the_api.insert(".paused".to_owned());
    assert_eq!(of_objects, of_the_api);
    assert!(of_objects.contains(".scale_up_policy.policies[].period_seconds"), "{of_objects:?}");
}
