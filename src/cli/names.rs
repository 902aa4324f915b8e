//! Which autoscaler somebody means.

use serde_json::Value;

use super::api::Api;
use super::failure::Failure;
use super::fleet;
use super::terminal::plain;

/// Kinds of workloads, and how they may be called.
const KINDS: [(&str, &[&str]); 3] = [
    ("Deployment", &["deployment", "deployments", "deploy"]),
    ("StatefulSet", &["statefulset", "statefulsets", "sts"]),
    ("ReplicaSet", &["replicaset", "replicasets", "rs"]),
];

/// The kind of workload that `text` means.
pub fn kind(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    KINDS.iter().find(|(_, names)| names.contains(&&*text)).map(|(kind, _)| *kind)
}

/// The id of the autoscaler that `name` means: an id or the beginning of one, `namespace/name`, `kind/name`, or the name
/// of its workload; in `namespace`, if one is given.
pub async fn find(api: &Api, name: &str, namespace: Option<&str>) -> Result<String, Failure> {
    if is_id(name) {
        return Ok(name.to_owned());
    }
    let list = fleet::list(api, namespace, None).await?;
    let empty = Vec::new();
    one_of(list["autoscalers"].as_array().unwrap_or(&empty), name)
}

fn is_id(name: &str) -> bool {
    name.strip_prefix("autoscaler-").is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|c| c.is_ascii_hexdigit()))
}

pub(super) fn one_of(autoscalers: &[Value], name: &str) -> Result<String, Failure> {
    let meant: Vec<&Value> = autoscalers.iter().filter(|autoscaler| means(name, autoscaler)).collect();
    match meant.as_slice() {
        [] => Err(Failure::NotFound(format!(
            "there is no autoscaler {}; \"ai-storage-orchestrator get\" shows those that there are",
            plain(name)
        ))),
        [one] => Ok(one["autoscaling_id"].as_str().unwrap_or_default().to_owned()),
        several => {
            let shown = several.iter().take(5).map(|autoscaler| {
                let text = |field: &str| autoscaler["details"][field].as_str().unwrap_or_default();
                let id = autoscaler["autoscaling_id"].as_str().unwrap_or_default();
                plain(&format!(
                    "{id} ({} {}/{})",
                    text("workload_type"),
                    text("workload_namespace"),
                    text("workload_name")
                ))
            });
            let more = if several.len() > 5 { ", ..." } else { "" };
            let shown = shown.collect::<Vec<_>>().join(", ");
            Err(Failure::Usage(format!("{} means {} autoscalers: {shown}{more}; say more", plain(name), several.len())))
        }
    }
}

fn means(name: &str, autoscaler: &Value) -> bool {
    let text = |field: &str| autoscaler["details"][field].as_str().unwrap_or_default();
    if let Some((first, second)) = name.split_once('/') {
        let is_kind = kind(first) == Some(text("workload_type"));
        return text("workload_name") == second && (is_kind || text("workload_namespace") == first);
    }
    let id = autoscaler["autoscaling_id"].as_str().unwrap_or_default();
    let begins = id.starts_with(name) || id.strip_prefix("autoscaler-").is_some_and(|hex| hex.starts_with(name));
    begins && name.len() >= 2 || text("workload_name") == name
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn autoscalers() -> Vec<Value> {
        [("autoscaler-03e59e11", "Deployment", "shop", "web"), ("autoscaler-03aa0000", "StatefulSet", "ml", "web"), ("autoscaler-77777777", "Deployment", "ml", "train")]
            .map(|(id, kind, namespace, name)| {
                json!({"autoscaling_id": id, "details": {"workload_type": kind, "workload_namespace": namespace, "workload_name": name}})
            })
            .into()
    }

    #[rstest]
    #[case("autoscaler-03e", "autoscaler-03e59e11")]
    #[case("03aa", "autoscaler-03aa0000")]
    #[case("shop/web", "autoscaler-03e59e11")]
    #[case("sts/web", "autoscaler-03aa0000")]
    #[case("Deployment/web", "autoscaler-03e59e11")]
    #[case("train", "autoscaler-77777777")]
    fn each_way_to_name_one_is_understood(#[case] name: &str, #[case] id: &str) {
        assert_eq!(one_of(&autoscalers(), name).unwrap(), id);
    }

    #[rstest]
    #[case("03", 2)]
    #[case("web", 2)]
    #[case("autoscaler-", 2)]
    #[case("shop/train", 3)]
    #[case("7", 3)]
    #[case("", 3)]
    fn what_means_none_or_several_is_refused(#[case] name: &str, #[case] code: i32) {
        let failure = one_of(&autoscalers(), name).unwrap_err();
        assert_eq!(failure.exit_code(), code, "{failure}");
    }
}
