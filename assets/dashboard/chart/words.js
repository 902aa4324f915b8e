// The chart in words: its summary for those who do not see it. Pure.

import { metricName, UNKNOWN } from '../format.js';
import { isKnown } from './history.js';

/** A number, or the word for none. */
export function orUnknown(value, unit = '') {
  return value === null || value === undefined ? UNKNOWN : `${value}${unit}`;
}

function extent(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : [Math.min(...known), Math.max(...known)];
}

function between([low, high], unit) {
  return low === high ? `${low}${unit}` : `between ${low}${unit} and ${high}${unit}`;
}

/** What the chart shows, in sentences. `clock` formats a time. */
export function summarize(history, clock) {
  const { points, actions, metrics } = history;
  if (points.length === 0 || !points.some(isKnown)) return 'Nothing has been recorded in this time yet.';
  const sentences = [`From ${clock(points[0].t)} to ${clock(points.at(-1).t + history.step)}.`];
  const replicas = extent(points.map((point) => point.current));
  sentences.push(replicas ? `Replicas ${between(replicas, '')}.` : 'The number of replicas is unknown.');
  for (const name of metrics) {
    const values = points.map((point) => point.metrics[name]?.value ?? null);
    const range = extent(values);
    const target = points.findLast((point) => point.metrics[name]?.target)?.metrics[name].target;
    const against = target ? `, target ${target} %` : '';
    const simulated = points.some((point) => point.metrics[name]?.simulated) ? ', partly simulated' : '';
    sentences.push(range ? `${metricName(name)} ${between(range, ' %')}${against}${simulated}.`
      : `${metricName(name)} unknown${against}.`);
  }
  const last = actions.at(-1);
  const count = actions.length === 1 ? '1 scale action' : `${actions.length} scale actions`;
  sentences.push(last ? `${count}, the last at ${clock(last.at)}: ${last.from} to ${last.to}.` : 'No scale action.');
  return sentences.join(' ');
}

/** What is known of one point, as a sentence for the cursor. */
export function describePoint(point, metrics, action, clock) {
  const parts = [`${orUnknown(point.current)} replicas`, `recommended ${orUnknown(point.recommended)}`];
  if (point.min !== null && point.max !== null) parts.push(`bounds ${point.min} to ${point.max}`);
  for (const name of metrics) {
    const metric = point.metrics[name];
    const target = metric?.target ? ` of ${metric.target} %` : '';
    const simulated = metric?.simulated ? ' simulated' : '';
    parts.push(`${metricName(name)} ${orUnknown(metric?.value, ' %')}${target}${simulated}`);
  }
  if (action) parts.push(`scaled ${action.from} to ${action.to}`);
  return `${clock(point.t)}: ${parts.join(', ')}`;
}
