//! Answers that are kept, so that many who ask for the same cost little more than one does.
//!
//! That of one autoscaler is kept until something else is to be seen of it. Lists are kept for a moment:
//! what happens to one is seen at once, because nothing is kept beyond the next [`News`], and what may be older, by
//! [`MOMENT`], are readings that changed nothing. Only answers to those who may see every namespace are kept of them, so
//! that nobody is told what another may see.
//!
//! [`News`]: crate::actors::news::News

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use actix_web::web::Bytes;
use lru::LruCache;

use super::wire::ListText;
use crate::actors::listing::List;
use crate::actors::registry_handle::RegistryHandle;
use crate::actors::roster::Place;
use crate::actors::snapshot::{AutoscalerRecord, Status};
use crate::clock::Stopwatch;
use crate::domain::autoscaler::Mode;
use crate::domain::namespaces::NamespaceScope;

/// How old the readings in an answer may be.
const MOMENT: Duration = Duration::from_millis(100);

/// How many pages are kept, of which one can have all autoscalers.
const PAGES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);

/// For how long a page that nobody asks for is kept: one that is asked for again by then is written anew in part only.
const IDLE: Duration = Duration::from_secs(10);

/// How many bytes of pages are kept. The list of ten thousand autoscalers has 15 MB.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// How many answers about single autoscalers are kept.
const SINGLES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// The longest of them that is kept, in bytes. One about three pods has 4 KiB.
const LONGEST_SINGLE: usize = 16 * 1024;

/// What is kept.
#[derive(Debug)]
pub struct KeptAnswers {
    singles: Mutex<LruCache<String, Single>>,
    pages: Mutex<LruCache<PageKey, Page>>,
}

/// What was made of a list.
#[derive(Clone, Debug)]
struct Page {
    text: Arc<ListText>,
    /// How much had happened before.
    news: u64,
    since: Stopwatch,
}

/// What was made of an autoscaler.
#[derive(Debug)]
struct Single {
    /// The autoscaler: another one may have its id by now.
    of: Weak<AutoscalerRecord>,
    version: u64,
    service_mode: Mode,
    text: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PageKey {
    status: Option<Status>,
    limit: Option<usize>,
    after: Option<Place>,
    is_braked: bool,
}

impl Page {
    /// Whether nothing happened since and it is not too old.
    fn still_serves(&self, news: u64) -> bool {
        self.news == news && self.since.elapsed() < MOMENT
    }
}

impl Default for KeptAnswers {
    fn default() -> Self {
        Self { singles: Mutex::new(LruCache::new(SINGLES)), pages: Mutex::new(LruCache::new(PAGES)) }
    }
}

impl KeptAnswers {
    fn singles(&self) -> MutexGuard<'_, LruCache<String, Single>> {
        self.singles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self) -> MutexGuard<'_, LruCache<PageKey, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of the answer about an autoscaler while the service is in `service_mode`; `write` makes it.
    pub fn single<E>(
        &self,
        record: &Arc<AutoscalerRecord>,
        service_mode: Mode,
        write: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        // Before looking: what changes meanwhile may be missing.
        let version = record.version();
        let is_it = |kept: &&Single| {
            kept.version == version && kept.service_mode == service_mode && kept.of.as_ptr() == Arc::as_ptr(record)
        };
        if let Some(kept) = self.singles().get(&record.id).filter(is_it) {
            return Ok(kept.text.clone());
        }
        let text = write()?;
        if text.len() <= LONGEST_SINGLE {
            let kept = Single { of: Arc::downgrade(record), version, service_mode, text: text.clone() };
            self.singles().put(record.id.clone(), kept);
        }
        Ok(text)
    }

    /// The text of the answer to `list` while the service is in `service_mode`; `write` makes it, with the help of an earlier
    /// one if there is one.
    pub fn page<E>(
        &self,
        registry: &RegistryHandle,
        list: &List,
        service_mode: Mode,
        write: impl FnOnce(Option<&ListText>) -> Result<ListText, E>,
    ) -> Result<Bytes, E> {
        if list.scope != NamespaceScope::All {
            return Ok(write(None)?.text().clone());
        }
        let List { status, limit, after, .. } = list.clone();
        let key = PageKey { status, limit, after, is_braked: service_mode == Mode::Observe };
        let news = registry.news().count();
        let earlier = self.pages().get(&key).cloned();
        if let Some(page) = earlier.as_ref().filter(|page| page.still_serves(news)) {
            return Ok(page.text.text().clone());
        }
        let since = Stopwatch::start();
        let text = Arc::new(write(earlier.as_ref().map(|page| &*page.text))?);
        let answer = text.text().clone();
        self.pages().put(key, Page { text, news, since });
        Ok(answer)
    }

    /// Drops what nobody has asked for of late, and what is too much.
    pub fn tidy(&self) {
        let mut pages = self.pages();
        let mut bytes: usize = pages.iter().map(|(_, page)| page.text.text().len()).sum();
        while let Some((_, page)) = pages.peek_lru()
            && (page.since.elapsed() >= IDLE || bytes > MOST_BYTES)
        {
            bytes = bytes.saturating_sub(page.text.text().len());
            pages.pop_lru();
        }
    }
}
