use std::time::Duration;

use http::Method;
use serde_json::json;

use super::super::calls::Calls;
use super::super::hpas::Hpas;
use super::scripted::{Answer, Log, client};
use crate::ports::ClusterError;

const PATH: &str = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";

fn hpas(delete: fn() -> Answer) -> (Hpas, Log) {
    let (client, log) = client(move |asked| {
        let item = json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "42"},
            "spec": {"maxReplicas": 3, "fieldOfTheFuture": true},
        });
        match (&asked.method, asked.path.strip_prefix(PATH)) {
            (&Method::DELETE, _) => delete(),
            (_, Some("")) => Answer::ok(json!({"metadata": {"resourceVersion": "1"}, "items": [item]})),
            (_, Some("/web")) => Answer::ok(item),
            _ => Answer::not_found("it"),
        }
    });
    (Hpas::over(Calls::new(client, Duration::from_secs(5))), log)
}

#[tokio::test]
async fn hpas_are_read_whole_and_say_what_they_are() {
    let (hpas, _) = hpas(|| Answer::not_found("it"));
    let listed = hpas.list(Some("shop")).await.unwrap();
    assert_eq!((listed.len(), &listed[0].manifest["spec"]["fieldOfTheFuture"]), (1, &json!(true)));
    assert_eq!(listed[0].manifest["kind"], "HorizontalPodAutoscaler");
    assert!(hpas.get("shop", "web").await.unwrap().is_some_and(|hpa| hpa.is_as(&listed[0])));
    assert_eq!(hpas.get("shop", "api").await, Ok(None));
}

#[tokio::test]
async fn exactly_the_one_that_was_read_is_deleted() {
    let (hpas, log) = hpas(|| Answer::status(409, "Conflict", "it was changed"));
    let hpa = hpas.get("shop", "web").await.unwrap().unwrap();
    assert_eq!(hpas.delete(&hpa).await, Err(ClusterError::Conflict("it was changed".to_owned())));
    let asked = log.all().pop().unwrap();
    assert_eq!((asked.method, asked.path), (Method::DELETE, format!("{PATH}/web")));
    assert_eq!(asked.body["preconditions"], json!({"uid": "u-1", "resourceVersion": "42"}));
}
