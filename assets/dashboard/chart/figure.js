// The chart of one autoscaler: replicas, and under them each metric, on one time axis with one cursor.

import { element, replaceChildren, setAttribute, setText, svgElement } from '../element.js';
import { ago, percent, timeOfDay, UNKNOWN } from '../format.js';
import { serverNow } from '../server_clock.js';
import { actionAt, actionIn, indexAt, nextAction } from './cursor.js';
import { draw, LEFT, markPlace, RIGHT } from './drawing.js';
import { isKnown } from './history.js';
import { historyTable } from './table.js';
import { describePoint, orUnknown, summarize } from './words.js';

const MINUTE = 60_000;
/** What can be looked at: the label, the length, and the step that is asked for. */
export const RANGES = [
  { id: '10m', label: '10 min', length: 10 * MINUTE, step: 15 },
  { id: '30m', label: '30 min', length: 30 * MINUTE, step: 15 },
  { id: '1h', label: '1 h', length: 60 * MINUTE, step: 60 },
  { id: '6h', label: '6 h', length: 360 * MINUTE, step: 60 },
];

const REACH = 14;
const SLIDE_MS = 400;

export class Figure {
  #onSelect;
  #history = null;
  #view = { from: 0, to: 0 };
  #created = null;
  #selected = null;
  #pointer = null; // the pointer's x while it is over the chart
  #cursor = null; // the time of the keyboard's or a finger's cursor; null follows the newest point
  #width = 0;
  #x = null; // the scale from times to pixels
  #panels = [];
  #frame = null;
  #observer;
  #asTable = false;
  #nodes = {};

  /** `onSelect(time)` is called when a moment is chosen, `onRange(id)` when another range is wanted. */
  constructor({ onSelect, onRange }) {
    this.#onSelect = onSelect;
    this.root = this.#build(onRange);
    this.#observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry.contentRect.width);
      if (width === this.#width || width === 0) return;
      this.#width = width;
      this.#draw();
    });
    this.#observer.observe(this.#nodes.plot);
  }

  /** Shows a history within `view` ({from, to}). `created` is the autoscaler's first moment. */
  show({ history, view, range, created }) {
    const before = this.#view;
    this.#history = history;
    this.#view = view;
    this.#created = created;
    for (const button of this.#nodes.ranges) setAttribute(button, 'aria-pressed', button.value === range ? 'true' : 'false');
    setText(this.#nodes.summary, summarize(history, timeOfDay));
    if (this.#asTable) this.#fillTable();
    if (this.#width === 0) return;
    this.#draw();
    const moved = view.to - before.to;
    if (before.to - before.from === view.to - view.from && moved > 0) this.#slide(moved);
  }

  /** Marks a chosen moment, or none. */
  select(time) {
    this.#selected = time;
    this.#follow();
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
  }

  #build(onRange) {
    const nodes = this.#nodes;
    nodes.ranges = RANGES.map(({ id, label }) =>
      element('button', { type: 'button', class: 'segment', value: id, 'aria-pressed': 'false', onclick: () => onRange(id) }, label));
    nodes.tableButton = element('button', {
      type: 'button', class: 'button button-quiet', 'aria-pressed': 'false', onclick: () => this.#toggleTable(),
    }, 'Show as table');
    nodes.time = element('span', { class: 'chart-time' });
    nodes.age = element('span', { class: 'chart-age' });
    nodes.action = element('span', { class: 'chart-action' });
    nodes.open = element('button', {
      type: 'button', class: 'button-link chart-open', onclick: () => this.#choose(this.#time()),
      onmousedown: (event) => event.preventDefault(), // or the chart lost the focus, and with it the moment that is meant
    }, 'Why?');
    nodes.svg = svgElement('svg', { class: 'chart-svg', 'aria-hidden': 'true', focusable: 'false' });
    nodes.heads = element('div', { class: 'chart-heads' });
    nodes.summary = element('p', { class: 'visually-hidden', id: 'chart-summary' });
    nodes.surface = element('div', {
      class: 'chart-surface', tabindex: '0', role: 'slider', 'aria-label': 'Moment in the chart', 'aria-describedby': 'chart-summary chart-keys',
      onpointermove: (event) => this.#point(event),
      onpointerdown: (event) => this.#point(event),
      onpointerleave: (event) => this.#leave(event),
      onpointercancel: (event) => this.#leave(event),
      onclick: (event) => this.#click(event),
      onkeydown: (event) => this.#key(event),
      onblur: (event) => event.relatedTarget !== nodes.open && this.#follow(),
    });
    nodes.plot = element('div', { class: 'chart-plot' }, nodes.svg, nodes.heads, nodes.surface);
    nodes.keys = element('p', { class: 'chart-hint', id: 'chart-keys' },
      'Click a moment to see why it was decided so. Keys: ', element('kbd', {}, '←'), ' ', element('kbd', {}, '→'), ' move, ',
      element('kbd', {}, '↑'), ' ', element('kbd', {}, '↓'), ' next and previous scale action, ', element('kbd', {}, 'Enter'), ' why.');
    nodes.table = element('div', { class: 'chart-table table-scroll', tabindex: '0', role: 'region', 'aria-label': 'History as a table', hidden: true });
    return element('figure', { class: 'card chart', 'aria-label': 'Replicas and metrics over time' },
      element('div', { class: 'card-head chart-head' },
        element('h2', {}, 'History'),
        element('div', { class: 'segments', role: 'group', 'aria-label': 'Range' }, nodes.ranges),
        element('span', { class: 'push' }, nodes.tableButton)),
      element('div', { class: 'chart-readout' }, nodes.time, nodes.age, nodes.action, nodes.open),
      nodes.plot, nodes.keys, nodes.summary, nodes.table);
  }

  // Drawing

  #draw() {
    if (!this.#history) return;
    const { svg, heads } = this.#nodes;
    const drawing = draw({ history: this.#history, view: this.#view, created: this.#created, width: this.#width });
    this.#x = drawing.x;
    this.#panels = drawing.panels;
    setAttribute(svg, 'width', this.#width);
    setAttribute(svg, 'height', drawing.height);
    this.#nodes.plot.style.height = `${drawing.height}px`;
    this.#nodes.moving = svgElement('g', {}, drawing.moving);
    this.#nodes.overlay = svgElement('g', {});
    replaceChildren(svg, drawing.still, svgElement('g', { 'clip-path': 'url(#chart-clip)' }, this.#nodes.moving), this.#nodes.overlay);
    replaceChildren(heads, ...this.#panels.map((panel) => panel.head));
    this.#drawCursor();
  }

  /** Lets the chart glide to where it now is; what is asked for less motion does without. */
  #slide(moved) {
    cancelAnimationFrame(this.#frame);
    const shift = this.#x(this.#view.from + moved) - this.#x(this.#view.from);
    if (shift < 0.5 || shift > this.#width / 3 || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const { moving } = this.#nodes;
    let begin = null;
    const frame = (now) => {
      begin ??= now;
      const done = Math.min(1, (now - begin) / SLIDE_MS);
      const left = shift * (1 - done) ** 3;
      if (done < 1) {
        setAttribute(moving, 'transform', `translate(${left.toFixed(2)},0)`);
        this.#frame = requestAnimationFrame(frame);
      } else setAttribute(moving, 'transform', null);
    };
    this.#frame = requestAnimationFrame(frame);
  }

  // The cursor

  /** The time that the readout shows. */
  #time() {
    const { points } = this.#history;
    if (this.#pointer !== null) return this.#x.invert(this.#pointer);
    return this.#cursor ?? points.findLast(isKnown)?.t ?? this.#view.to;
  }

  get #isFree() {
    return this.#pointer === null && this.#cursor === null;
  }

  #drawCursor() {
    if (!this.#history || !this.#x || !this.#nodes.overlay) return;
    const { points, step, metrics, actions } = this.#history;
    const index = indexAt(points, step, this.#time());
    const point = points[index];
    const { overlay, surface } = this.#nodes;
    const drawn = [];
    if (this.#selected !== null) drawn.push(...this.#selection());
    if (point && !this.#isFree) {
      const chosen = this.#selected !== null && indexAt(points, step, this.#selected) === index;
      const at = this.#x(chosen ? this.#selected : point.t + step / 2);
      if (!chosen) drawn.push(svgElement('line', { class: 'chart-cursor', x1: at, x2: at, y1: this.#panels[0].top, y2: this.#panels.at(-1).bottom }));
      for (const panel of this.#panels) {
        const value = panel.metric ? point.metrics[panel.metric]?.value ?? null : point.current;
        if (value !== null) drawn.push(svgElement('circle', { class: `chart-dot ${panel.metric ? 'chart-dot-metric' : ''}`, cx: at, cy: panel.y(value), r: 3.5 }));
      }
    }
    replaceChildren(overlay, ...drawn);
    this.#readOut(point);
    const range = [points[0]?.t ?? 0, points.at(-1)?.t ?? 0];
    setAttribute(surface, 'aria-valuemin', Math.round(range[0] / 1000));
    setAttribute(surface, 'aria-valuemax', Math.round(range[1] / 1000));
    setAttribute(surface, 'aria-valuenow', Math.round((point?.t ?? range[1]) / 1000));
    setAttribute(surface, 'aria-valuetext', point ? describePoint(point, metrics, actionIn(actions, point.t, step), timeOfDay) : 'nothing recorded');
  }

  #selection() {
    const { from, to } = this.#view;
    if (this.#selected < from || this.#selected > to) return [];
    const at = this.#x(this.#selected);
    const { top } = this.#panels[0];
    return [
      svgElement('line', { class: 'chart-selected', x1: at, x2: at, y1: top, y2: this.#panels.at(-1).bottom }),
      svgElement('path', { class: 'chart-selected-flag', d: `M${at - 5} ${top - 5}H${at + 5}L${at} ${top + 2}Z` }),
    ];
  }

  #readOut(point) {
    const { time, age, action, open } = this.#nodes;
    const { actions, step } = this.#history;
    setText(time, point ? timeOfDay(point.t) : '–');
    setText(age, point ? (this.#isFree ? 'newest' : ago(point.t, Math.max(serverNow(), this.#view.to))) : '');
    const made = point ? actionIn(actions, point.t, step) : null;
    setText(action, made ? `${made.to > made.from ? '▲' : '▼'} ${made.from} → ${made.to}: ${made.because}` : '');
    setAttribute(action, 'data-tip', made ? made.because : null);
    open.disabled = !point;
    for (const panel of this.#panels) {
      const { values, metric } = panel;
      if (metric === null) {
        setText(values.current, orUnknown(point?.current));
        setText(values.recommended, orUnknown(point?.recommended));
        setText(values.bounds, point && point.min !== null && point.max !== null ? `${point.min}–${point.max}` : UNKNOWN);
      } else {
        const its = point?.metrics[metric];
        setText(values.value, percent(its?.value));
        setText(values.target, its?.target ? percent(its.target) : 'none');
        setText(values.state, its?.simulated ? 'simulated' : '');
      }
    }
  }

  #choose(time) {
    if (this.#history.points.length === 0) return;
    const { points, step } = this.#history;
    const action = actionIn(this.#history.actions, points[indexAt(points, step, time)].t, step);
    this.#onSelect(action ? action.at : time);
  }

  /** Back to the chosen moment, or the newest point. */
  #follow() {
    this.#cursor = this.#selected;
    this.#drawCursor();
  }

  // Pointer and keyboard

  #place(event) {
    const box = this.#nodes.surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #point(event) {
    const [px, py] = this.#place(event);
    this.#pointer = Math.min(Math.max(px, LEFT), this.#width - RIGHT);
    const mark = this.#markAt(px, py);
    this.#nodes.surface.classList.toggle('chart-on-mark', mark !== null);
    if (mark) this.#pointer = this.#x(mark.at);
    this.#drawCursor();
  }

  #leave(event) {
    // A finger that is lifted leaves the cursor where it was.
    if (event.pointerType === 'touch' && this.#pointer !== null) this.#cursor = this.#x.invert(this.#pointer);
    this.#pointer = null;
    this.#drawCursor();
  }

  #markAt(px, py) {
    const { y } = this.#panels[0];
    return actionAt(this.#history.actions, (action) => markPlace(action, this.#x, y), px, py, REACH);
  }

  #click(event) {
    if (!this.#history || event.detail === 0) return;
    const [px, py] = this.#place(event);
    const mark = this.#markAt(px, py);
    if (mark) this.#onSelect(mark.at);
    else if (px >= LEFT) this.#choose(this.#x.invert(px));
  }

  #key(event) {
    if (!this.#history || event.ctrlKey || event.metaKey || event.altKey) return;
    const { points, step, actions } = this.#history;
    if (points.length === 0) return;
    const at = indexAt(points, step, this.#time());
    const by = event.shiftKey ? 10 : 1;
    const to = (index) => points[Math.min(Math.max(index, 0), points.length - 1)].t;
    const inView = actions.filter((action) => action.at >= points[0].t);
    const jump = (direction) => nextAction(inView, points[at].t + (direction > 0 ? step - 1 : 0), direction)?.at ?? points[at].t;
    const moves = {
      ArrowLeft: () => to(at - by), ArrowRight: () => to(at + by), Home: () => to(0), End: () => null,
      ArrowUp: () => jump(1), ArrowDown: () => jump(-1), PageUp: () => to(at + 10), PageDown: () => to(at - 10),
    };
    if (event.key === 'Enter' || event.key === ' ') this.#choose(this.#time());
    else if (event.key === 'Escape' && this.#selected !== null) this.#onSelect(null);
    else if (moves[event.key]) {
      this.#pointer = null;
      this.#cursor = moves[event.key]();
      this.#drawCursor();
    } else return;
    event.preventDefault();
  }

  // The table

  #toggleTable() {
    const { table, tableButton, plot, keys } = this.#nodes;
    this.#asTable = !this.#asTable;
    table.hidden = !this.#asTable;
    plot.hidden = this.#asTable;
    keys.hidden = this.#asTable;
    setAttribute(tableButton, 'aria-pressed', this.#asTable ? 'true' : 'false');
    setText(tableButton, this.#asTable ? 'Show as chart' : 'Show as table');
    if (this.#asTable) this.#fillTable();
  }

  #fillTable() {
    if (this.#history) replaceChildren(this.#nodes.table, historyTable(this.#history, this.#onSelect));
  }
}
