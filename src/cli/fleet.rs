//! Many autoscalers, read page by page.

use serde_json::{Value, json};

use super::api::Api;
use super::failure::Failure;

/// How many are asked for at once.
const PAGE: &str = "1000";

/// All autoscalers that are wanted, as the API lists them.
pub async fn list(api: &Api, namespace: Option<&str>, status: Option<&str>) -> Result<Value, Failure> {
    let mut all = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(namespace.map(|namespace| ("namespace", namespace)));
        query.extend(status.map(|status| ("status", status)));
        query.extend(next.as_deref().map(|next| ("continue", next)));
        let mut page = api.get(&["autoscaling"], &query).await?;
        if let Some(items) = page["autoscalers"].as_array_mut() {
            all.append(items);
        }
        match page["continue"].as_str() {
            Some(token) => next = Some(token.to_owned()),
            None => return Ok(json!({ "count": all.len(), "autoscalers": all })),
        }
    }
}

/// All rows of the fleet that are wanted, which say what a list leaves out.
pub async fn rows(api: &Api, namespace: Option<&str>, status: Option<&str>) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    loop {
        let offset = all.len().to_string();
        let mut query = vec![("limit", PAGE), ("sort", "name"), ("offset", &*offset)];
        query.extend(namespace.map(|namespace| ("namespace", namespace)));
        query.extend(status.map(|status| ("status", status)));
        let mut page = api.get(&["fleet"], &query).await?;
        let matching = page["matching"].as_u64().unwrap_or(0);
        match page["autoscalers"].as_array_mut() {
            Some(rows) if !rows.is_empty() => all.append(rows),
            _ => return Ok(all),
        }
        if all.len() as u64 >= matching {
            return Ok(all);
        }
    }
}
