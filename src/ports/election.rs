//! Which replica of the service acts, and whether any does.

use std::sync::Arc;

use tokio::sync::watch;

use super::{ClusterError, PortFuture};
use crate::domain::Timestamp;
use crate::domain::autoscaler::Mode;

/// What is known of the leadership.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Who leads, as far as is known.
    pub holder: Option<Arc<str>>,
    /// Until when it is certain that this process leads, by the clock that never jumps, whatever becomes of the
    /// connection: no other can lead before that. `None` when another one may lead.
    pub ours_until: Option<Timestamp>,
    /// The mode of all replicas, once somebody has switched it.
    pub mode: Option<Mode>,
    /// How often the leadership has changed hands.
    pub transitions: u64,
}

/// Elects one of several replicas.
pub trait Election: Send + Sync {
    /// This process's name among the replicas.
    fn identity(&self) -> Arc<str>;

    /// What is known, and every change of it.
    fn claim(&self) -> watch::Receiver<Claim>;

    /// Asks all replicas to be in a mode. Completes when the leader, if there is one, has confirmed that it is.
    fn set_mode(&self, mode: Mode) -> PortFuture<Result<(), ClusterError>>;

    /// Confirms that this process is in a mode.
    fn confirm_mode(&self, mode: Mode);

    /// Whether this process may take the lead when it can. It may, unless this says otherwise; what it leads it goes on
    /// leading.
    fn stand(&self, ready: bool);

    /// Gives the leadership up, so that another can take over at once. This process does not lead any more.
    fn resign(&self) -> PortFuture<()>;
}
