//! The text of a list that is written again and again: only the items that have changed are made anew.

use std::sync::{Arc, Weak};

use actix_web::web::Bytes;

use super::autoscaler::{AutoscalerBody, ListBody};
use crate::actors::listing::Page;
use crate::actors::snapshot::AutoscalerRecord;
use crate::domain::autoscaler::Mode;

/// What a [`ListBody`](super::ListBody) is as text, and where in it each item is.
#[derive(Debug)]
pub struct ListText {
    text: Bytes,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    /// The autoscaler: another one may have its id by now.
    of: Weak<AutoscalerRecord>,
    version: u64,
    from: usize,
    to: usize,
}

/// What stands before the items.
const BEGIN: &[u8] = b"{\"autoscalers\":[";

/// About how long an item is, in bytes.
const ITEM: usize = 1_600;

/// How many items are passed over to find one in the earlier text: those of autoscalers that have been deleted since.
const PASSED_OVER: usize = 16;

impl ListText {
    /// The text of a page while the service is in `service_mode`. `earlier` is one of the same mode.
    pub fn new(page: &Page, service_mode: Mode, earlier: Option<&Self>) -> serde_json::Result<Self> {
        let mut text = Vec::with_capacity(page.autoscalers.len() * ITEM);
        let mut items = Vec::with_capacity(page.autoscalers.len());
        let mut left = earlier.map_or(&[][..], |earlier| &earlier.items);
        let shell = serde_json::to_vec(&ListBody::shell(page, service_mode))?;
        let end = shell.strip_prefix(BEGIN).unwrap_or_default();
        text.extend_from_slice(BEGIN);
        for record in &page.autoscalers {
            if !items.is_empty() {
                text.push(b',');
            }
            // Before looking: what changes meanwhile may be missing.
            let (version, from) = (record.version(), text.len());
            let is_it = |item: &Item| item.of.as_ptr() == Arc::as_ptr(record);
            let written = left.iter().take(PASSED_OVER).position(is_it).and_then(|index| left.split_at_checked(index));
            if let Some((_, rest)) = written {
                left = rest;
            }
            let same = left.first().filter(|item| is_it(item) && item.version == version);
            match same.and_then(|item| earlier?.text.get(item.from..item.to)) {
                Some(written) => text.extend_from_slice(written),
                None => serde_json::to_writer(&mut text, &AutoscalerBody::item(record, service_mode))?,
            }
            items.push(Item { of: Arc::downgrade(record), version, from, to: text.len() });
        }
        text.extend_from_slice(end);
        Ok(Self { text: text.into(), items })
    }

    /// The text.
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}
