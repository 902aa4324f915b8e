//! Each caller asks for everything, and gets what the table says.

use rstest::rstest;

use super::callers::{Caller, Stranger};
use super::questions::Outcome::{
    self, Both as ALL, Forbidden as __3, Hidden as __4, Nothing as EMP, Shop as SHP, Yes as YES,
};
use super::questions::Place::{Bank, Shop};
use super::questions::Question::{self, *};
use super::stage::stage;

/// What each caller gets, in the order of [`Caller::ALL`]. Whoever is not known gets 401 everywhere.
#[rustfmt::skip]
pub const MATRIX: &[(Question, [Outcome; 10])] = &[
    //                             outsider
    //                             |    viewer of the shop
    //                             |    |    editor of the shop
    //                             |    |    |    writer of the shop, who may not scale
    //                             |    |    |    |    scaler of the shop, without autoscalers
    //                             |    |    |    |    |    deployer: a writer who may scale Deployments
    //                             |    |    |    |    |    |    operator
    //                             |    |    |    |    |    |    |    scraper
    //                             |    |    |    |    |    |    |    |    alice: edits the shop, views the bank
    //                             |    |    |    |    |    |    |    |    |    administrator
    (Index,                       [YES, YES, YES, YES, YES, YES, YES, YES, YES, YES]),
    (Whoami,                      [YES, YES, YES, YES, YES, YES, YES, YES, YES, YES]),
    (Mode,                        [YES, YES, YES, YES, YES, YES, YES, YES, YES, YES]),
    (Evaluate,                    [YES, YES, YES, YES, YES, YES, YES, YES, YES, YES]),
    (List,                        [EMP, SHP, SHP, SHP, EMP, SHP, ALL, EMP, ALL, ALL]),
    (ListOf(Shop),                [__3, YES, YES, YES, __3, YES, YES, __3, YES, YES]),
    (ListOf(Bank),                [__3, __3, __3, __3, __3, __3, YES, __3, YES, YES]),
    (Fleet,                       [EMP, SHP, SHP, SHP, EMP, SHP, ALL, EMP, ALL, ALL]),
    (FleetOf(Shop),               [__3, YES, YES, YES, __3, YES, YES, __3, YES, YES]),
    (FleetOf(Bank),               [__3, __3, __3, __3, __3, __3, YES, __3, YES, YES]),
    (Figures,                     [EMP, SHP, SHP, SHP, EMP, SHP, ALL, EMP, ALL, ALL]),
    (Events,                      [EMP, SHP, SHP, SHP, EMP, SHP, ALL, EMP, ALL, ALL]),
    (Get(Shop),                   [__4, YES, YES, YES, __4, YES, YES, __4, YES, YES]),
    (Get(Bank),                   [__4, __4, __4, __4, __4, __4, YES, __4, YES, YES]),
    (Decisions(Shop),             [__4, YES, YES, YES, __4, YES, YES, __4, YES, YES]),
    (Decisions(Bank),             [__4, __4, __4, __4, __4, __4, YES, __4, YES, YES]),
    (History(Shop),               [__4, YES, YES, YES, __4, YES, YES, __4, YES, YES]),
    (History(Bank),               [__4, __4, __4, __4, __4, __4, YES, __4, YES, YES]),
    (Preview(Shop),               [__4, YES, YES, YES, __4, YES, YES, __4, YES, YES]),
    (Preview(Bank),               [__4, __4, __4, __4, __4, __4, YES, __4, YES, YES]),
    (Create(Shop, "Deployment"),  [__3, __3, YES, __3, __3, YES, __3, __3, YES, YES]),
    (Create(Shop, "StatefulSet"), [__3, __3, YES, __3, __3, __3, __3, __3, YES, YES]),
    (Create(Shop, "ReplicaSet"),  [__3, __3, YES, __3, __3, __3, __3, __3, YES, YES]),
    (Create(Shop, "auto"),        [__3, __3, YES, __3, __3, __3, __3, __3, YES, YES]),
    (Create(Bank, "Deployment"),  [__3, __3, __3, __3, __3, __3, __3, __3, __3, YES]),
    (Create(Bank, "auto"),        [__3, __3, __3, __3, __3, __3, __3, __3, __3, YES]),
    (Patch(Shop),                 [__4, __3, YES, __3, __4, YES, YES, __4, YES, YES]),
    (Patch(Bank),                 [__4, __4, __4, __4, __4, __4, YES, __4, __3, YES]),
    (Pause(Shop),                 [__4, __3, YES, __3, __4, YES, YES, __4, YES, YES]),
    (Pause(Bank),                 [__4, __4, __4, __4, __4, __4, YES, __4, __3, YES]),
    (Resume(Shop),                [__4, __3, YES, __3, __4, YES, YES, __4, YES, YES]),
    (Resume(Bank),                [__4, __4, __4, __4, __4, __4, YES, __4, __3, YES]),
    (Delete(Shop),                [__4, __3, YES, __3, __4, YES, __3, __4, YES, YES]),
    (Delete(Bank),                [__4, __4, __4, __4, __4, __4, __3, __4, __3, YES]),
    (Observe,                     [__3, __3, __3, __3, __3, __3, YES, __3, __3, YES]),
    (Activate,                    [__3, __3, __3, __3, __3, __3, YES, __3, __3, YES]),
    (Sources,                     [__3, __3, __3, __3, __3, __3, YES, __3, __3, YES]),
    (Metrics,                     [__3, __3, __3, __3, __3, __3, YES, YES, __3, YES]),
];

#[rstest]
#[case::outsider(Caller::Outsider)]
#[case::viewer(Caller::Viewer)]
#[case::editor(Caller::Editor)]
#[case::writer(Caller::Writer)]
#[case::scaler(Caller::Scaler)]
#[case::deployer(Caller::Deployer)]
#[case::operator(Caller::Operator)]
#[case::scraper(Caller::Scraper)]
#[case::alice(Caller::Alice)]
#[case::administrator(Caller::Administrator)]
#[tokio::test]
async fn each_caller_gets_what_the_table_says(#[case] caller: Caller) {
    let stage = stage().await;
    let column = Caller::ALL.iter().position(|one| *one == caller).unwrap();
    let mut wrong = Vec::new();
    for (question, outcomes) in MATRIX {
        let outcome = question.ask(stage, caller).await;
        if outcome != outcomes[column] {
            wrong.push(format!("{question}: {outcome} and not {}", outcomes[column]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", caller.name(), wrong.join("\n"));
    let whoami = stage.client(caller).get("/api/v1/whoami").await.json();
    assert_eq!((&whoami["mode"], &whoami["name"]), (&"kubernetes".into(), &caller.user().into()));
}

#[rstest]
#[case::silent(Stranger::Silent)]
#[case::garbage(Stranger::Garbage)]
#[case::expired(Stranger::Expired)]
#[case::elsewhere(Stranger::Elsewhere)]
#[case::deleted(Stranger::Deleted)]
#[tokio::test]
async fn a_stranger_gets_nothing(#[case] stranger: Stranger) {
    let stage = stage().await;
    let client = stage.stranger(stranger).await;
    let refusal = client.get("/api/v1").await.json();
    assert_eq!(refusal["error"], "Unauthorized");
    for (question, _) in MATRIX {
        let (method, path, body) = question.plain(stage);
        let answer = client.ask(method, &path, body.as_ref()).await;
        assert_eq!(answer.status, 401, "{question}: {}", answer.text);
        assert_eq!(answer.header("www-authenticate").unwrap(), "Bearer", "{question}");
        assert_eq!(answer.json(), refusal, "{question}");
    }
    // What exists is the same as what does not.
    for path in ["/api/v1/autoscaling/autoscaler-00000000", "/api/v1/nothing", "/nothing"] {
        assert_eq!(client.get(path).await.json(), refusal, "{path}");
    }
    for path in ["/", "/health", "/healthz", "/readyz", "/openapi.json", "/api-docs/"] {
        let answer = client.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(!answer.text.contains("access-"), "{path} tells something of the cluster: {}", answer.text);
    }
}
