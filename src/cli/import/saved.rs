//! The manifest of an HPA in a file, from which it can be created again.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::failure::Failure;

/// Saves a manifest in `folder`, in a file of its own that did not exist, and waits until it is on the disk.
pub fn save(manifest: &Value, namespace: &str, name: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let text = serde_saphyr::to_string(&to_create(manifest))
        .map_err(|error| Failure::Failed(format!("the HPA's manifest cannot be written: {error}")))?;
    for number in 1..1_000 {
        let ending = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("hpa-{namespace}-{name}{ending}.yaml"));
        let unwritable = |error| Failure::Failed(format!("cannot save the HPA in {}: {error}", path.display()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(error)),
        }
    }
    Err(Failure::Failed(format!("there are too many saved HPAs in {}", folder.display())))
}

/// The manifest without what the API server adds.
fn to_create(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    if let Some(fields) = manifest.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = manifest["metadata"].as_object_mut() {
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink"] {
            metadata.remove(field);
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_saved_can_be_created_again_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": {"version": "1.0"},
                "creationTimestamp": "x", "managedFields": []},
            "spec": {"maxReplicas": 3}, "status": {"desiredReplicas": 1},
        });
        let first = save(&manifest, "shop", "web", folder.path()).unwrap();
        let second = save(&manifest, "shop", "web", folder.path()).unwrap();
        assert_ne!(first, second);
        let saved: Value = serde_saphyr::from_str(&std::fs::read_to_string(&second).unwrap()).unwrap();
        let expected = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"version": "1.0"}}, "spec": {"maxReplicas": 3},
        });
        assert_eq!(saved, expected);
        assert!(
            save(&manifest, "shop", "web", &folder.path().join("no")).unwrap_err().to_string().contains("cannot save")
        );
    }
}
