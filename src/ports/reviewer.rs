//! Asks the cluster who somebody is, and what they may do.

use secrecy::SecretString;

use super::{ClusterError, PortFuture};
use crate::domain::access::{Deed, User};

/// Asks the cluster. Nothing is remembered here: each call is a question to the API server.
pub trait AccessReviewer: Send + Sync {
    /// Whose token this is (`TokenReview`); `None` when it is nobody's, or not meant for this service.
    fn who(&self, token: SecretString) -> PortFuture<Result<Option<User>, ClusterError>>;

    /// Whether somebody may do something (`SubjectAccessReview`).
    fn may(&self, user: &User, deed: &Deed) -> PortFuture<Result<bool, ClusterError>>;
}
