// What happened of late, newest first.

import { element, replaceChildren, setText } from '../element.js';
import { ago, milliseconds, timeOfDay } from '../format.js';
import { autoscalerAddress } from '../router.js';
import { serverNow } from '../server_clock.js';
import { actionInWords, actionMark } from './words.js';

const KEPT = 20;
const SPOKEN_EVERY_MS = 5_000;

/** `actions` with `newer` added: newest first, each once, at most 20. */
export function merged(actions, newer) {
  const byKey = new Map([...actions, ...newer].map((action) => [keyOf(action), action]));
  return [...byKey.values()].sort((one, other) => milliseconds(other.at) - milliseconds(one.at)).slice(0, KEPT);
}

/** The last actions of these rows, as far as rows tell. */
export function actionsOfRows(rows) {
  return rows
    .filter((row) => row.last_action)
    .map((row) => ({
      kind: 'scaled',
      at: row.last_action.at,
      from: row.last_action.from,
      to: row.last_action.to,
      message: row.last_action.because,
      autoscaling_id: row.autoscaling_id,
      workload_name: row.workload_name,
      workload_namespace: row.workload_namespace,
      workload_type: row.workload_type,
    }));
}

export class Feed {
  #actions = [];
  #since = timeOfDay(Date.now());
  #unspoken = [];
  #spokenAt = -Infinity;

  constructor() {
    this.list = element('ol', { class: 'feed-list' });
    this.latest = element('span', { class: 'feed-latest' });
    // The list itself would say each line aloud; a busy fleet has several a second.
    this.spoken = element('span', { class: 'visually-hidden', 'aria-live': 'polite' });
    this.details = element(
      'details',
      { class: 'feed-fold', open: !matchMedia('(max-width: 1359px)').matches },
      element('summary', { class: 'feed-head' }, element('h2', {}, 'What happened'), this.latest),
      this.list,
    );
    this.root = element('aside', { class: 'feed', 'aria-label': 'What happened' }, this.details, this.spoken);
    this.list.addEventListener('pointerleave', () => this.#draw());
    this.list.addEventListener('focusout', () => queueMicrotask(() => this.#draw()));
    this.timer = setInterval(() => this.#tick(), 1_000);
    this.#draw();
  }

  /** Something happened just now. */
  add(action) {
    this.#actions = merged(this.#actions, [action]);
    this.#unspoken.push(action);
    this.#draw();
  }

  /** What happened before this page was opened. */
  seed(actions) {
    this.#actions = merged(this.#actions, actions);
    this.#draw();
  }

  /** Forgets all, of which some may not be seen any more. */
  clear() {
    this.#actions = [];
    this.#unspoken = [];
    replaceChildren(this.spoken);
    this.#draw();
  }

  unmount() {
    clearInterval(this.timer);
  }

  #draw() {
    const [newest] = this.#actions;
    setText(this.latest, newest ? `${newest.workload_name} ${actionInWords(newest).what}` : '');
    // Nothing moves under the pointer or away from the focus; it is drawn when they leave.
    if (this.list.matches(':hover') || this.list.contains(document.activeElement)) return;
    replaceChildren(
      this.list,
      this.#actions.length === 0
        ? element('li', { class: 'feed-empty' }, `Nothing since ${this.#since}. Changes appear here as they happen.`)
        : this.#actions.map(entry),
    );
    this.#tick();
  }

  #tick() {
    const now = serverNow();
    for (const time of this.list.querySelectorAll('time')) setText(time, ago(time.dateTime, now));
    if (this.#unspoken.length > 0 && performance.now() - this.#spokenAt > SPOKEN_EVERY_MS) this.#speak();
  }

  #speak() {
    const newest = this.#unspoken.at(-1);
    const { what, by, why } = actionInWords(newest);
    const others = this.#unspoken.length - 1;
    setText(this.spoken, `${newest.workload_name}: ${[what, by].filter(Boolean).join(' ')}. ${why}${others > 0 ? `. And ${others} more` : ''}`);
    this.#unspoken = [];
    this.#spokenAt = performance.now();
  }
}

function entry(action) {
  const { what, by, why } = actionInWords(action);
  const place = `${action.workload_namespace}/${action.workload_name}`;
  const name =
    action.kind === 'deleted'
      ? element('span', { class: 'feed-name' }, action.workload_name)
      : element(
          'a',
          { class: 'feed-name', href: autoscalerAddress(action.autoscaling_id), 'data-tip': place },
          action.workload_name,
        );
  return element(
    'li',
    { class: 'feed-entry', 'data-mark': actionMark(action) },
    element('time', { datetime: action.at, 'data-tip': timeOfDay(action.at) }),
    name,
    element('span', { class: 'feed-what' }, what),
    by !== '' && element('span', { class: 'feed-by', 'data-tip': by }, by),
    why !== '' && element('span', { class: 'feed-why', 'data-tip': why }, why),
  );
}

function keyOf({ autoscaling_id: id, at, kind, to }) {
  // A row tells its last action to the second, so the same one is recognised by what it did.
  return JSON.stringify([id, kind, to, Math.floor(milliseconds(at) / 1_000)]);
}
