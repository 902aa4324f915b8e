// The table of the fleet. Only the rows on screen exist; they are used again as one scrolls.

import { element, replaceChildren, setAttribute } from '../element.js';
import { serverNow } from '../server_clock.js';
import { RowView } from './row.js';
import { scrollToShow, visibleRows } from './window.js';

const OVERSCAN = 6;
const COLUMNS = ['Workload', 'State', 'Last 30 min', 'Replicas', 'Load against target', 'Last change'];
const SORTED = { name: 'Workload', attention: 'State' };

export class FleetTable {
  #rowAt;
  #onView;
  #open;
  #count = 0;
  #views = new Map();
  #active = 0;
  #rowHeight = 0;
  #frame = 0;

  /**
   * `rowAt(index)` is the row to show, `onView({first, end})` hears which are on screen, `open(row)` is asked for by
   * a click.
   */
  constructor({ rowAt, onView, open }) {
    this.#rowAt = rowAt;
    this.#onView = onView;
    this.#open = open;
    this.heads = COLUMNS.map((title) => element('div', { class: 'cell', role: 'columnheader' }, title));
    this.body = element('div', { class: 'rows', role: 'rowgroup' });
    this.grid = element(
      'div',
      { class: 'grid', role: 'grid', 'aria-label': 'Autoscalers', 'aria-colcount': COLUMNS.length },
      element(
        'div',
        { class: 'grid-head', role: 'rowgroup' },
        element('div', { class: 'row row-head', role: 'row', 'aria-rowindex': 1 }, this.heads),
      ),
      this.body,
    );
    this.root = element('div', { class: 'grid-scroll' }, this.grid);
    this.body.addEventListener('click', (event) => this.#clicked(event));
    this.body.addEventListener('focusin', (event) => this.#focused(event));
    this.grid.addEventListener('keydown', (event) => this.#pressed(event));
    this.onScroll = () => this.#soon();
    document.addEventListener('scroll', this.onScroll, { capture: true, passive: true });
    this.resizes = new ResizeObserver(() => this.#soon());
    this.resizes.observe(this.root);
    this.ticks = setInterval(() => this.tick(), 1_000);
  }

  /** The number of rows, and the order that they are in. */
  setCount(count, sort) {
    this.#count = count;
    this.#active = Math.max(0, Math.min(this.#active, count - 1));
    setAttribute(this.grid, 'aria-rowcount', count + 1);
    this.heads.forEach((head) =>
      setAttribute(head, 'aria-sort', head.textContent === SORTED[sort] ? 'ascending' : null),
    );
    this.#soon();
  }

  /** Rows have changed; they are shown with the next frame. */
  changed() {
    this.#soon();
  }

  /** The rows `first..end` on screen. */
  get view() {
    const { top, height } = this.#metrics();
    return visibleRows({ top, bottom: top + height, rowHeight: this.#rowHeight, count: this.#count });
  }

  get hasAttention() {
    return this.body.matches(':hover') || this.body.contains(document.activeElement);
  }

  /** Back to the first row. */
  toTop() {
    this.#active = 0;
    this.root.scrollTop = 0;
  }

  /** Where one is in the table, for `goTo`. */
  get place() {
    return { active: this.#active, box: this.root.scrollTop, page: window.scrollY };
  }

  /** Goes back to a `place`. */
  goTo({ active, box, page }) {
    this.#render();
    this.#active = Math.max(0, Math.min(active, this.#count - 1));
    this.root.scrollTop = box;
    window.scrollTo(0, page);
    this.#soon();
  }

  /** Moves the focus by so many rows, or onto the row that had it last. */
  move(by) {
    const isInside = this.body.contains(document.activeElement);
    this.focus(isInside ? this.#active + by : Math.max(this.#active, this.view.first));
  }

  focus(index) {
    if (this.#count === 0) return;
    this.#active = Math.max(0, Math.min(this.#count - 1, index));
    const { top, height, scrollBy } = this.#metrics();
    scrollBy(scrollToShow({ index: this.#active, rowHeight: this.#rowHeight, top, viewHeight: height }));
    this.#render();
    this.#views.get(this.#active)?.link.focus({ preventScroll: true });
  }

  tick() {
    const now = serverNow();
    for (const view of this.#views.values()) view.tick(now);
  }

  unmount() {
    document.removeEventListener('scroll', this.onScroll, { capture: true });
    this.resizes.disconnect();
    clearInterval(this.ticks);
    cancelAnimationFrame(this.#frame);
    replaceChildren(this.body);
  }

  #soon() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  /** What of the rows is to be seen, whether this box scrolls (wide screens) or the page does (phones). */
  #metrics() {
    const rows = this.body.getBoundingClientRect();
    const box = this.root.getBoundingClientRect();
    const head = this.grid.firstElementChild.getBoundingClientRect();
    const scrollsItself = this.root.scrollHeight > this.root.clientHeight + 1;
    const upper = scrollsItself ? box.top + head.height : Math.max(0, box.top);
    const lower = Math.min(scrollsItself ? box.bottom : Infinity, window.innerHeight);
    const scroller = scrollsItself ? this.root : document.scrollingElement;
    return {
      top: upper - rows.top,
      height: Math.max(0, lower - upper),
      scrollBy: (by) => by !== 0 && (scroller.scrollTop += by),
    };
  }

  #render() {
    if (!this.root.isConnected) return;
    const rowHeight = parseFloat(getComputedStyle(this.body).getPropertyValue('--row-height'));
    this.#rowHeight = rowHeight;
    this.body.style.height = `${this.#count * rowHeight}px`;
    const { top, height } = this.#metrics();
    const shown = { top, bottom: top + height, rowHeight, count: this.#count };
    this.#place(visibleRows({ ...shown, overscan: OVERSCAN }));
    this.#onView(visibleRows(shown));
  }

  #place({ first, end }) {
    const spare = [];
    for (const [index, view] of this.#views) {
      const isFocused = view.root.contains(document.activeElement) && index < this.#count;
      if ((index >= first && index < end) || isFocused) continue;
      this.#views.delete(index);
      spare.push(view);
    }
    const now = serverNow();
    for (let index = first; index < end; index += 1) {
      let view = this.#views.get(index);
      if (!view) {
        view = spare.pop() ?? new RowView();
        this.#views.set(index, view);
        this.#insert(view, index);
      }
      view.show(index, this.#rowAt(index), this.#rowHeight, now);
    }
    for (const view of spare) view.root.remove();
    for (const [index, view] of this.#views) setAttribute(view.link, 'tabindex', index === this.#active ? '0' : '-1');
    // One row can always be reached with Tab, even when the active one is out of sight.
    if (!this.#views.has(this.#active))
      this.#views.get(first + Math.min(OVERSCAN, first))?.link.setAttribute('tabindex', '0');
  }

  /** Screen readers go by the order in the document, so it is that of the rows. */
  #insert(view, index) {
    let next = null;
    for (const [other, candidate] of this.#views) {
      if (other > index && candidate.root.isConnected && (next === null || other < next.index)) next = candidate;
    }
    this.body.insertBefore(view.root, next?.root ?? null);
  }

  #viewOf(node) {
    const root = node.closest?.('.row');
    return [...this.#views.values()].find((view) => view.root === root);
  }

  #clicked(event) {
    if (event.target.closest('a') || getSelection().toString() !== '') return;
    const view = this.#viewOf(event.target);
    if (view?.row) this.#open(view.row);
  }

  #focused(event) {
    const view = this.#viewOf(event.target);
    if (view) this.#active = view.index;
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, this.view.end - this.view.first - 1);
    const to = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#count - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.focus(to);
  }
}
