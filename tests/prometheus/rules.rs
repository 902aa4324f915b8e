//! The alerts.

use super::files::{documented, names_in, path, read, said, tool, unknown};

const RULES: &str = "deploy/prometheus/rules.yml";

fn rules() -> serde_json::Value {
    serde_saphyr::from_str(&read(RULES)).unwrap()
}

fn alerts() -> Vec<serde_json::Value> {
    let rules = rules();
    let groups = rules["groups"].as_array().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn promtool_accepts_the_rules() {
    let checked = said(&tool("promtool").args(["check", "rules"]).arg(path(RULES)).output().unwrap());
    assert!(checked.contains(&format!("{} rules found", alerts().len())), "{checked}");
}

#[test]
fn each_alert_fires_when_it_should_and_not_otherwise() {
    let tests = "deploy/prometheus/rules-test.yml";
    said(&tool("promtool").args(["test", "rules"]).arg(path(tests)).output().unwrap());
    let tests = read(tests);
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        assert!(
            tests.contains(&format!("alertname: {name}\n    exp_alerts:\n    - "))
                || tests.contains(&format!("alertname: {name}\n    exp_alerts: &")),
            "no test sees {name} fire"
        );
    }
}

#[test]
fn each_alert_says_what_is_so_and_where_to_read_what_to_do() {
    let handbook = read("docs/operations.md");
    let anchors: Vec<_> = handbook
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    for alert in alerts() {
        let name = alert["alert"].as_str().unwrap();
        let annotation =
            |key: &str| alert["annotations"][key].as_str().unwrap_or_else(|| panic!("{name} has no {key}"));
        assert!(annotation("summary").len() > 20 && annotation("description").len() > 40, "{name}");
        let anchor = annotation("runbook_url").strip_prefix("docs/operations.md#").unwrap();
        assert!(anchors.iter().any(|there| there == anchor), "docs/operations.md has no heading for {name}");
        assert!(alert["labels"]["severity"].is_string(), "{name}");
    }
}

#[test]
fn the_alerts_use_metrics_that_exist() {
    let known = documented();
    for alert in alerts() {
        let names = names_in(alert["expr"].as_str().unwrap(), &known);
        assert_eq!(unknown(names, &known), Vec::<String>::new(), "{alert}");
    }
}

#[test]
fn the_operator_gets_the_same_rules() {
    let resource: serde_json::Value =
        serde_saphyr::from_str(&read("deploy/components/monitoring/prometheus-rule.yaml")).unwrap();
    assert_eq!(resource["spec"], rules(), "prometheus-rule.yaml and rules.yml differ");
    assert_eq!(
        (&resource["kind"], &resource["apiVersion"]),
        (&"PrometheusRule".into(), &"monitoring.coreos.com/v1".into())
    );
}
