// The decisions of an autoscaler, newest first; one can be opened.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { ago, timeOfDay } from '../format.js';
import { serverNow } from '../server_clock.js';
import { decisionDetails } from './details.js';
import { change, outcome, why } from './words.js';

const FILTERS = [
  { id: 'all', label: 'All', accepts: () => true },
  { id: 'actions', label: 'Scaled', accepts: ({ outcome: its }) => its === 'scale_up' || its === 'scale_down' },
  { id: 'stuck', label: 'Held or failed', accepts: ({ outcome: its }) => ['held', 'observed', 'failed'].includes(its) },
];
const SHOWN_AT_FIRST = 30;

export class Timeline {
  #onSelect;
  #decisions = [];
  #entries = new Map();
  #filter = FILTERS[0];
  #most = SHOWN_AT_FIRST;
  #selected = null;
  #nodes = {};

  /** `onSelect(time)` is called with the moment of an entry that was opened, or null when it was closed. */
  constructor({ onSelect }) {
    this.#onSelect = onSelect;
    const nodes = this.#nodes;
    nodes.filters = FILTERS.map((filter) => element('button', {
      type: 'button', class: 'segment', 'aria-pressed': filter === this.#filter ? 'true' : 'false', onclick: () => this.#narrow(filter),
    }, filter.label));
    nodes.moment = element('div', { class: 'timeline-moment', role: 'status', hidden: true });
    nodes.list = element('ol', { class: 'timeline-list' });
    nodes.empty = element('p', { class: 'timeline-empty' });
    nodes.more = element('button', { type: 'button', class: 'button button-quiet timeline-more', onclick: () => this.#showMore() }, 'Show older ones');
    nodes.scroll = element('div', { class: 'timeline-scroll' }, nodes.list, nodes.empty, nodes.more);
    this.root = element('section', { class: 'card timeline', 'aria-label': 'Decisions' },
      element('div', { class: 'card-head' }, element('h2', {}, 'Decisions'),
        element('div', { class: 'segments push', role: 'group', 'aria-label': 'Which decisions' }, nodes.filters)),
      nodes.moment, nodes.scroll);
  }

  /** Shows these decisions, newest first; entries that are there already keep their place and state. */
  update(decisions) {
    this.#decisions = decisions;
    this.#draw();
  }

  /** Opens the decision, or closes all for null; `moment` is what to say above: `{text, note}` or null. */
  select(decision, moment) {
    this.#selected = decision?.key ?? null;
    if (decision && !this.#filter.accepts(decision)) this.#narrow(FILTERS[0]);
    const position = decision ? this.#accepted().findIndex(({ key }) => key === decision.key) : -1;
    if (position >= this.#most) this.#most = position + 10;
    this.#draw();
    const { moment: place } = this.#nodes;
    place.hidden = moment === null;
    if (moment) {
      replaceChildren(place, element('div', { class: 'timeline-moment-head' }, element('strong', {}, moment.text),
        element('button', { type: 'button', class: 'button-link', onclick: () => this.#onSelect(null) }, 'Back to now')),
      moment.note && element('p', {}, moment.note));
    }
    if (decision) this.#reveal(this.#entries.get(decision.key).root);
  }

  /** Refreshes what depends on the time of day. */
  tick() {
    const now = serverNow();
    for (const entry of this.#entries.values()) entry.tick(now);
  }

  #accepted() {
    return this.#decisions.filter(this.#filter.accepts);
  }

  #draw() {
    const { list, empty, more } = this.#nodes;
    const accepted = this.#accepted();
    const shown = accepted.slice(0, this.#most);
    const wanted = new Set(shown.map(({ key }) => key));
    for (const [key, entry] of this.#entries) {
      if (wanted.has(key)) continue;
      entry.root.remove();
      this.#entries.delete(key);
    }
    const now = serverNow();
    let place = list.firstElementChild;
    for (const decision of shown) {
      const entry = this.#entries.get(decision.key) ?? this.#add(decision);
      entry.update(decision, decision.key === this.#selected, now);
      if (entry.root === place) place = place.nextElementSibling;
      else list.insertBefore(entry.root, place);
    }
    more.hidden = accepted.length <= this.#most;
    empty.hidden = accepted.length > 0;
    setText(empty, this.#decisions.length === 0 ? 'Nothing was decided yet. The first evaluation is under way.' : 'None of the decisions that are kept.');
  }

  #add(decision) {
    const entry = new Entry((opened) => this.#onSelect(opened));
    this.#entries.set(decision.key, entry);
    return entry;
  }

  #narrow(filter) {
    this.#filter = filter;
    this.#most = SHOWN_AT_FIRST;
    this.#nodes.filters.forEach((button, index) => setAttribute(button, 'aria-pressed', FILTERS[index] === filter ? 'true' : 'false'));
    this.#draw();
  }

  #showMore() {
    this.#most += 50;
    this.#draw();
  }

  /** Brings the entry into view; where the list is below the chart, the list as well. */
  #reveal(entry) {
    const { scroll } = this.#nodes;
    scroll.scrollTop += entry.getBoundingClientRect().top - scroll.getBoundingClientRect().top;
    const { top, bottom } = this.root.getBoundingClientRect();
    if (top > window.innerHeight * 0.7 || bottom < 0) this.root.scrollIntoView({ block: 'start', behavior: 'smooth' });
  }
}

/** One entry, which is built once and then kept up to date. */
class Entry {
  #decision = null;
  #open = false;
  #details = null;
  #nodes = {};

  constructor(onSelect) {
    const nodes = this.#nodes;
    nodes.time = element('span', { class: 'entry-time' });
    nodes.badge = element('span', { class: 'badge' });
    nodes.change = element('span', { class: 'entry-change' });
    nodes.why = element('span', { class: 'entry-why' });
    nodes.run = element('span', { class: 'entry-run' });
    nodes.button = element('button', {
      type: 'button', class: 'entry-button', 'aria-expanded': 'false',
      onclick: () => onSelect(this.#open ? null : this.#decision.first),
    },
    element('span', { class: 'entry-line' }, nodes.change, nodes.badge, nodes.time), nodes.why, nodes.run);
    nodes.body = element('div', { class: 'entry-body', hidden: true });
    this.root = element('li', { class: 'entry' }, nodes.button, nodes.body);
  }

  update(decision, open, now) {
    const nodes = this.#nodes;
    const isNew = this.#decision !== decision;
    this.#decision = decision;
    if (isNew) {
      const { label, tone } = outcome(decision);
      setText(nodes.badge, label);
      setAttribute(nodes.badge, 'class', `badge badge-${tone}`);
      setText(nodes.change, change(decision));
      setText(nodes.why, why(decision));
      setText(nodes.time, timeOfDay(decision.first));
    }
    setAttribute(nodes.button, 'aria-expanded', open ? 'true' : 'false');
    this.root.classList.toggle('entry-open', open);
    if (open && (isNew || !this.#open)) {
      this.#details = decisionDetails(decision);
      replaceChildren(nodes.body, this.#details.root);
    } else if (!open && this.#open) {
      this.#details = null;
      replaceChildren(nodes.body);
    }
    nodes.body.hidden = !open;
    this.#open = open;
    this.tick(now);
  }

  tick(now) {
    const { first, last, count } = this.#decision;
    const { run } = this.#nodes;
    setText(run, count > 1 ? `${count} times until ${timeOfDay(last)} · ${ago(last, now)}` : ago(last, now));
    this.#details?.tick(now);
    setAttribute(run, 'data-tip', count > 1 ? `First at ${timeOfDay(first)}` : null);
  }
}
