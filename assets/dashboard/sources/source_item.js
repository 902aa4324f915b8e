// A source and its state, with what to do when it cannot be read.

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
  return element(
    'div',
    { class: 'message message-failed' },
    element('p', { class: 'fault-error mono' }, error),
    element('p', {}, element('strong', {}, cause), ' ', action),
  );
}

/** A source: `about` says what is read here, `effect` what follows while it cannot be. */
export function sourceItem({ title, kind, source, about, effect }) {
  return element(
    'li',
    { class: 'source' },
    element(
      'div',
      { class: 'source-head' },
      element(
        'span',
        { class: 'source-name' },
        element('strong', {}, title),
        element('span', { class: 'label' }, about),
      ),
      stateBadge(source.state),
    ),
    source.error !== null && [fault(kind, source.error), element('p', { class: 'source-effect' }, effect)],
  );
}
