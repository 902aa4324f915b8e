//! How a command ends when it does not end well.

use std::time::Duration;

/// Why a command could not do what it was told to, in words that say what to do; and its exit code.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was tried, and failed.
    #[error("{0}")]
    Failed(String),
    /// The command line, or a file that it names, makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The service does not know who asks.
    #[error("{0}")]
    Unauthorized(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The service does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The service does not do it now; it is worth trying again.
    #[error("{why}")]
    NotNow {
        /// Why, and when to try again.
        why: String,
        /// For how long the service wants to be left alone, if it says so.
        after: Option<Duration>,
    },
    /// Nobody reads the output any more.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code: 1 failed, 2 usage, 3 not found, 4 not reachable.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Failed(_) | Self::Unauthorized(_) | Self::NotNow { .. } | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }

    /// Whether it is only that nobody reads the output any more, as in `... | head`.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
