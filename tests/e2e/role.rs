//! The roles in `deploy/` grant what the service calls, and nothing else. The service does here all that it can do, and
//! the audit log has what it asked for.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use kube::Api;
use kube::api::{Patch, PatchParams};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::accounts::with_the_shipped_roles;
use super::audit::{self, ObjectRef};
use super::cluster::{SERVICE_ACCOUNT, cluster};
use super::service::Service;
use super::waiting::{LIMIT, eventually};
use super::workload::{NAME, Namespace};

/// The namespace of the service, of its Lease and of its workloads.
const HOME: &str = "role-walk";

/// One verb on one resource, as a rule grants it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// The role that it is from.
    role: String,
    group: String,
    /// With its subresource, if any.
    resource: String,
    verb: String,
    /// On this object alone, if the rule names one.
    name: Option<String>,
    /// In this namespace alone, if the role is one of a namespace.
    namespace: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    #[serde(default, rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    verbs: Vec<String>,
}

/// A request, as a rule would have to grant it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    group: String,
    resource: String,
    verb: String,
    namespace: String,
    name: String,
}

impl Grant {
    fn covers(&self, call: &Call) -> bool {
        (&self.group, &self.resource, &self.verb) == (&call.group, &call.resource, &call.verb)
            && self.name.as_ref().is_none_or(|name| *name == call.name)
            && self.namespace.is_none_or(|namespace| namespace == call.namespace)
    }
}

/// What a role of this kind grants.
fn grants_of(kind: &str, name: &str, namespace: Option<&'static str>) -> Vec<Grant> {
    let mut command = vec!["get", kind, name, "--output", "json"];
    command.extend(namespace.iter().flat_map(|namespace| ["--namespace", namespace]));
    let role: Value = serde_json::from_str(&cluster().kubectl(&command)).unwrap();
    let rules: Vec<Rule> = serde_json::from_value(role["rules"].clone()).unwrap();
    let mut grants = Vec::new();
    for rule in rules {
        assert!(rule.non_resource_urls.is_empty(), "the service reads no path of the API server");
        let names: Vec<Option<String>> = match rule.resource_names.as_slice() {
            [] => vec![None],
            names => names.iter().cloned().map(Some).collect(),
        };
        for group in &rule.api_groups {
            for resource in &rule.resources {
                for verb in &rule.verbs {
                    grants.extend(names.iter().map(|object| Grant {
                        role: name.to_owned(),
                        group: group.clone(),
                        resource: resource.clone(),
                        verb: verb.clone(),
                        name: object.clone(),
                        namespace,
                    }));
                }
            }
        }
    }
    grants
}

/// Everything that the account has asked the API server for.
fn calls() -> BTreeSet<Call> {
    let account = format!("system:serviceaccount:{HOME}:{SERVICE_ACCOUNT}");
    let requests = audit::everybodys(|request| request.user.username == account);
    let call = |verb: &str, about: ObjectRef| {
        let ObjectRef { api_group, resource, subresource, namespace, name } = about;
        let resource = if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") };
        Call { group: api_group, resource, verb: verb.to_owned(), namespace, name }
    };
    let about_objects = requests.into_iter().filter_map(|request| match request.object_ref {
        Some(about) => Some(call(&request.verb, about)),
        None => {
            // Every user of a cluster may see which APIs there are.
            let discovers = request.verb == "get" && request.uri.starts_with("/apis/");
            assert!(discovers, "no role grants {} {}", request.verb, request.uri);
            None
        }
    });
    about_objects.collect()
}

/// Changes something about a workload again and again.
async fn touch<K: Clone + DeserializeOwned + Debug>(api: Api<K>, name: &'static str) {
    for number in 0_u64.. {
        let touched = json!({"metadata": {"annotations": {"touched": number.to_string()}}});
        api.patch(name, &PatchParams::default(), &Patch::Merge(touched)).await.unwrap();
    }
}

fn reads_all_scales(calls: &BTreeSet<Call>) -> bool {
    let is_read = |resource| calls.iter().any(|call| call.verb == "get" && call.resource == resource);
    ["deployments/scale", "statefulsets/scale", "replicasets/scale"].into_iter().all(is_read)
}

/// Lets the service do everything that it can do.
async fn walk(service: &Service, namespace: &Namespace) {
    let api = service.api_of(&cluster().administrators_token());
    api.wait_until_readyz(StatusCode::OK, LIMIT).await;
    service.wait_until_logged("leads from now on", LIMIT);
    // What is known of a scale is read again when somebody else was faster to change the workload.
    let touching = [
        tokio::spawn(touch(namespace.api::<Deployment>(), NAME)),
        tokio::spawn(touch(namespace.api::<StatefulSet>(), "db")),
        tokio::spawn(touch(namespace.api::<ReplicaSet>(), "set")),
    ];
    // Fewer than the least: they are scaled at once, without a metric.
    let mut ids = Vec::new();
    for (kind, name) in [("Deployment", NAME), ("StatefulSet", "db"), ("ReplicaSet", "set")] {
        ids.push(api.created(&namespace.request(kind, name, 3, 5)).await);
    }
    eventually("every scale is read", async || reads_all_scales(&calls())).await;
    touching.iter().for_each(JoinHandle::abort);
    for (kind, name) in [("Deployment", NAME), ("StatefulSet", "db"), ("ReplicaSet", "set")] {
        namespace.wait_for_ready(kind, name, 3, LIMIT).await;
    }
    let (status, answer) = api.create(&namespace.request("auto", "missing", 1, 2)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{answer}");
    // The same failure twice is one Event that is counted.
    for _ in 0..2 {
        namespace.delete_deployment(NAME).await;
        api.wait_for(&ids[0], "it failed", LIMIT, |a| a["status"] == "failed").await;
        namespace.create("Deployment", NAME, 3).await;
        api.wait_for(&ids[0], "it recovered", LIMIT, |a| a["status"] == "active").await;
    }
    let (status, answer) = api.patch(&ids[0], &json!({"max_replicas": 7})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    for mode in ["observe", "active"] {
        let (status, answer) = api.ask(Method::PUT, "/mode", Some(&json!({"mode": mode}))).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    let (status, answer) = api.delete(&ids[0]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn the_roles_grant_every_call_and_no_other() {
    let namespace = Namespace::new(HOME, 70).await;
    cluster().apply(&with_the_shipped_roles(cluster(), HOME, SERVICE_ACCOUNT));
    for (kind, name) in [("Deployment", NAME), ("StatefulSet", "db"), ("ReplicaSet", "set")] {
        namespace.create(kind, name, 2).await;
        namespace.wait_for_ready(kind, name, 2, LIMIT).await;
    }
    let settings = [
        ("ORCHESTRATOR__STORE__KIND", "kubernetes"),
        ("ORCHESTRATOR__LEADER_ELECTION__NAMESPACE", HOME),
        ("ORCHESTRATOR__NAMESPACES__ALLOW", HOME),
        ("ORCHESTRATOR__AUTH__MODE", "kubernetes"),
    ];
    let kubeconfig = cluster().kubeconfig_for(SERVICE_ACCOUNT, HOME, &cluster().server);
    let service = Service::start_with(&kubeconfig, &settings);
    walk(&service, &namespace).await;
    // It writes Events after everything else, and gives the Lease up.
    let (ended, _) = service.terminate();
    assert!(ended.success());

    let store = format!("{SERVICE_ACCOUNT}-store");
    let election = format!("{SERVICE_ACCOUNT}-leader-election");
    let mut grants = grants_of("clusterrole", SERVICE_ACCOUNT, None);
    grants.extend(grants_of("clusterrole", &store, None));
    grants.extend(grants_of("role", &election, Some(HOME)));
    let calls = calls();
    let missing: Vec<_> = calls.iter().filter(|call| !grants.iter().any(|grant| grant.covers(call))).collect();
    let too_much: Vec<_> = grants.iter().filter(|grant| !calls.iter().any(|call| grant.covers(call))).collect();
    assert!(
        missing.is_empty() && too_much.is_empty(),
        "the service calls what no rule grants: {missing:#?}\nand rules grant what it does not call: {too_much:#?}"
    );
}
