//! Who may do what: the users of a cluster, whose rights a test gives and takes.

use std::sync::Arc;

use ai_storage_orchestrator::domain::access::{Deed, Verb};
use ai_storage_orchestrator::domain::autoscaler::{WorkloadKind, WorkloadRef};
use ai_storage_orchestrator::simulation::{LoadCurve, WorkloadKind as SimulatedKind, WorkloadSettings};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::app::{TestApp, answer, deployment, empty_cluster};
use crate::stream::Stream;
use crate::users::{Users, token_of};

const NAMESPACES: [&str; 2] = ["bank", "shop"];

/// The Deployment `web` in two namespaces, each under autoscaling by an administrator.
struct Scene {
    app: TestApp,
    users: Arc<Users>,
    /// The ids in the bank and in the shop.
    bank: String,
    shop: String,
}

fn web(namespace: &str) -> WorkloadSettings {
    WorkloadSettings { namespace: namespace.to_owned(), ..deployment("web", 2, 500.0) }
}

fn body(namespace: &str, kind: &str) -> Value {
    json!({
        "workload_name": "web", "workload_namespace": namespace, "workload_type": kind,
        "min_replicas": 1, "max_replicas": 5, "target_cpu_percent": 50, "interval_seconds": 1,
    })
}

fn scale(namespace: &str) -> Deed {
    let kind = WorkloadKind::Deployment;
    Deed::scale(&WorkloadRef { kind, namespace: namespace.to_owned(), name: "web".to_owned() })
}

fn all_verbs(namespace: &str) -> [Deed; 5] {
    Verb::ALL.map(|verb| Deed::in_namespace(verb, namespace))
}

impl Scene {
    async fn start() -> Self {
        Self::start_with(60).await
    }

    /// A service that remembers what the cluster says of callers for so long by the cluster's time.
    async fn start_with(cache_seconds: u64) -> Self {
        let users = Users::new();
        users.add_admin("root");
        let settings = format!("[auth]\nmode = \"kubernetes\"\ncache_seconds = {cache_seconds}\n");
        let prepare = |cluster: &ai_storage_orchestrator::simulation::SimulatedCluster| {
            cluster.add_running_workloads(NAMESPACES.map(web)).unwrap();
        };
        let app = TestApp::start_for(Some(users.clone()), &empty_cluster(), 20.0, &settings, prepare).await;
        let app = app.ready().await;
        let mut scene = Self { app, users, bank: String::new(), shop: String::new() };
        let created = async |namespace| {
            let (status, created) =
                scene.send("root", Method::POST, "/api/v1/autoscaling", &body(namespace, "Deployment")).await;
            assert_eq!(status, StatusCode::CREATED, "{created}");
            created["autoscaling_id"].as_str().unwrap().to_owned()
        };
        let (bank, shop) = (created("bank").await, created("shop").await);
        (scene.bank, scene.shop) = (bank, shop);
        scene
    }

    fn request(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        self.app.request(method, path).bearer_auth(token_of(who))
    }

    async fn get(&self, who: &str, path: &str) -> (StatusCode, Value) {
        answer(self.request(who, Method::GET, path)).await
    }

    async fn send(&self, who: &str, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(who, method, path).json(body)).await
    }

    /// Every way to change an autoscaler, with the verb that it takes. Deleting comes last.
    fn changes(id: &str) -> [(Verb, Method, String, Value); 4] {
        let path = format!("/api/v1/autoscaling/{id}");
        [
            (Verb::Patch, Method::PATCH, path.clone(), json!({"max_replicas": 6})),
            (Verb::Patch, Method::POST, format!("{path}/pause"), json!({})),
            (Verb::Patch, Method::POST, format!("{path}/resume"), json!({})),
            (Verb::Delete, Method::DELETE, path, json!({})),
        ]
    }

    async fn stop(self) {
        self.app.stop().await;
    }
}

fn is_forbidden((status, body): &(StatusCode, Value), details: &str) -> bool {
    *status == StatusCode::FORBIDDEN && body["error"] == "Forbidden" && body["details"] == details
}

#[actix_web::test]
async fn without_a_valid_token_nobody_gets_in_and_everybody_learns_why() {
    let scene = Scene::start().await;
    for path in ["/api/v1", "/api/v1/autoscaling", "/api/v1/events", "/api/v1/mode", "/metrics", "/nothing"] {
        let (status, none) = scene.app.get(path).await;
        assert_eq!((status, none["error"].as_str()), (StatusCode::UNAUTHORIZED, Some("Unauthorized")), "{path}");
        assert!(none["details"].as_str().unwrap().starts_with("no token was sent"), "{none}");
        let (status, unknown) = scene.get("stranger", path).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(unknown["details"].as_str().unwrap().starts_with("the token is not valid"), "{unknown}");
    }
    for open in ["/health", "/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(scene.app.get(open).await.0, StatusCode::OK, "{open}");
    }
    let (status, _) = scene.send("root", Method::PUT, "/api/v1/mode", &json!({"mode": "observe"})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(scene.app.get("/health").await.1["mode"], Value::Null, "that is for those who are known");
    scene.stop().await;
}

#[actix_web::test]
async fn lists_figures_and_streams_show_only_the_namespaces_that_the_caller_may_see() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop"));
    scene.users.add("guest", []);
    let busy = LoadCurve::constant(1_500.0);
    scene.app.cluster.set_load(SimulatedKind::Deployment, "bank", "web", busy).unwrap();
    scene
        .app
        .eventually("the bank's workload is scaled", async || {
            let (_, bank) = scene.get("root", &format!("/api/v1/autoscaling/{}", scene.bank)).await;
            (bank["details"]["scale_up_count"] == 1).then_some(())
        })
        .await;
    for (who, seen) in [("root", &NAMESPACES[..]), ("clerk", &["shop"]), ("guest", &[])] {
        let (_, list) = scene.get(who, "/api/v1/autoscaling").await;
        let listed: Vec<_> = list["autoscalers"].as_array().unwrap().iter().collect();
        let namespaces: Vec<_> =
            listed.iter().map(|one| one["details"]["workload_namespace"].as_str().unwrap()).collect();
        assert_eq!((namespaces.as_slice(), &list["count"]), (seen, &json!(seen.len())), "{who}");
        let (_, fleet) = scene.get(who, "/api/v1/fleet").await;
        assert_eq!((&fleet["namespaces"], &fleet["total"]), (&json!(seen), &json!(seen.len())), "{who}: {fleet}");
        let (_, figures) = scene.get(who, "/api/v1/autoscaling/metrics").await;
        assert_eq!(figures["total_autoscalers"], seen.len(), "{who}");
        let ups = if seen.contains(&"bank") { 1 } else { 0 };
        assert_eq!(figures["total_scale_ups"], ups, "{who}: only the bank's workload was scaled");
        let watch = format!("/api/v1/events?ids={},{}", scene.bank, scene.shop);
        let mut stream = Stream::of(scene.request(who, Method::GET, &watch), None).await;
        let first = stream.next().await.unwrap();
        assert_eq!((first.name.as_str(), &first.data["total"]), ("fleet", &json!(seen.len())), "{who}");
    }
    let by_namespace = |namespace: &str| format!("/api/v1/autoscaling?namespace={namespace}");
    assert_eq!(scene.get("clerk", &by_namespace("shop")).await.1["count"], 1);
    let (bank, nowhere) =
        (scene.get("clerk", &by_namespace("bank")).await, scene.get("clerk", &by_namespace("nowhere")).await);
    assert!(
        is_forbidden(&bank, "clerk may not list workloadautoscalers.ai-storage.io in namespace \"bank\""),
        "{bank:?}"
    );
    assert!(is_forbidden(&nowhere, "clerk may not list workloadautoscalers.ai-storage.io in namespace \"nowhere\""));
    assert_eq!(scene.get("clerk", "/api/v1/fleet?namespace=bank").await.0, StatusCode::FORBIDDEN);
    for path in ["/api/v1/fleet", "/api/v1/autoscaling"] {
        let (status, long) = scene.get("clerk", &format!("{path}?namespace={}", "x".repeat(64))).await;
        assert_eq!((status, &long["error"]), (StatusCode::BAD_REQUEST, &json!("Validation failed")), "{path}");
    }
    // To read one is not to list.
    scene.users.add("looker", [Deed::in_namespace(Verb::Get, "shop")]);
    assert_eq!(scene.get("looker", "/api/v1/autoscaling").await.1["count"], 0);
    // A page's token is no way around.
    let (_, page) = scene.get("root", "/api/v1/autoscaling?limit=1").await;
    let rest = format!("/api/v1/autoscaling?continue={}", page["continue"].as_str().unwrap());
    assert_eq!(scene.get("guest", &rest).await.1["count"], 0);
    scene.stop().await;
}

#[actix_web::test]
async fn what_happens_in_a_namespace_is_told_only_to_those_who_may_see_it() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop"));
    let watch = format!("/api/v1/events?ids={},{}", scene.bank, scene.shop);
    let mut clerk = Stream::of(scene.request("clerk", Method::GET, &watch), None).await;
    for id in [&scene.bank, &scene.shop] {
        let pause = format!("/api/v1/autoscaling/{id}/pause");
        assert_eq!(scene.send("root", Method::POST, &pause, &json!({})).await.0, StatusCode::OK);
    }
    loop {
        let event = clerk.next().await.unwrap();
        assert!(!event.data.to_string().contains("bank"), "{event:?}");
        if event.name == "action" && event.data["kind"] == "paused" {
            assert_eq!((&event.data["by"], &event.data["autoscaling_id"]), (&json!("root"), &json!(scene.shop)));
            break;
        }
    }
    scene.stop().await;
}

#[actix_web::test]
async fn an_autoscaler_that_the_caller_may_not_see_is_one_that_does_not_exist() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop").into_iter().chain([scale("shop"), scale("bank")]));
    let ways = |id: &str| {
        let path = format!("/api/v1/autoscaling/{id}");
        let reads = ["", "/decisions", "/history"].map(|below| (Method::GET, format!("{path}{below}"), json!({})));
        let changes = Scene::changes(id).map(|(_, method, path, body)| (method, path, body));
        let preview = (Method::POST, format!("{path}/preview"), json!({"max_replicas": 6}));
        reads.into_iter().chain(changes).chain([preview])
    };
    const NONE: &str = "autoscaler-00000000";
    for ((method, path, body), (_, unknown, _)) in ways(&scene.bank).zip(ways(NONE)) {
        let (status, hidden) = scene.send("clerk", method.clone(), &path, &body).await;
        let (_, missing) = scene.send("clerk", method.clone(), &unknown, &body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {hidden}");
        assert_eq!(hidden.to_string(), missing.to_string().replace(NONE, &scene.bank), "{method} {path}");
    }
    assert_eq!(scene.get("root", &format!("/api/v1/autoscaling/{}", scene.bank)).await.0, StatusCode::OK);
    scene.stop().await;
}

#[actix_web::test]
async fn a_change_takes_its_verb_and_the_right_to_scale() {
    let scene = Scene::start().await;
    let sight = || Deed::in_namespace(Verb::Get, "shop");
    scene.users.add("reader", [sight()]);
    scene.users.add("scaler", [sight(), scale("shop")]);
    scene.users.add("editor", all_verbs("shop"));
    scene.users.add("owner", all_verbs("shop").into_iter().chain([scale("shop")]));
    let object =
        scene.get("root", &format!("/api/v1/autoscaling/{}", scene.shop)).await.1["details"]["hpa_name"].clone();
    for (verb, method, path, body) in Scene::changes(&scene.shop) {
        let change = async |who| scene.send(who, method.clone(), &path, &body).await;
        let deed = format!("{} workloadautoscalers.ai-storage.io {object} in namespace \"shop\"", verb.as_str());
        for who in ["reader", "scaler"] {
            let refused = change(who).await;
            assert!(is_forbidden(&refused, &format!("{who} may not {deed}")), "{method} {path}: {refused:?}");
        }
        let refused = change("editor").await;
        let deed = "editor may not update deployments/scale \"web\" in namespace \"shop\"";
        assert!(is_forbidden(&refused, deed), "{method} {path}: {refused:?}");
        let (status, answer) = change("owner").await;
        assert_eq!(status, StatusCode::OK, "{method} {path}: {answer}");
    }
    scene.stop().await;
}

#[actix_web::test]
async fn whoever_may_not_create_does_not_learn_what_there_is() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop").into_iter().chain([scale("shop")]));
    scene.users.add("editor", all_verbs("bank"));
    let create = async |who: &str, body: &Value| scene.send(who, Method::POST, "/api/v1/autoscaling", body).await;
    let refused = create("clerk", &body("bank", "Deployment")).await;
    assert!(
        is_forbidden(&refused, "clerk may not create workloadautoscalers.ai-storage.io in namespace \"bank\""),
        "{refused:?}"
    );
    for kind in ["deployment", "DEPLOYMENT"] {
        let refused = create("editor", &body("bank", kind)).await;
        assert!(
            is_forbidden(&refused, "editor may not update deployments/scale \"web\" in namespace \"bank\""),
            "{refused:?}"
        );
    }
    let mut missing = body("bank", "Deployment");
    missing["workload_name"] = json!("nothing");
    let refused = create("editor", &missing).await;
    assert!(is_forbidden(&refused, "editor may not update deployments/scale \"nothing\" in namespace \"bank\""));
    let others = [("replicasets", ["Deployment", "StatefulSet"]), ("deployments", ["StatefulSet", "ReplicaSet"])];
    for (missing, has) in others {
        let who = format!("without-{missing}");
        let kinds = WorkloadKind::ALL.into_iter().filter(|kind| has.contains(&kind.as_str()));
        let scale = |kind| Deed::Scale { kind, workload: Some(("shop".to_owned(), "web".to_owned())) };
        scene.users.add(&who, all_verbs("shop").into_iter().chain(kinds.map(scale)));
        let refused = create(&who, &body("shop", "auto")).await;
        let deed = format!("{who} may not update {missing}/scale \"web\" in namespace \"shop\"");
        assert!(is_forbidden(&refused, &deed), "{refused:?}");
    }
    // Which kind it will be is not known before the cluster is asked, and that would tell what there is.
    let refused = create("clerk", &body("shop", "auto")).await;
    assert!(
        is_forbidden(&refused, "clerk may not update statefulsets/scale \"web\" in namespace \"shop\""),
        "{refused:?}"
    );
    assert_eq!(create("clerk", &body("shop", "Deployment")).await.0, StatusCode::OK, "it exists already");
    scene.users.add("maker", [Deed::in_namespace(Verb::Create, "shop"), scale("shop")]);
    let mut other = body("shop", "Deployment");
    other["max_replicas"] = json!(9);
    let blinder = create("maker", &other).await;
    assert!(
        is_forbidden(&blinder, "maker may not get workloadautoscalers.ai-storage.io in namespace \"shop\""),
        "{blinder:?}"
    );
    let blind = create("maker", &body("shop", "Deployment")).await;
    assert!(
        is_forbidden(&blind, "maker may not get workloadautoscalers.ai-storage.io in namespace \"shop\""),
        "{blind:?}"
    );
    scene.stop().await;
}

#[actix_web::test]
async fn the_workload_of_an_autoscaler_cannot_be_changed_for_another() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop").into_iter().chain([scale("shop")]));
    let path = format!("/api/v1/autoscaling/{}", scene.shop);
    for patch in [
        json!({"workload_namespace": "bank"}),
        json!({"workload_name": "other"}),
        json!({"workload_type": "StatefulSet"}),
        json!({"workload_namespace": null}),
    ] {
        let (status, refusal) = scene.send("clerk", Method::PATCH, &path, &patch).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{patch}: {refusal}");
    }
    let (_, after) = scene.get("clerk", &path).await;
    assert_eq!(
        (&after["details"]["workload_namespace"], &after["details"]["workload_name"]),
        (&json!("shop"), &json!("web"))
    );
    scene.stop().await;
}

#[actix_web::test]
async fn the_brake_is_for_those_who_could_brake_each_autoscaler_and_scale_each_workload() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop").into_iter().chain([scale("shop")]));
    scene.users.add("keeper", [Deed::everywhere(Verb::Patch)]);
    let switch =
        async |who: &str, mode: &str| scene.send(who, Method::PUT, "/api/v1/mode", &json!({"mode": mode})).await;
    let refused = switch("clerk", "observe").await;
    assert!(
        is_forbidden(&refused, "clerk may not patch workloadautoscalers.ai-storage.io in all namespaces"),
        "{refused:?}"
    );
    assert_eq!(scene.get("clerk", "/api/v1/mode").await, (StatusCode::OK, json!({"mode": "active"})));
    assert_eq!(switch("keeper", "observe").await.0, StatusCode::OK);
    for missing in WorkloadKind::ALL {
        let who = format!("without-{}", missing.plural());
        let others = WorkloadKind::ALL.into_iter().filter(|kind| *kind != missing).map(Deed::scale_all);
        scene.users.add(&who, others.chain([Deed::everywhere(Verb::Patch)]));
        let refused = switch(&who, "active").await;
        let deed = format!("{who} may not update {}/scale in all namespaces", missing.plural());
        assert!(is_forbidden(&refused, &deed), "{refused:?}");
    }
    let refused = switch("keeper", "active").await;
    assert!(is_forbidden(&refused, "keeper may not update deployments/scale in all namespaces"), "{refused:?}");
    assert_eq!(switch("root", "active").await.0, StatusCode::OK);
    scene.stop().await;
}

#[actix_web::test]
async fn nodes_pods_and_metrics_of_all_namespaces_are_for_those_who_may_read_them() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop"));
    scene.users.add("monitor", [Deed::ReadMetrics]);
    let refused = scene.get("clerk", "/api/v1/sources").await;
    assert!(is_forbidden(&refused, "clerk may not list nodes"), "{refused:?}");
    scene.users.add("warden", [Deed::ListNodes]);
    let refused = scene.get("warden", "/api/v1/sources").await;
    assert!(is_forbidden(&refused, "warden may not list pods in all namespaces"), "{refused:?}");
    let refused = scene.get("clerk", "/metrics").await;
    assert!(is_forbidden(&refused, "clerk may not get the path \"/metrics\""), "{refused:?}");
    assert_eq!(scene.get("root", "/api/v1/sources").await.0, StatusCode::OK);
    assert_eq!(scene.app.get("/readyz").await, (StatusCode::OK, json!({"status": "ready"})), "a kubelet");
    assert_eq!(scene.get("clerk", "/readyz").await.1, json!({"status": "ready"}));
    assert!(scene.get("root", "/readyz").await.1["cluster"].is_string());
    let metrics = scene.request("monitor", Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(metrics.status(), StatusCode::OK);
    scene.stop().await;
}

#[actix_web::test]
async fn an_api_server_that_cannot_be_asked_lets_nobody_in() {
    let scene = Scene::start().await;
    scene.users.add("clerk", all_verbs("shop"));
    scene.users.add("known", all_verbs("shop"));
    assert_eq!(scene.get("known", "/api/v1/whoami").await.0, StatusCode::OK);
    scene.users.set_away(true);
    let (status, stranger) = scene.get("clerk", "/api/v1/autoscaling").await;
    assert_eq!((status, &stranger["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("Authentication unavailable")));
    assert!(!stranger.to_string().contains("refused"), "what is wrong is not for strangers: {stranger}");
    for id in [&scene.shop, "autoscaler-00000000"] {
        let path = format!("/api/v1/autoscaling/{id}");
        assert_eq!(scene.get("known", &path).await.0, StatusCode::SERVICE_UNAVAILABLE, "whether there is one or not");
    }
    assert_eq!(scene.get("known", "/api/v1/autoscaling").await.0, StatusCode::SERVICE_UNAVAILABLE, "and no empty list");
    // Who is known, but has not done this before.
    let response = scene.request("root", Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, unsure) = (response.status(), response.json::<Value>().await.unwrap());
    assert_eq!((status, &unsure["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("Authorization unavailable")));
    assert_eq!(scene.app.get("/healthz").await.0, StatusCode::OK);
    scene.users.set_away(false);
    scene
        .app
        .eventually("the API server is asked again", async || {
            (scene.get("clerk", "/api/v1/autoscaling").await.0 == StatusCode::OK).then_some(())
        })
        .await;
    scene.stop().await;
}

#[actix_web::test]
async fn a_stream_ends_when_its_follower_is_let_in_no_more_and_shows_less_when_they_may_see_less() {
    let scene = Scene::start_with(1).await;
    scene.users.add("clerk", all_verbs("shop"));
    let mut stream = Stream::of(scene.request("clerk", Method::GET, "/api/v1/events"), None).await;
    assert_eq!(stream.next().await.unwrap().data["total"], 1);
    scene.users.disarm("clerk");
    stream.find("fleet", |figures| figures["total"] == 0).await;
    scene.users.revoke("clerk");
    while stream.next().await.is_some() {}
    let mut of_root = Stream::of(scene.request("root", Method::GET, "/api/v1/events"), None).await;
    scene.users.set_away(true);
    while of_root.next().await.is_some() {}
    scene.stop().await;
}

#[actix_web::test]
async fn a_caller_costs_one_question_of_each_kind() {
    let scene = Scene::start_with(60).await;
    scene.users.add("clerk", all_verbs("shop").into_iter().chain([scale("shop")]));
    let pause = format!("/api/v1/autoscaling/{}/pause", scene.shop);
    for _ in 0..5 {
        assert_eq!(scene.get("clerk", "/api/v1/autoscaling").await.0, StatusCode::OK);
        assert_eq!(scene.send("clerk", Method::POST, &pause, &json!({})).await.0, StatusCode::OK);
    }
    let mut questions: Vec<_> = scene.users.questions().into_iter().filter(|asked| asked.contains("clerk")).collect();
    let asked = questions.len();
    questions.sort();
    questions.dedup();
    // The cluster's clock runs 20 times as fast, so a minute may pass meanwhile, but not two.
    assert!(asked <= 2 * questions.len(), "{questions:?}");
    assert_eq!(questions.len(), 8, "{questions:?}");
    scene.stop().await;
}

#[actix_web::test]
async fn who_did_what_is_to_be_seen() {
    let scene = Scene::start().await;
    scene.users.add_admin("anna");
    let path = format!("/api/v1/autoscaling/{}", scene.shop);
    let (_, before) = scene.get("root", &path).await;
    assert_eq!((&before["details"]["created_by"], &before["details"]["changed_by"]), (&json!("root"), &json!("root")));
    let mut stream = Stream::of(scene.request("root", Method::GET, "/api/v1/events"), None).await;
    let (_, after) = scene.send("anna", Method::PATCH, &path, &json!({"max_replicas": 7})).await;
    assert_eq!((&after["details"]["created_by"], &after["details"]["changed_by"]), (&json!("root"), &json!("anna")));
    stream.find("action", |action| action["kind"] == "updated" && action["by"] == "anna").await;
    scene
        .app
        .eventually("a decision by the new rules", async || {
            let (_, decisions) = scene.get("root", &format!("{path}/decisions?limit=1")).await;
            (decisions["decisions"][0]["rules_by"] == "anna").then_some(())
        })
        .await;
    assert_eq!(scene.send("root", Method::DELETE, &path, &json!({})).await.0, StatusCode::OK);
    stream.find("action", |action| action["kind"] == "deleted" && action["by"] == "root").await;
    let (_, anew) = scene.send("anna", Method::POST, "/api/v1/autoscaling", &body("shop", "Deployment")).await;
    let path = format!("/api/v1/autoscaling/{}", anew["autoscaling_id"].as_str().unwrap());
    let created = stream.find("action", |action| action["kind"] == "created" && action["by"] == "anna").await;
    for verb in ["pause", "resume"] {
        let (status, _) = scene.send("root", Method::POST, &format!("{path}/{verb}"), &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{verb}");
        stream.find("action", |action| action["kind"] == format!("{verb}d") && action["by"] == "root").await;
    }
    assert_eq!(scene.get("root", &path).await.1["details"]["changed_by"], "root");
    scene
        .app
        .eventually("a decision after it was resumed", async || {
            let (_, decisions) = scene.get("root", &format!("{path}/decisions?limit=1")).await;
            (decisions["decisions"][0]["rules_by"] == "anna").then_some(())
        })
        .await;
    // What was missed is told to those who may see it, too, and to nobody else.
    scene.users.add("clerk", all_verbs("bank"));
    let mut late = Stream::of(scene.request("clerk", Method::GET, "/api/v1/events"), created.id.as_deref()).await;
    assert_eq!(late.next().await.unwrap().name, "fleet");
    scene.stop().await;
}

#[actix_web::test]
async fn each_caller_is_told_whom_the_service_takes_them_for() {
    let scene = Scene::start().await;
    scene.users.add("clerk", []);
    let (_, clerk) = scene.get("clerk", "/api/v1/whoami").await;
    assert_eq!(clerk, json!({"mode": "kubernetes", "name": "clerk", "groups": ["system:authenticated"]}));
    scene.stop().await;
    let app = TestApp::start().await;
    assert_eq!(app.get("/api/v1/whoami").await.1, json!({"mode": "none", "name": null, "groups": []}));
    app.stop().await;
}
