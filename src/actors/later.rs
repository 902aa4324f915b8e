//! Something that an actor will do, unless it is cancelled before.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix::prelude::*;

/// What is to be done after a time.
///
/// actix alone still does what was cancelled when it was due at the same moment: in one go it handles messages, does what is
/// due, and only then removes what was cancelled. A tick that comes after its autoscaler was paused would be followed by the
/// next, and so on.
#[derive(Debug)]
pub(super) struct Later {
    handle: SpawnHandle,
    is_cancelled: Rc<Cell<bool>>,
}

impl Later {
    /// Does `what` after this time.
    pub(super) fn after<A>(
        wait: Duration,
        context: &mut Context<A>,
        what: impl FnOnce(&mut A, &mut Context<A>) + 'static,
    ) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        let is_cancelled = Rc::new(Cell::new(false));
        let seen = is_cancelled.clone();
        let handle = context.run_later(wait, move |actor, context| {
            if !seen.get() {
                what(actor, context);
            }
        });
        Self { handle, is_cancelled }
    }

    /// It is not done any more.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that knows what it leaves out")]
    pub(super) fn cancel<A>(self, context: &mut Context<A>)
    where
        A: Actor<Context = Context<A>>,
    {
        self.is_cancelled.set(true);
        context.cancel_future(self.handle);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use rstest::rstest;
    use tokio::task::yield_now;

    use super::super::paused::play;
    use super::*;

    const WAIT: Duration = Duration::from_millis(50);

    #[derive(Default)]
    struct Waiting {
        later: Option<Later>,
        is_done: Rc<Cell<bool>>,
    }

    impl Actor for Waiting {
        type Context = Context<Self>;

        fn started(&mut self, context: &mut Self::Context) {
            self.later = Some(Later::after(WAIT, context, |waiting, _| waiting.is_done.set(true)));
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Cancel;

    impl Handler<Cancel> for Waiting {
        type Result = ();

        fn handle(&mut self, _: Cancel, context: &mut Self::Context) {
            if let Some(later) = self.later.take() {
                later.cancel(context);
            }
        }
    }

    /// Whoever cancels it wakes in the same moment as the actor, before or after it.
    #[rstest]
    #[case::by_somebody_who_began_to_wait_before(true)]
    #[case::by_somebody_who_began_to_wait_after(false)]
    fn what_is_cancelled_in_the_moment_in_which_it_is_due_is_not_done(#[case] before: bool) {
        play(async |clock| {
            let is_done = Rc::new(Cell::new(false));
            let waiting = Waiting { is_done: is_done.clone(), ..Waiting::default() };
            let mut due = Box::pin(clock.sleep(WAIT));
            assert!(!before || poll!(&mut due).is_pending());
            let address = waiting.start();
            yield_now().await;
            due.await;
            address.do_send(Cancel);
            clock.sleep(WAIT).await;
            assert!(!is_done.get());
        });
    }

    #[test]
    fn what_is_not_cancelled_is_done() {
        play(async |clock| {
            let is_done = Rc::new(Cell::new(false));
            let address = Waiting { is_done: is_done.clone(), ..Waiting::default() }.start();
            clock.sleep(2 * WAIT).await;
            assert!(is_done.get() && address.connected());
        });
    }
}
