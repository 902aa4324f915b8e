//! With `"compatibility": "hpa"` the service decides as Kubernetes' HPA does: the same documents go to both, to the HPA's
//! own code in the test bed and to ours, and the answers must be the same.

mod documents;
mod engine;
mod sequences;

use serde_json::Value;

use documents::Generator;
use engine::Engine;
use sequences::Workload;

const DOCUMENTS: usize = 20_000;
const SEQUENCES: u64 = 200;
const TICKS: usize = 110;

#[test]
fn decides_like_the_hpa() {
    let mut generator = Generator::new(1);
    let documents: Vec<String> = (0..DOCUMENTS).map(|_| generator.document().to_string()).collect();
    let answers = Engine::hpa().ask(&documents);
    assert_varied(&answers);
    assert_same(&documents, &answers);
}

/// Here the past is what the HPA decided before.
#[test]
fn decides_like_the_hpa_tick_by_tick() {
    let mut hpa = Engine::hpa();
    let mut workloads: Vec<Workload> = (0..SEQUENCES).map(Workload::new).collect();
    let (mut documents, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..TICKS {
        let tick: Vec<String> = workloads.iter_mut().map(|workload| workload.document().to_string()).collect();
        let decided = hpa.ask(&tick);
        for (workload, answer) in workloads.iter_mut().zip(&decided) {
            workload.follow(answer);
        }
        documents.extend(tick);
        answers.extend(decided);
    }
    assert_varied(&answers);
    assert_same(&documents, &answers);
}

/// Fails unless our answers to the documents are the HPA's.
fn assert_same(documents: &[String], hpa: &[Value]) {
    let ours = Engine::ours().ask_all(documents);
    let mut differences = 0;
    for ((document, hpa), ours) in documents.iter().zip(hpa).zip(&ours) {
        let Some(what) = difference(hpa, ours) else { continue };
        differences += 1;
        if differences <= 5 {
            println!("{what}\n  of   {document}\n  hpa  {hpa}\n  ours {ours}");
        }
    }
    assert_eq!(differences, 0, "of {} documents; the first are above", documents.len());
}

/// What the answers differ in.
fn difference(hpa: &Value, ours: &Value) -> Option<String> {
    if !hpa["error"].is_null() {
        return Some("the HPA cannot read the document".into());
    }
    let same = |name: &str, hpa: &Value, ours: Option<&Value>| {
        (ours != Some(hpa)).then(|| format!("{name}: the HPA has {hpa}, and not {}", ours.unwrap_or(&Value::Null)))
    };
    for name in ["desired_replicas", "recommended_replicas"] {
        if let Some(what) = same(name, &hpa[name], ours.get(name)) {
            return Some(what);
        }
    }
    let ours = ours["metrics"].as_array().map_or(&[][..], Vec::as_slice);
    let values = ["utilization_percent", "proposed_replicas"];
    for metric in hpa["metrics"].as_array().unwrap() {
        // The HPA does not look at the metrics when the count alone, or the document, decides.
        if metric["error"].is_null() && values.iter().all(|value| metric[value].is_null()) {
            continue;
        }
        let ours = ours.iter().find(|ours| ours["name"] == metric["name"]);
        for value in values {
            let name = format!("{value} of {}", metric["name"]);
            if let Some(what) = same(&name, &metric[value], ours.and_then(|ours| ours.get(value))) {
                return Some(what);
            }
        }
    }
    None
}

/// Documents on which the HPA always does the same compare nothing.
fn assert_varied(answers: &[Value]) {
    let share = |what: &str, is: &dyn Fn(&Value) -> bool| {
        let share = answers.iter().filter(|answer| is(answer)).count() * 100 / answers.len();
        println!("{share} % of {} answers: {what}", answers.len());
        assert!(share >= 2, "only {share} % of the answers: {what}");
    };
    let number = |answer: &Value, name: &str| answer[name].as_i64();
    share("none of the metrics is known", &|answer| answer["recommended_replicas"].is_null());
    share("the recommendation is followed", &|answer| {
        number(answer, "recommended_replicas") == number(answer, "desired_replicas")
    });
    share("something holds the count above the recommendation", &|answer| {
        number(answer, "recommended_replicas").is_some_and(|n| Some(n) < number(answer, "desired_replicas"))
    });
    share("something holds the count below the recommendation", &|answer| {
        number(answer, "recommended_replicas") > number(answer, "desired_replicas")
    });
}
