// A source that is either read or not, with what to do when it is not.

import { element } from '../element.js';
import { advice } from './advice.js';

const BADGES = {
  ok: ['ok', 'ok'],
  failing: ['failed', 'failing'],
  degraded: ['limit', 'partly failing'],
  idle: ['inactive', 'idle'],
  unread: ['inactive', 'not read yet'],
};

export function stateBadge(state) {
  const [kind, label] = BADGES[state] ?? ['unknown', String(state)];
  return element('span', { class: `badge badge-${kind}` }, label);
}

/** What is wrong, why, and what to do. */
export function fault(kind, error) {
  const { cause, action } = advice(kind, error);
  return element('div', { class: 'message message-failed' },
    element('p', { class: 'fault-error mono' }, error),
    element('p', {}, element('strong', {}, cause), ' ', action));
}

/** A card: `about` says what is read here, `effect` what follows while it cannot be. */
export function sourceCard({ title, kind, source, about, effect }) {
  return element('section', { class: 'card source', 'aria-label': title },
    element('div', { class: 'card-head' }, element('h2', {}, title), element('span', { class: 'push' }, stateBadge(source.state))),
    element('div', { class: 'card-body' }, element('p', { class: 'label' }, about),
      source.error !== null && [fault(kind, source.error), element('p', { class: 'source-effect' }, effect)]));
}
