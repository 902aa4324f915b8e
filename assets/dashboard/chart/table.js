// The chart's numbers as a table, newest first.

import { element } from '../element.js';
import { metricName, percent, timeOfDay } from '../format.js';
import { actionIn } from './cursor.js';
import { isKnown } from './history.js';
import { orUnknown } from './words.js';

/** A table of `history`; each time opens the decision of that time by `onSelect(time)`. */
export function historyTable(history, onSelect) {
  const { points, step, actions, metrics } = history;
  const rows = points.filter(isKnown).reverse().map((point) => {
    const action = actionIn(actions, point.t, step);
    return element('tr', {},
      element('th', { scope: 'row' }, element('button', { type: 'button', class: 'button-link', onclick: () => onSelect(action?.at ?? point.t) }, timeOfDay(point.t))),
      [point.current, point.recommended, point.min, point.max].map((count) => element('td', { class: 'number' }, orUnknown(count))),
      metrics.map((name) => element('td', { class: 'number' }, metricCell(point.metrics[name]))),
      element('td', {}, action ? `${action.from} → ${action.to}: ${action.because}` : ''));
  });
  const head = ['Time', 'Actual', 'Recommended', 'Min', 'Max', ...metrics.map(metricName), 'Scale action'];
  return element('table', { class: 'table' },
    element('caption', { class: 'visually-hidden' }, 'Replicas and metrics, newest first'),
    element('thead', {}, element('tr', {}, head.map((name) => element('th', { scope: 'col' }, name)))),
    element('tbody', {}, rows));
}

function metricCell(metric) {
  const value = percent(metric?.value);
  const target = metric?.target ? ` of ${percent(metric.target)}` : '';
  return `${value}${target}${metric?.simulated ? ', simulated' : ''}`;
}
