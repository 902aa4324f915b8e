//! The names of autoscalers: that of the object, and the id in the API.

use uuid::Uuid;

use crate::domain::autoscaler::WorkloadRef;

/// The name under which the autoscaler is an object in Kubernetes. The same workload always gives the same one.
pub(super) fn hpa_name(workload: &WorkloadRef) -> String {
    const LONGEST: usize = 253;
    const CUT: usize = (LONGEST - "hpa---000000".len()) / 2;
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, workload.to_string().as_bytes()).simple().to_string();
    let suffix = hash.get(..6).unwrap_or_default();
    let name = &workload.name;
    // Names are ASCII, so a cut never falls inside a character.
    match (name.get(..CUT), name.get(name.len().saturating_sub(CUT)..)) {
        (Some(head), Some(tail)) if name.len() > 2 * CUT + 1 => {
            let (head, tail) = (head.trim_end_matches(['-', '.']), tail.trim_start_matches(['-', '.']));
            format!("hpa-{head}-{tail}-{suffix}")
        }
        _ => format!("hpa-{name}-{suffix}"),
    }
}

/// The `attempt`-th id of an object that has none of its own. All replicas find the same one without asking each other.
pub(super) fn id_of_object(uid: &str, attempt: u32) -> String {
    id_of(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{uid}/{attempt}").as_bytes()))
}

/// An id that nobody has guessed.
pub(super) fn random_id() -> String {
    id_of(Uuid::new_v4())
}

fn id_of(uuid: Uuid) -> String {
    format!("autoscaler-{:08x}", uuid.as_fields().0)
}

/// Whether a label that anybody can have written is an id.
pub(super) fn is_id(text: &str) -> bool {
    text.strip_prefix("autoscaler-").is_some_and(|hex| {
        hex.len() == 8 && hex.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::autoscaler::WorkloadKind;

    fn workload(name: &str) -> WorkloadRef {
        WorkloadRef { kind: WorkloadKind::Deployment, namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn the_same_workload_always_gets_the_same_object_name() {
        let name = hpa_name(&workload("nginx"));
        assert_eq!(name, hpa_name(&workload("nginx")));
        assert!(name.starts_with("hpa-nginx-") && name.len() == "hpa-nginx-000000".len(), "{name}");
        let elsewhere = WorkloadRef { namespace: "other".into(), ..workload("nginx") };
        assert_ne!(name, hpa_name(&elsewhere));
        let set = WorkloadRef { kind: WorkloadKind::StatefulSet, ..workload("nginx") };
        assert_ne!(name, hpa_name(&set));
    }

    #[test]
    fn the_middle_of_a_long_name_is_cut() {
        let long = format!("start.{}.end", "x".repeat(243));
        let name = hpa_name(&workload(&long));
        assert!(name.len() <= 253, "{}", name.len());
        assert!(name.starts_with("hpa-start.x") && name.contains("x.end-"), "{name}");
    }

    #[test]
    fn an_object_always_gets_the_same_ids_and_another_object_others() {
        assert_eq!(id_of_object("u-1", 0), id_of_object("u-1", 0));
        assert_ne!(id_of_object("u-1", 0), id_of_object("u-1", 1));
        assert_ne!(id_of_object("u-1", 0), id_of_object("u-2", 0));
        assert!(is_id(&id_of_object("u-1", 0)) && is_id(&random_id()));
    }

    #[test]
    fn only_what_the_api_would_give_is_an_id() {
        for bad in ["", "autoscaler-", "autoscaler-0123456", "autoscaler-012345678", "autoscaler-0123456G", "x"] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
