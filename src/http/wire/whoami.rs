//! The caller, as they are told.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::Caller;

/// Whom the service takes the caller for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Whoami)]
pub struct WhoamiBody {
    /// How callers have to say who they are: `kubernetes` (by a token that the cluster knows), `token` (by a token of the
    /// service's), or `none` (not at all).
    #[schema(value_type = String, pattern = "^(kubernetes|token|none)$")]
    mode: &'static str,
    /// The caller's name; null where callers have none.
    #[schema(required)]
    name: Option<String>,
    /// The groups that the cluster has them in.
    groups: Vec<String>,
}

impl WhoamiBody {
    /// The caller, whom the service knows by this mode.
    pub fn new(mode: &'static str, caller: &Caller) -> Self {
        let groups = match caller {
            Caller::User(user) => user.groups.clone(),
            Caller::Anyone | Caller::Holder(_) => Vec::new(),
        };
        Self { mode, name: caller.name().as_deref().map(str::to_owned), groups }
    }
}
