//! What an HPA says now, beside what the service would decide.

use serde_json::{Value, json};

use super::super::Session;
use super::super::create::workload;
use super::super::failure::Failure;
use super::super::get::text;
use super::super::terminal::{Screen, Tone};
use super::Candidate;
use super::observer::Observer;

/// Both.
pub struct Comparison {
    name: String,
    workload: String,
    status: Value,
    details: Value,
}

/// Lets an observing autoscaler decide, and ends it.
pub async fn compare(session: &Session, candidate: &Candidate) -> Result<Comparison, Failure> {
    let observer = Observer::start(session, &candidate.converted.request).await?;
    let decided = tokio::select! {
        decided = observer.decided() => decided,
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Failed("interrupted".to_owned())),
    };
    let left = observer.withdraw().await;
    match decided {
        Ok(autoscaler) => Ok(Comparison::new(candidate, &candidate.manifest, &autoscaler)),
        Err(failure) => Err(Failure::Failed(format!("{failure}; {left}"))),
    }
}

impl Comparison {
    /// The HPA as `manifest` has it, beside the autoscaler.
    pub fn new(candidate: &Candidate, manifest: &Value, autoscaler: &Value) -> Self {
        Self {
            name: candidate.name.clone(),
            workload: workload(&candidate.converted.request),
            status: manifest["status"].clone(),
            details: autoscaler["details"].clone(),
        }
    }

    fn wanted(&self) -> (Option<u64>, Option<u64>) {
        (self.status["desiredReplicas"].as_u64(), self.details["last_decision"]["desired_replicas"].as_u64())
    }

    /// For scripts.
    pub fn data(&self) -> Value {
        let (theirs, ours) = self.wanted();
        json!({
            "hpa": self.name,
            "workload": self.workload,
            "same": theirs.is_some() && theirs == ours,
            "hpa_status": self.status,
            "decision": self.details["last_decision"],
        })
    }

    /// For people: side by side.
    pub fn shown(&self, screen: &Screen) -> String {
        let decision = &self.details["last_decision"];
        let count = |value: &Value| value.as_u64().map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        let mut rows = vec![
            self.row("replicas", count(&self.status["currentReplicas"]), count(&decision["current_replicas"])),
            self.row("desired", count(&self.status["desiredReplicas"]), count(&decision["desired_replicas"])),
        ];
        for metric in
            decision["metrics"].as_array().into_iter().flatten().filter(|metric| !metric["target_percent"].is_null())
        {
            let name = text(&metric["name"]);
            let percent =
                |value: &Value| value.as_i64().map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %"));
            rows.push(self.row(&name, percent(&self.measured(&name)), percent(&metric["utilization_percent"])));
        }
        let ours = self.details["conditions"].as_array().into_iter().flatten();
        for condition in ours {
            let kind = text(&condition["type"]);
            let theirs =
                self.status["conditions"].as_array().into_iter().flatten().find(|theirs| theirs["type"] == kind);
            let reason = |condition: &Value| format!("{} {}", text(&condition["status"]), text(&condition["reason"]));
            rows.push(self.row(&kind, theirs.map_or_else(|| "unknown".to_owned(), reason), reason(condition)));
        }
        let verdict = match self.wanted() {
            (Some(theirs), Some(ours)) if theirs == ours => {
                (format!("the same: both want {ours} replicas"), Tone::Good)
            }
            (Some(theirs), Some(ours)) => (
                format!(
                    "different: the HPA wants {theirs} replicas, the service {ours}: {}",
                    text(&decision["message"])
                ),
                Tone::Warning,
            ),
            (None, _) => ("the HPA has not said anything yet".to_owned(), Tone::Warning),
            (_, None) => (format!("the service could not decide: {}", text(&decision["message"])), Tone::Warning),
        };
        format!(
            "HPA {} of {}\n{}\n{}\n",
            screen.paint(&self.name, Tone::Plain),
            self.workload,
            screen.table(&["", "HPA", "HERE"], rows),
            screen.paint(&verdict.0, verdict.1)
        )
    }

    fn row(&self, title: &str, theirs: String, ours: String) -> Vec<(String, Tone)> {
        vec![(title.to_owned(), Tone::Plain), (theirs, Tone::Plain), (ours, Tone::Plain)]
    }

    /// What the HPA measured of a resource, of all containers or of one.
    fn measured(&self, resource: &str) -> Value {
        let metrics = self.status["currentMetrics"].as_array().into_iter().flatten();
        let parts = metrics.flat_map(|metric| [&metric["resource"], &metric["containerResource"]]);
        let mut found = parts.filter(|part| part["name"] == resource);
        found.next().map_or(Value::Null, |part| part["current"]["averageUtilization"].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_shown_side_by_side() {
        let comparison = Comparison {
            name: "shop/web-hpa".into(),
            workload: "Deployment shop/web".into(),
            status: json!({
                "currentReplicas": 4, "desiredReplicas": 6,
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 91}}}],
                "conditions": [{"type": "AbleToScale", "status": "True", "reason": "SucceededRescale"}],
            }),
            details: json!({
                "conditions": [{"type": "AbleToScale", "status": "False", "reason": "ObserveOnly"}],
                "last_decision": {"current_replicas": 4, "desired_replicas": 6, "metrics": [
                    {"name": "cpu", "target_percent": 70, "utilization_percent": 92},
                    {"name": "memory", "target_percent": null, "utilization_percent": 5},
                ]},
            }),
        };
        let screen = Screen::detect(crate::cli::terminal::ColorChoice::Never, false);
        let shown = comparison.shown(&screen);
        let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[1], ["HPA", "HERE"]);
        assert_eq!(words[3], ["desired", "6", "6"]);
        assert_eq!(words[4], ["cpu", "91", "%", "92", "%"]);
        assert_eq!(words[5], ["AbleToScale", "True", "SucceededRescale", "False", "ObserveOnly"]);
        assert_eq!(words[6].join(" "), "the same: both want 6 replicas");
        assert_eq!(comparison.data()["same"], true);
        let silent = Comparison { status: Value::Null, ..comparison };
        assert!(silent.shown(&screen).contains("the HPA has not said anything yet") && silent.data()["same"] == false);
    }
}
