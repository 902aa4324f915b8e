//! What is told of an error of kube. Some of its errors quote what they stumble over: a kubeconfig with its tokens, or what
//! a command that logs in has printed. Errors are logged and shown to callers, so such text is left out.

use std::error::Error;

use kube::client::AuthError;
use kube::config::KubeconfigError;

use crate::adapters::causes::with_sources;

/// Why something failed, in one line, without anything that may be a secret.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(instead) = instead_of(error) {
            return instead;
        }
        cause = error.source();
    }
    with_sources(error)
}

/// What is told in the place of an error that may have a secret in its text.
fn instead_of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(KubeconfigError::Parse(error)) = error.downcast_ref() {
        return Some(senseless_yaml(error));
    }
    if let Some(kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. }) =
        error.downcast_ref()
    {
        return Some(
            "a proxy is set for the API server (proxy-url, or the environment), which is not supported".into(),
        );
    }
    match error.downcast_ref::<AuthError>()? {
        AuthError::AuthExecRun { out, .. } => {
            Some(format!("the kubeconfig's command to log in (exec) failed with {}; {UNSHOWN}", out.status))
        }
        AuthError::AuthExecParse(_) => {
            Some(format!("the kubeconfig's command to log in (exec) printed no ExecCredential; {UNSHOWN}"))
        }
        AuthError::AuthExec(_) => {
            Some(format!("the kubeconfig's auth-provider failed, or is not supported; {UNSHOWN}"))
        }
        _ => None,
    }
}

/// Why nothing more is said.
const UNSHOWN: &str = "what it said is not shown, because it may contain a token";

fn senseless_yaml(error: &serde_saphyr::Error) -> String {
    let place = error.location().map(|at| format!(" at line {}, column {}", at.line(), at.column()));
    format!("it cannot be understood{}; the line is not shown, because it may be a secret", place.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_errors_are_told_with_their_causes() {
        let error = KubeconfigError::LoadContext("prod".to_owned());
        assert_eq!(told(&kube::Error::InferKubeconfig(error)).matches("prod").count(), 1);
    }
}
