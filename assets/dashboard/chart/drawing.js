// Draws the chart's lines, bands, gaps and scales; knows nothing of cursors and keys.

import { element, svgElement } from '../element.js';
import { metricName, timeOfDay, UNKNOWN } from '../format.js';
import { runs } from './history.js';
import { areaPath, bandPath, edgeAtActions, linePath, stepPath, trianglePath } from './path.js';
import { countTicks, linear, percentTicks, timeTicks } from './scale.js';

/** The room beside the panels, in pixels. */
export const LEFT = 36;
export const RIGHT = 10;
const AXIS = 24;
const GAP = 14;
const NARROW = 560;
const LABEL_WIDTH = 64;

/** The short time of an axis, `14:05`. */
const shortTime = (time) => timeOfDay(time).slice(0, 5);

/**
 * Draws `history` within `view` ({from, to}) in `width` pixels. `created` is the autoscaler's first moment, or null.
 * Answers `{x, height, panels, still, moving}`: the scale of times, the height, the panels with `top`, `bottom`, scale `y`,
 * `head` and its `values`, what stays where it is, and what moves with the time.
 */
export function draw({ history, view, created, width }) {
  const { panels, height } = layOut(history, width);
  const frame = { history, view, created, width, panels, x: linear([view.from, view.to], [LEFT, width - RIGHT]) };
  const drawn = panels.map((panel) => (panel.metric ? drawMetric(frame, panel) : drawReplicas(frame, panel)));
  return {
    x: frame.x, height, panels,
    still: [definitions(width, height), ...panels.flatMap((panel) => drawScale(panel, width))],
    moving: [...drawn.flatMap(({ ground }) => ground), ...drawTimeAxis(frame), ...drawn.flatMap(({ lines }) => lines)],
  };
}

/** Where the panels are: replicas, then metrics with a target, then the others; and how high all is. */
function layOut(history, width) {
  const narrow = width < NARROW;
  const head = 26;
  const sizes = { replicas: narrow ? 120 : 168, withTarget: narrow ? 72 : 92, without: narrow ? 48 : 56 };
  const hasTarget = (name) => history.points.some((point) => point.metrics[name]?.target);
  const metrics = history.metrics
    .map((name) => ({ metric: name, aims: hasTarget(name), size: hasTarget(name) ? sizes.withTarget : sizes.without }))
    .sort((a, b) => b.aims - a.aims);
  let top = 0;
  const panels = [{ metric: null, size: sizes.replicas }, ...metrics].map(({ metric, aims, size }) => {
    const double = narrow && metric === null ? 20 : 0;
    const panel = { metric, top: top + head + double, bottom: top + head + double + size, values: {} };
    panel.head = metric ? metricHead(panel, aims) : replicasHead(panel);
    panel.head.style.top = `${top}px`;
    top = panel.bottom + GAP;
    return panel;
  });
  return { panels, height: top - GAP + AXIS };
}

function definitions(width, height) {
  const hatch = (id, name) => svgElement('pattern', { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svgElement('line', { x1: 0, y1: 0, x2: 0, y2: 6, class: name }));
  return svgElement('defs', {},
    svgElement('clipPath', { id: 'chart-clip' },
      svgElement('rect', { x: LEFT, y: 0, width: Math.max(0, width - LEFT - RIGHT), height })),
    hatch('chart-unknown', 'hatch-unknown'), hatch('chart-simulated', 'hatch-simulated'));
}

function drawTimeAxis(frame) {
  const { x, panels, width, view: { from, to } } = frame;
  const most = Math.max(2, Math.floor((width - LEFT - RIGHT) / LABEL_WIDTH));
  const ticks = timeTicks(from, to, most, -new Date(to).getTimezoneOffset());
  const { bottom } = panels.at(-1);
  return ticks.flatMap((tick) => {
    const at = x(tick);
    const label = at > LEFT + 14 && at < width - RIGHT - 14;
    return [
      svgElement('line', { class: 'chart-grid', x1: at, x2: at, y1: panels[0].top, y2: bottom + 4 }),
      label && svgElement('text', { class: 'chart-tick', x: at, y: bottom + 17, 'text-anchor': 'middle' }, shortTime(tick)),
    ].filter(Boolean);
  });
}

function drawScale(panel, width) {
  const { y, ticks, unit } = panel;
  return ticks.flatMap((tick) => [
    svgElement('line', { class: tick === 0 ? 'chart-base' : 'chart-grid', x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
    svgElement('text', { class: 'chart-tick', x: LEFT - 6, y: y(tick) + 3.5, 'text-anchor': 'end' }, tick === ticks.at(-1) ? `${tick}${unit}` : tick),
  ]);
}

function drawReplicas(frame, panel) {
  const { x, history: { points, step, actions } } = frame;
  const top = Math.max(1, ...points.flatMap((point) => [point.current, point.recommended, point.max]));
  panel.ticks = countTicks(top, 4);
  panel.unit = '';
  const y = linear([0, panel.ticks.at(-1)], [panel.bottom, panel.top]);
  panel.y = y;
  const edge = edgeAtActions(actions, step);
  const path = (name, d) => svgElement('path', { class: name, d });
  const ground = [
    path('chart-band', bandPath(points, step, (point) => point.min, (point) => point.max, x, y)),
    ...unknowns(frame, panel, (point) => point.current !== null),
  ];
  const lines = [
    path('chart-bound', stepPath(points, step, (point) => point.max, x, y)),
    path('chart-bound', stepPath(points, step, (point) => point.min, x, y)),
    path('chart-actual', stepPath(points, step, (point) => point.current, x, y, edge)),
    path('chart-recommended', stepPath(points, step, (point) => point.recommended, x, y)),
    ...createdMark(frame, panel),
    ...actions.map((action) => mark(action, x, y)),
  ];
  return { ground, lines };
}

function mark(action, x, y) {
  const up = action.to > action.from;
  return svgElement('path', { class: `chart-mark ${up ? 'chart-mark-up' : 'chart-mark-down'}`, d: trianglePath(...markPlace(action, x, y), 5.5, up) });
}

function createdMark(frame, panel) {
  const { x, view: { from, to } } = frame;
  if (frame.created === null || frame.created <= from || frame.created > to) return [];
  const at = x(frame.created);
  return [
    svgElement('line', { class: 'chart-created', x1: at, x2: at, y1: panel.top, y2: frame.panels.at(-1).bottom }),
    svgElement('text', { class: 'chart-note', x: at - 5, y: panel.top + 11, 'text-anchor': 'end' }, at - LEFT > 60 ? 'created' : ''),
  ];
}

function drawMetric(frame, panel) {
  const { x, history: { points, step } } = frame;
  const name = panel.metric;
  const value = (point) => point.metrics[name]?.value ?? null;
  const target = (point) => point.metrics[name]?.target ?? null;
  const measured = (point) => (point.metrics[name]?.simulated ? null : value(point));
  const simulated = (point) => (point.metrics[name]?.simulated ? value(point) : null);
  panel.ticks = percentTicks(Math.max(100, ...points.map(value)));
  panel.unit = '%';
  const y = linear([0, panel.ticks.at(-1)], [panel.bottom, panel.top]);
  panel.y = y;
  const clip = `chart-above-${name}`;
  const path = (cls, d, more = {}) => svgElement('path', { class: cls, d, ...more });
  const ceiling = panel.ticks.at(-1);
  const ground = [
    ...unknowns(frame, panel, (point) => value(point) !== null),
    ...spans(frame, panel, (point) => simulated(point) !== null, 'chart-simulated', 'simulated'),
  ];
  const lines = [
    svgElement('clipPath', { id: clip }, path('', bandPath(points, step, target, () => ceiling, x, y))),
    path('chart-over', areaPath(points, step, measured, 0, x, y), { 'clip-path': `url(#${clip})` }),
    path('chart-target', stepPath(points, step, target, x, y)),
    path('chart-value', linePath(points, step, measured, x, y)),
    path('chart-value chart-value-simulated', linePath(points, step, simulated, x, y)),
  ];
  return { ground, lines };
}

/** What is unknown is hatched, but for the time before the autoscaler existed. */
function unknowns(frame, panel, isThere) {
  const before = (point) => frame.created !== null && point.t + frame.history.step <= frame.created;
  return spans(frame, panel, (point) => !isThere(point) && !before(point), 'chart-unknown', UNKNOWN);
}

function spans(frame, panel, holds, pattern, label) {
  const { x, width, history } = frame;
  return runs(history.points, history.step, holds).filter((run) => run.key).flatMap((run) => {
    const left = Math.max(LEFT, x(run.from));
    const right = Math.min(width - RIGHT, x(run.to));
    if (right <= left) return [];
    const box = svgElement('rect', { x: left, y: panel.top, width: right - left, height: panel.bottom - panel.top, fill: `url(#${pattern})` });
    if (label === '' || right - left < label.length * 6 + 20) return [box];
    const middle = (left + right) / 2;
    const text = svgElement('text', { class: 'chart-note', x: middle, y: panel.bottom - 7, 'text-anchor': 'middle' }, label);
    return [box, text];
  });
}

/** Where an action's mark is: in the middle of its step. */
export function markPlace(action, x, y) {
  return [x(action.at), y((action.from + action.to) / 2)];
}

function replicasHead(panel) {
  const value = (name, key, label) => {
    panel.values[key] = element('span', { class: 'chart-number' });
    return element('span', { class: 'chart-key' }, swatch(name), element('span', { class: 'chart-label' }, label), panel.values[key]);
  };
  return element('div', { class: 'chart-panel-head' }, element('h3', {}, 'Replicas'),
    element('span', { class: 'chart-keys' },
      value('actual', 'current', 'actual'), value('recommended', 'recommended', 'recommended'), value('band', 'bounds', 'bounds')));
}

function metricHead(panel, aims) {
  const { values } = panel;
  values.value = element('span', { class: 'chart-number' });
  values.target = element('span', { class: 'chart-number' });
  values.state = element('span', { class: 'chart-state' });
  return element('div', { class: 'chart-panel-head' }, element('h3', {}, metricName(panel.metric)),
    element('span', { class: 'chart-keys' },
      element('span', { class: 'chart-key' }, swatch('value'), values.value),
      aims && element('span', { class: 'chart-key' }, swatch('target'), element('span', { class: 'chart-label' }, 'target'), values.target),
      values.state));
}

/** A piece of the line as it is drawn, so that no colour alone tells which is which. */
function swatch(name) {
  const shape = name === 'band' ? svgElement('rect', { x: 0, y: 2, width: 18, height: 8, class: 'chart-band-key' })
    : svgElement('line', { x1: 0, x2: 18, y1: 6, y2: 6, class: `chart-${name}` });
  return svgElement('svg', { class: 'swatch', width: 18, height: 12, 'aria-hidden': 'true' }, shape);
}
