// What the fleet says in words.

import { ago, change, metricName, number, percent, UNKNOWN } from '../format.js';

/** The kinds of attention, the most urgent first, as the service sorts them. */
export const ATTENTION = [
  { name: 'failed', label: 'failed', badge: 'failed' },
  { name: 'wants_more_than_max', label: 'wants more than max', badge: 'limit' },
  { name: 'metric_unknown', label: 'metric unknown', badge: 'unknown' },
  { name: 'none', label: 'in order', badge: 'ok' },
];

/** The badge of a row: `{label, kind}`. What needs attention comes before what merely is. */
export function stateBadge({ status, mode, attention }) {
  const known = ATTENTION.find(({ name }) => name === attention);
  if (status === 'failed' || attention === 'failed') return { label: 'failed', kind: 'failed' };
  if (status === 'inactive') return { label: 'paused', kind: 'inactive' };
  if (known && attention !== 'none') return { label: known.label, kind: known.badge };
  if (mode === 'observe') return { label: 'observing', kind: 'observe' };
  return { label: status, kind: 'ok' };
}

/** `4`, or `4 → 6` while another count is recommended. */
export function replicasInWords({ current_replicas: current, recommended_replicas: recommended }) {
  if (current === null) return UNKNOWN;
  return recommended === null || recommended === current ? number(current) : change(current, recommended);
}

/** The last action as `{what: "2 → 4, 38 s ago", why: "GPU 91 % of 75 %"}`; null when there was none. */
export function lastActionInWords(action, now) {
  if (!action) return null;
  return { what: `${change(action.from, action.to)}, ${ago(action.at, now)}`, why: action.because ?? '' };
}

/** What a metric is, for its tooltip and for who listens: `CPU 71 % of 70 %`. */
export function metricInWords({ name, state, utilization_percent: value, target_percent: target }) {
  const of = `target ${percent(target)}`;
  if (state === 'unknown' || value === null) return `${metricName(name)} unknown, ${of}`;
  const made = state === 'simulated' ? ', simulated: measured by nobody' : '';
  return `${metricName(name)} ${percent(value)}, ${of}${made}`;
}

const HAPPENED = {
  created: 'put under autoscaling',
  updated: 'changed',
  paused: 'paused',
  resumed: 'resumed',
  deleted: 'no longer under autoscaling',
  scaled: 'scaled',
  failed: 'failed',
  recovered: 'recovered',
};

/** What happened as `{what, by, why}`: `{what: "2 → 4", by: "", why: "GPU 91 % of 75 %"}`. */
export function actionInWords({ kind, from, to, message, by }) {
  if (kind === 'conflict') return { what: `${change(from, to)} by somebody else`, by: '', why: message ?? '' };
  const what = kind === 'scaled' ? change(from, to) : (HAPPENED[kind] ?? String(kind));
  // A message of the log begins with the change, which is said already.
  return { what, by: by ? `by ${by}` : '', why: (message ?? '').replace(/^\d+ -> \d+: /, '') };
}

/** `up` or `down` of a change of replicas, `bad`, `good`, or `other`: which mark it gets. */
export function actionMark({ kind, from, to }) {
  if (kind === 'scaled') return from === null || to === null || to >= from ? 'up' : 'down';
  return { failed: 'bad', recovered: 'good' }[kind] ?? 'other';
}
