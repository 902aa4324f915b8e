// Short messages in the corner, which go away by themselves; failures stay until they are dismissed.

import { element } from './element.js';

const SHOWN_MS = 6_000;

/** Shows a message. `kind` is `done` or `failed`. */
export function notify(text, kind = 'done') {
  const dismiss = element(
    'button',
    { type: 'button', class: 'button-link', onclick: () => notice.remove() },
    'Dismiss',
  );
  const notice = element('div', { class: `notice notice-${kind}` }, text, ' ', kind === 'failed' && dismiss);
  document.getElementById('notices').append(notice);
  if (kind !== 'failed') setTimeout(() => notice.remove(), SHOWN_MS);
}

/** Takes all messages away. */
export function clearNotices() {
  document.getElementById('notices').replaceChildren();
}
