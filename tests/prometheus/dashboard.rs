//! The Grafana dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{documented, names_in, read, unknown};

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap()
}

fn panels() -> Vec<Value> {
    dashboard()["panels"].as_array().unwrap().clone()
}

/// The queries of all panels and variables.
pub fn queries() -> Vec<String> {
    let texts = |value: &Value| value.as_str().map(str::to_owned);
    let panels = panels();
    let of_panels = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let of_panels = of_panels.filter_map(|target| texts(&target["expr"]));
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    of_panels.chain(variables.filter_map(|variable| texts(&variable["query"]["query"]))).collect()
}

#[test]
fn it_uses_metrics_that_exist() {
    let known = documented();
    let names: BTreeSet<_> = queries().iter().flat_map(|query| names_in(query, &known)).collect();
    assert!(names.len() > 30, "{names:?}");
    assert_eq!(unknown(names, &known), Vec::<String>::new());
}

#[test]
fn its_panels_have_ids_of_their_own_and_do_not_overlap() {
    let panels = panels();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in &panels {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{}", panel["title"]);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
}

#[test]
fn it_can_be_used_with_any_prometheus() {
    let text = read("deploy/grafana/dashboard.json");
    let sources = text.matches("\"type\": \"prometheus\"").count();
    assert!(sources > 20 && text.matches("\"uid\": \"${datasource}\"").count() == sources);
}
