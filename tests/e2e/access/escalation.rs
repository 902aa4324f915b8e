//! Ways in which somebody might try to do more than they may.

use kube::api::{Patch, PatchParams, PostParams};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use super::callers::{Caller, account, bound, service_account};
use super::client::{Answer, Client, answer};
use super::questions::ok;
use super::stage::{BANK, HOME, SHOP, WEB, created, object, request, stage};
use super::waiting::eventually;
use crate::cluster::cluster;
use crate::definitions::objects;

async fn create(client: &Client, body: &Value) -> Answer {
    client.ask(Method::POST, "/api/v1/autoscaling", Some(body)).await
}

async fn deleted(client: &Client, id: &str) {
    ok(client.ask(Method::DELETE, &format!("/api/v1/autoscaling/{id}"), None).await);
}

#[tokio::test]
async fn no_change_points_an_autoscaler_at_another_workload() {
    let stage = stage().await;
    // The deployer may scale Deployments, and would like to scale a StatefulSet, or something in the bank.
    let path = format!("/api/v1/autoscaling/{}", stage.shop.id);
    let deployer = stage.client(Caller::Deployer);
    for change in [
        json!({"workload_name": "spare"}),
        json!({"workload_type": "StatefulSet"}),
        json!({"workload_namespace": BANK}),
        json!({"workload_namespace": null}),
        json!({"Workload_Name": "spare"}),
        json!({"workload_name": "spare", "max_replicas": 30}),
    ] {
        let answer = deployer.ask(Method::PATCH, &path, Some(&change)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change}: {}", answer.text);
    }
    // It finds what the autoscaler is for already, or nothing.
    let found = deployer.ask(Method::PATCH, &path, Some(&json!({"workload_type": "auto"}))).await;
    assert_eq!(ok(found)["details"]["workload_type"], "Deployment");
    let of_web = objects(stage.kubernetes(Caller::Deployer).await, SHOP);
    for change in [json!({"workload_name": "spare"}), json!({"workload_type": "StatefulSet"})] {
        let patch = Patch::Merge(json!({"spec": change}));
        let refused = of_web.patch(&stage.shop.object, &PatchParams::default(), &patch).await.unwrap_err();
        let kube::Error::Api(status) = refused else { panic!("{refused}") };
        assert!(status.message.contains("cannot be changed"), "{status:?}");
    }
    let now = ok(stage.client(Caller::Administrator).get(&path).await);
    let spec = &now["details"]["spec"];
    let workload = (&spec["workload_name"], &spec["workload_namespace"], &spec["workload_type"]);
    assert_eq!(workload, (&WEB.into(), &SHOP.into(), &"Deployment".into()));
    assert_eq!(spec["max_replicas"], 3);
}

#[rstest]
#[case::lower("deployment")]
#[case::upper("DEPLOYMENT")]
#[case::mixed("dEpLoYmEnT")]
#[case::auto("auto")]
#[case::upper_auto("AUTO")]
#[tokio::test]
async fn a_kind_by_any_spelling_needs_its_scale(#[case] kind: &str) {
    let stage = stage().await;
    let answer = create(&stage.client(Caller::Writer), &request(SHOP, kind, "spare")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let details = answer.json()["details"].as_str().unwrap().to_owned();
    assert!(details.contains("may not update deployments/scale \"spare\" in namespace \"access-shop\""), "{details}");
}

#[rstest]
#[case::statefulset("STATEFULSET", "statefulsets")]
#[case::replicaset("replicaset", "replicasets")]
// It would find a Deployment, which the deployer may scale; but the answer must not say which kinds there are.
#[case::auto("auto", "statefulsets")]
#[tokio::test]
async fn the_right_to_scale_one_kind_is_none_for_another(#[case] kind: &str, #[case] resource: &str) {
    let stage = stage().await;
    for name in ["spare", "missing"] {
        let answer = create(&stage.client(Caller::Deployer), &request(SHOP, kind, name)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
        let details = answer.json()["details"].as_str().unwrap().to_owned();
        assert!(details.contains(&format!("may not update {resource}/scale \"{name}\"")), "{details}");
    }
}

#[tokio::test]
async fn a_namespace_by_any_spelling_is_asked_about_as_it_is() {
    let stage = stage().await;
    let editor = stage.client(Caller::Editor);
    assert_eq!(create(&editor, &request(BANK, "Deployment", "spare")).await.status, StatusCode::FORBIDDEN);
    for namespace in ["Access-Bank", "access-shop/../access-bank", "access-bank ", "access-bank\0", "*", "", "."] {
        let answer = create(&editor, &request(namespace, "Deployment", "spare")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{namespace:?}: {}", answer.text);
    }
    for path in ["/api/v1/autoscaling?namespace=*", "/api/v1/autoscaling?namespace=Access-Bank"] {
        assert_eq!(editor.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    // The last of two would count where the first was checked, or the other way round.
    for path in [
        "/api/v1/autoscaling?namespace=access-shop&namespace=access-bank",
        "/api/v1/fleet?namespace=access-shop&namespace=access-bank",
    ] {
        let status = editor.get(path).await.status;
        assert!([StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN].contains(&status), "{path}: {status}");
    }
}

#[tokio::test]
async fn an_object_under_the_name_that_the_api_would_give_is_no_way_to_another_workload() {
    let stage = stage().await;
    let administrator = stage.client(Caller::Administrator);
    // The name follows from the workload, so it is known beforehand.
    let taken = created(&administrator, request(SHOP, "Deployment", "taken")).await;
    deleted(&administrator, &taken.id).await;
    let own = objects(stage.kubernetes(Caller::Deployer).await, SHOP);
    own.create(&PostParams::default(), &object(&taken.object, "Deployment", "mine")).await.unwrap();
    let editor = stage.client(Caller::Editor);
    let answer = create(&editor, &request(SHOP, "Deployment", "taken")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    // It is the autoscaler of the workload that it names, and takes the right to scale that one.
    let mut found = Value::Null;
    eventually("the object is an autoscaler", async || {
        let fleet = ok(editor.get("/api/v1/fleet?text=mine").await);
        found =
            fleet["autoscalers"].as_array().unwrap().iter().find(|row| row["workload_name"] == "mine").cloned().into();
        !found.is_null()
    })
    .await;
    let id = found["autoscaling_id"].as_str().unwrap();
    let details = &ok(editor.get(&format!("/api/v1/autoscaling/{id}")).await)["details"];
    assert_eq!((&details["hpa_name"], &details["workload_name"]), (&(*taken.object).into(), &"mine".into()));
    assert_eq!(details.get("created_by"), None, "{details}");
    deleted(&administrator, id).await;
}

#[tokio::test]
async fn the_id_of_somebody_elses_autoscaler_cannot_be_taken() {
    let stage = stage().await;
    let administrator = stage.client(Caller::Administrator);
    let before = ok(administrator.get(&format!("/api/v1/autoscaling/{}", stage.bank.id)).await);
    let mut forged = object("forged", "Deployment", "forged");
    forged.metadata.labels = Some([("ai-storage.io/autoscaling-id".to_owned(), stage.bank.id.clone())].into());
    let own = objects(stage.kubernetes(Caller::Editor).await, SHOP);
    let refused = own.create(&PostParams::default(), &forged).await.unwrap_err().to_string();
    assert!(refused.contains("only the service and administrators set and change the label"), "{refused}");
    // Where it is there all the same, for instance because it is older than the policy, it is not taken for an id.
    let own = objects(stage.kubernetes(Caller::Administrator).await, SHOP);
    own.create(&PostParams::default(), &forged).await.unwrap();
    eventually("it is an autoscaler with an id of its own", async || {
        let fleet = ok(administrator.get("/api/v1/fleet?text=forged").await);
        let rows = fleet["autoscalers"].as_array().unwrap();
        rows.iter().any(|row| row["workload_name"] == "forged" && row["autoscaling_id"] != *stage.bank.id)
    })
    .await;
    let after = ok(administrator.get(&format!("/api/v1/autoscaling/{}", stage.bank.id)).await);
    assert_eq!(after["details"]["workload_namespace"], before["details"]["workload_namespace"]);
    assert_eq!(after["details"]["hpa_name"], before["details"]["hpa_name"]);
    // The editor reaches nothing in the bank by it.
    let editor = stage.client(Caller::Editor);
    let path = format!("/api/v1/autoscaling/{}", stage.bank.id);
    assert_eq!(editor.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(editor.ask(Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
    own.delete("forged", &kube::api::DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn the_right_to_one_workload_by_name_is_none_to_another() {
    let stage = stage().await;
    let rbac = "rbac.authorization.k8s.io/v1";
    cluster().apply(&[
        account(HOME, "owner"),
        json!({
            "apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": "access-owner"},
            "rules": [
                {
                    "apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["update"],
                    "resourceNames": ["theirs"],
                },
                {"apiGroups": ["ai-storage.io"], "resources": ["workloadautoscalers"], "verbs": ["*"]},
            ],
        }),
        bound(SHOP, "access-owner", &[service_account("owner")]),
    ]);
    let token = cluster().account_token(HOME, "owner", None).await;
    let owner = stage.client_of(&token);
    let mut made = String::new();
    eventually("the owner may autoscale their own", async || {
        // The API server takes a role up a moment after it was made, and what it said before is remembered for a while.
        let answer = create(&owner, &request(SHOP, "Deployment", "theirs")).await;
        made = answer.json()["autoscaling_id"].as_str().unwrap_or_default().to_owned();
        answer.status == StatusCode::CREATED
    })
    .await;
    let kubernetes = objects(cluster().client_of(&token).await, SHOP);
    let path = format!("/api/v1/autoscaling/{}", stage.shop.id);
    for (method, path, body) in [
        (Method::POST, "/api/v1/autoscaling".to_owned(), Some(request(SHOP, "Deployment", "spare"))),
        (Method::PATCH, path.clone(), Some(json!({"mode": "active"}))),
        (Method::POST, format!("{path}/pause"), None),
        (Method::POST, format!("{path}/resume"), None),
        (Method::DELETE, path, None),
    ] {
        let answer = owner.ask(method.clone(), &path, body.as_ref()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}: {}", answer.text);
    }
    // All verbs on the objects of a namespace make nobody the service, whom the admission policy does not ask.
    let trying = PostParams { dry_run: true, ..PostParams::default() };
    kubernetes.create(&trying, &object("second", "Deployment", "theirs")).await.unwrap();
    let refused = kubernetes.create(&trying, &object("other", "Deployment", "spare")).await.unwrap_err();
    assert!(refused.to_string().contains("may not update deployments/scale \"spare\""), "{refused}");
    deleted(&owner, &made).await;
}

#[tokio::test]
async fn nobody_becomes_somebody_else_by_a_header() {
    let stage = stage().await;
    let viewer = stage.client(Caller::Viewer);
    for (name, value) in [
        ("impersonate-user", "admin"),
        ("impersonate-group", "system:masters"),
        ("x-remote-user", "admin"),
        ("x-remote-group", "system:masters"),
        ("x-forwarded-user", "admin"),
        ("x-forwarded-access-token", stage.token(Caller::Administrator)),
        ("cookie", &format!("token={}", stage.token(Caller::Administrator))),
        ("x-http-method-override", "DELETE"),
    ] {
        let whoami = answer(viewer.request(Method::GET, "/api/v1/whoami").header(name, value)).await;
        assert_eq!(ok(whoami)["name"], Caller::Viewer.user(), "{name}");
        let metrics = answer(viewer.request(Method::GET, "/metrics").header(name, value)).await;
        assert_eq!(metrics.status, StatusCode::FORBIDDEN, "{name}");
    }
    // Of two tokens none counts, or the first; never the better one.
    let both = viewer.request(Method::GET, "/api/v1/whoami").bearer_auth(stage.token(Caller::Administrator));
    let both = answer(both).await;
    assert!(both.status == StatusCode::UNAUTHORIZED || both.json()["name"] == Caller::Viewer.user(), "{}", both.text);
}

#[tokio::test]
async fn a_token_is_taken_from_nowhere_but_its_header() {
    let stage = stage().await;
    let token = stage.token(Caller::Administrator);
    let silent = Client::new(&stage.service.url(), None);
    for query in ["token", "access_token", "authorization"] {
        let answer = silent.get(&format!("/api/v1/whoami?{query}={token}")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{query}");
    }
    for value in [token.to_owned(), format!("Basic {token}"), format!("Token {token}"), format!("Bearer{token}")] {
        let request = silent.request(Method::GET, "/api/v1/whoami").header("authorization", &value);
        assert_eq!(answer(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert!(stage.service.logged(token).is_empty(), "the token is in the log");
    let scheme = silent.request(Method::GET, "/api/v1/whoami").header("authorization", format!("bEARER {token}"));
    assert_eq!(ok(answer(scheme).await)["name"], "admin");
}
