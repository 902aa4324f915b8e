//! Trouble that lasts is logged twice: when it begins and when it is over.

use crate::ports::ClusterError;

/// Whether something that is tried again and again fails at present.
pub(super) struct Outage {
    what: &'static str,
    lasts: bool,
}

impl Outage {
    /// For what is called `what`, at the beginning of a sentence.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, lasts: false }
    }

    /// It failed. Returns whether that is new.
    pub(super) fn failed(&mut self, error: &ClusterError) -> bool {
        let begins = !std::mem::replace(&mut self.lasts, true);
        if begins {
            log::warn!("{} fails: {error}; more of that is not logged until it works again", self.what);
        }
        begins
    }

    /// It worked. Returns whether that is new.
    pub(super) fn worked(&mut self) -> bool {
        let ends = std::mem::replace(&mut self.lasts, false);
        if ends {
            log::info!("{} works again", self.what);
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outage_is_told_when_it_begins_and_when_it_ends() {
        let mut outage = Outage::new("Trying");
        let error = ClusterError::Forbidden("no".to_owned());
        assert!(!outage.worked());
        assert!(outage.failed(&error));
        assert!(!outage.failed(&error));
        assert!(outage.worked());
        assert!(!outage.worked());
        assert!(outage.failed(&error));
    }
}
