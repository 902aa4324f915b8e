//! What people look at: the fleet, the past of an autoscaler, what a change would come to, and events as they happen.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use ai_storage_orchestrator::simulation::WorkloadKind;

use crate::app::{TestApp, deployment, empty_cluster, request, token_file};
use crate::stream::Stream;

/// The rows that are shown, by their workload's name.
fn names(fleet: &Value) -> Vec<&str> {
    fleet["autoscalers"].as_array().unwrap().iter().map(|row| row["workload_name"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn the_fleet_shows_what_needs_attention_first() {
    let app = TestApp::start_with(&empty_cluster(), 20.0, |cluster| {
        let workloads = [("calm", 500.0), ("busy", 9000.0), ("aside", 500.0), ("doomed", 500.0)];
        cluster.add_running_workloads(workloads.map(|(name, load)| deployment(name, 2, load))).unwrap();
    })
    .await
    .ready()
    .await;
    let mut ids = Vec::new();
    for name in ["calm", "busy", "aside", "doomed"] {
        let mut request = request(name);
        request["max_replicas"] = 3.into();
        ids.push(app.created(&request).await);
    }
    app.cluster.remove_workload(WorkloadKind::Deployment, "default", "doomed").unwrap();
    app.send(Method::POST, &format!("/api/v1/autoscaling/{}/pause", ids[2]), &json!({})).await;
    let fleet = app
        .eventually("two need attention", async || {
            let (_, fleet) = app.get("/api/v1/fleet").await;
            let counts = &fleet["counts"];
            (counts["failed"] == 1 && counts["wants_more_than_max"] == 1 && counts["none"] == 2).then_some(fleet)
        })
        .await;
    assert_eq!(names(&fleet), ["doomed", "busy", "aside", "calm"]);
    assert_eq!((&fleet["total"], &fleet["matching"], &fleet["offset"]), (&4.into(), &4.into(), &0.into()));
    assert_eq!(fleet["totals"]["total_autoscalers"], 4);
    assert_eq!(fleet["namespaces"], json!(["default"]));
    let [doomed, busy, aside, calm] = &fleet["autoscalers"].as_array().unwrap()[..] else { panic!("{fleet:#}") };
    assert_eq!(doomed["attention_message"], "deployment \"doomed\" not found");
    let wanted = busy["recommended_replicas"].as_u64().unwrap();
    assert!(wanted > 3, "{busy:#}");
    assert_eq!(busy["attention_message"], format!("{wanted} replicas are wanted, max_replicas is 3"));
    assert_eq!((&busy["last_action"]["from"], &busy["last_action"]["to"]), (&2.into(), &3.into()));
    assert!(busy["last_action"]["because"].as_str().unwrap().ends_with(" % of 50 %"), "{busy:#}");
    assert_eq!((&aside["status"], &aside["attention"]), (&"inactive".into(), &"none".into()));
    let replicas = calm["replicas"].as_array().unwrap();
    assert_eq!((replicas.len(), &replicas[0], replicas.last().unwrap()), (30, &Value::Null, &2.into()));
    assert_eq!(calm["metrics"][0]["target_percent"], 50);

    let by_name = app.get("/api/v1/fleet?sort=name&offset=1&limit=2").await.1;
    assert_eq!((names(&by_name), &by_name["matching"]), (vec!["busy", "calm"], &4.into()));
    for (query, found) in [
        ("text=DOOM", vec!["doomed"]),
        ("text=default/ca", vec!["calm"]),
        ("status=inactive", vec!["aside"]),
        ("attention=wants_more_than_max", vec!["busy"]),
        ("namespace=other", vec![]),
        ("offset=100", vec![]),
    ] {
        assert_eq!(names(&app.get(&format!("/api/v1/fleet?{query}")).await.1), found, "{query}");
    }
    app.stop().await;
}

#[actix_web::test]
async fn who_follows_the_events_is_told_what_happens_and_what_was_missed() {
    let app = TestApp::with_web().await;
    let mut all = Stream::open(&app, "/api/v1/events", None).await;
    let first = all.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["total"]), ("fleet", &0.into()));

    let id = app.created(&request("web")).await;
    let created = all.find("action", |_| true).await;
    assert_eq!((&created.data["kind"], &created.data["autoscaling_id"]), (&"created".into(), &json!(id)));
    assert_eq!(all.find("fleet", |fleet| fleet["total"] == 1).await.data["totals"]["total_autoscalers"], 1);

    let mut one = Stream::open(&app, &format!("/api/v1/events?ids={id},autoscaler-none"), None).await;
    let row = one.find("row", |row| row["metrics"][0]["state"] == "known").await;
    assert_eq!((&row.data["workload_name"], &row.data["current_replicas"]), (&"web".into(), &2.into()));

    app.patch(&id, &json!({"min_replicas": 4})).await;
    let scaled = all.find("action", |action| action["kind"] == "scaled").await;
    assert_eq!((&scaled.data["from"], &scaled.data["to"]), (&2.into(), &4.into()));
    assert_eq!(one.find("row", |row| row["current_replicas"] == 4).await.data["min_replicas"], 4);
    drop((all, one));

    // Cut off after the creation: the rest comes again, in order.
    let mut again = Stream::open(&app, "/api/v1/events", created.id.as_deref()).await;
    let kinds = [again.next().await.unwrap(), again.next().await.unwrap()].map(|event| event.data["kind"].clone());
    assert_eq!(kinds, ["updated", "scaled"]);
    let query = format!("/api/v1/events?last_event_id={}", scaled.id.unwrap());
    assert_eq!(Stream::open(&app, &query, None).await.next().await.unwrap().name, "fleet", "nothing was missed");
    for stranger in ["123-1", "nonsense", "ff-99999"] {
        let reset = Stream::open(&app, "/api/v1/events", Some(stranger)).await.next().await.unwrap();
        assert_eq!(reset.name, "reset", "{stranger}");
    }

    // The end of the service is the end of the stream, and does not wait for it.
    app.stop().await;
    while again.next().await.is_some() {}
}

#[actix_web::test]
async fn the_history_shows_what_was_and_the_preview_what_would_have_been() {
    let app = TestApp::with_web().await;
    let id = app.created(&request("web")).await;
    let path = format!("/api/v1/autoscaling/{id}/history");
    let last = |history: &Value, column: &str| history[column].as_array().unwrap().last().unwrap().clone();
    app.eventually("it has a past", async || {
        let history = app.get(&format!("{path}?step=15")).await.1;
        (last(&history, "recommended_replicas") == 2).then_some(())
    })
    .await;
    app.patch(&id, &json!({"min_replicas": 3})).await;
    app.wait_for(&id, "it is at the minimum", |a| a["details"]["current_replicas"] == 3).await;
    let history = app
        .eventually("the change is in the history", async || {
            let history = app.get(&path).await.1;
            (last(&history, "current_replicas") == 3).then_some(history)
        })
        .await;
    assert_eq!((&history["step_seconds"], &history["autoscaling_id"]), (&60.into(), &json!(id)));
    let length = history["current_replicas"].as_array().unwrap().len();
    assert!((360..=362).contains(&length), "{length}");
    assert_eq!(history["current_replicas"][0], Value::Null, "before there was anything");
    assert_eq!((last(&history, "min_replicas"), last(&history, "max_replicas")), (3.into(), 10.into()));
    let cpu = &history["metrics"][0];
    assert_eq!(
        (&cpu["name"], last(cpu, "target_percent"), last(cpu, "simulated")),
        (&"cpu".into(), 50.into(), false.into())
    );
    assert!(last(cpu, "utilization_percent").as_u64().is_some_and(|percent| percent > 20), "{cpu}");
    assert_eq!(history["actions"][0]["because"], "fewer than min_replicas 3");

    let fine = app.get(&format!("{path}?from={}", history["actions"][0]["at"].as_str().unwrap())).await.1;
    assert_eq!(fine["step_seconds"], 15);
    for (query, said) in [("step=0", "step must be"), ("step=x", "step must be"), ("from=now", "from must be a time")] {
        let (status, body) = app.get(&format!("{path}?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(body["details"].as_str().unwrap().starts_with(said), "{body}");
    }
    assert_eq!(app.get("/api/v1/autoscaling/autoscaler-0/history").await.0, StatusCode::NOT_FOUND);

    let preview = format!("/api/v1/autoscaling/{id}/preview");
    let body = app
        .eventually("a minute is known", async || {
            let (status, body) = app.send(Method::POST, &preview, &json!({"min_replicas": 6})).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            (!body["past"].is_null()).then_some(body)
        })
        .await;
    assert_eq!((&body["spec"]["min_replicas"], &body["current_replicas"]), (&6.into(), &3.into()));
    assert_eq!((&body["as_is"]["desired_replicas"], &body["with_change"]["desired_replicas"]), (&3.into(), &6.into()));
    assert!(body["message"].as_str().unwrap().starts_with("6 instead of 3 replicas now; over the last "), "{body}");
    let past = &body["past"];
    assert!(past["difference"].as_f64().unwrap() > 0.0, "{past}");
    assert_eq!(app.autoscaler(&id).await["details"]["spec"]["min_replicas"], 3, "nothing was changed");
    let (status, body) = app.send(Method::POST, &preview, &json!({"min_replicas": 11})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    app.stop().await;
}

#[actix_web::test]
async fn pages_are_served_with_a_strict_policy_and_without_a_token_while_the_api_is_not() {
    let (_file, settings) = token_file("only-for-this-test");
    let app = TestApp::start_configured(&empty_cluster(), 1.0, &settings, |_| {}).await;
    let page = app.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(
        (page.status(), &page.headers()["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    let tag = page.headers()["etag"].clone();
    let text = page.text().await.unwrap();
    assert!(text.contains("<html"), "{text}");
    for forbidden in ["<style", " style=", " onclick=", "javascript:", "http://", "https://"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    let again = app.request(Method::GET, "/").header("If-None-Match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let script = app.request(Method::GET, "/assets/app.js").send().await.unwrap();
    assert_eq!(
        (script.status(), &script.headers()["content-type"]),
        (StatusCode::OK, &"text/javascript; charset=utf-8".parse().unwrap())
    );
    for nowhere in ["/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/Cargo.toml"] {
        assert_ne!(app.request(Method::GET, nowhere).send().await.unwrap().status(), StatusCode::OK, "{nowhere}");
    }
    for closed in ["/api/v1/fleet", "/api/v1/events", "/api/v1"] {
        assert_eq!(
            app.request(Method::GET, closed).send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{closed}"
        );
    }
    app.stop().await;
}

#[actix_web::test]
async fn an_unknown_value_of_a_parameter_is_an_error_that_names_what_is_known() {
    let app = TestApp::with_web().await;
    for (query, said) in [
        ("sort=age", "sort must be one of attention, name"),
        ("status=odd", "status must be one of active, inactive, failed"),
        ("attention=odd", "attention must be one of failed, wants_more_than_max, metric_unknown, none"),
        ("limit=0", "limit must be a whole number of at least 1"),
        ("limit=1001", "limit must be at most 1000"),
        ("offset=-1", "offset must be a whole number of at least 0"),
    ] {
        let (status, body) = app.get(&format!("/api/v1/fleet?{query}")).await;
        assert_eq!((status, &body["details"]), (StatusCode::BAD_REQUEST, &said.into()), "{query}");
    }
    assert_eq!(app.get("/api/v1/fleet?page=1").await.0, StatusCode::BAD_REQUEST);
    let many = vec!["autoscaler-1"; 201].join(",");
    let (status, body) = app.get(&format!("/api/v1/events?ids={many}")).await;
    assert_eq!((status, &body["details"]), (StatusCode::BAD_REQUEST, &"ids can name 200 autoscalers at most".into()));
    app.stop().await;
}
