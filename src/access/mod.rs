//! Who a request is from, and what they may do. Callers say who they are by a token: one of a file, or one that the cluster
//! knows; then the cluster says, too, what they may do. Its answers are remembered for a minute at most. Whoever cannot be
//! asked about is not let in.

mod caller_reviews;
mod remembered;
mod token_file;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub use self::caller_reviews::{CallerReviews, NoRandomness};
pub use self::token_file::{TokenFile, TokenFileError};
use crate::domain::access::{Caller, Deed};
use crate::ports::ClusterError;

/// How callers say who they are.
#[derive(Clone)]
pub enum Access {
    /// Not at all: whoever gets through may do everything.
    Open,
    /// By a token of a file. Who has one may do everything.
    Tokens(Arc<TokenFile>),
    /// By a token of the cluster's, which also says what they may do.
    Cluster(Arc<CallerReviews>),
}

/// Why it is not known who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// They say nothing of themselves.
    #[error("no token was sent")]
    Silent,
    /// Their token is nobody's, or not any more, or not meant for this service.
    #[error("the token is not valid")]
    Unknown,
    /// Whoever knows them cannot be asked. What is wrong is for the log, not for strangers.
    #[error("it cannot be found out at present whose token this is; the service's log says why")]
    Unrecognizable(String),
}

impl Access {
    /// The longest time, as a client may see it, for which something is remembered that is not so any more.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// The name of the mode in the settings and in the API.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Tokens(_) => "token",
            Self::Cluster(_) => "kubernetes",
        }
    }

    /// Who sent a token.
    pub async fn who(&self, token: Option<SecretString>) -> Result<Caller, Stranger> {
        let token = token.filter(|token| !token.expose_secret().is_empty());
        match self {
            Self::Open => Ok(Caller::Anyone),
            Self::Tokens(file) => file.holder(&token.ok_or(Stranger::Silent)?).map(Caller::Holder),
            Self::Cluster(reviews) => reviews.who(token.ok_or(Stranger::Silent)?).await.map(Caller::User),
        }
    }

    /// Whether it can be said at once who sent a token, without asking anybody.
    pub fn remembers(&self, token: &SecretString) -> bool {
        match self {
            Self::Open => true,
            Self::Tokens(file) => file.holder(token).is_ok(),
            Self::Cluster(reviews) => reviews.remembers(token),
        }
    }

    /// Whether somebody may do something.
    pub async fn may(&self, caller: &Caller, deed: &Deed) -> Result<bool, ClusterError> {
        match (self, caller) {
            (Self::Cluster(reviews), Caller::User(user)) => reviews.may(user, deed).await,
            // Nobody is known in another way than this service wants it.
            (Self::Cluster(_), _) => Ok(false),
            (Self::Open | Self::Tokens(_), _) => Ok(true),
        }
    }
}
