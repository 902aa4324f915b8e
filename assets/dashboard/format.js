// Numbers and times in words. Unknown is never zero: what is null is said to be unknown.

export const UNKNOWN = 'unknown';
const THIN_SPACE = '\u202f';
const MINUS = '\u2212';

const METRIC_NAMES = { cpu: 'CPU', memory: 'Memory', gpu: 'GPU', gpu_memory: 'GPU memory' };

/** `12 345`, or `unknown`. At most `decimals` decimals. */
export function number(value, decimals = 0) {
  if (!isNumber(value)) return UNKNOWN;
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE) : whole;
  const shown = fraction === undefined || /^0*$/.test(fraction) ? grouped : `${grouped}.${fraction.replace(/0+$/, '')}`;
  return value < 0 && /[1-9]/.test(shown) ? MINUS + shown : shown;
}

/** `71 %`, or `unknown`. */
export function percent(value, decimals = 0) {
  return isNumber(value) ? `${number(value, decimals)}${THIN_SPACE}%` : UNKNOWN;
}

/** A duration in its greatest unit: `38 s`, `5 min`, `3 h`, `2 d`. */
export function duration(seconds) {
  if (!isNumber(seconds)) return UNKNOWN;
  const positive = Math.max(0, seconds);
  if (positive < 60) return `${Math.floor(positive)} s`;
  if (positive < 3_600) return `${Math.floor(positive / 60)} min`;
  if (positive < 86_400) return `${Math.floor(positive / 3_600)} h`;
  return `${Math.floor(positive / 86_400)} d`;
}

/**
 * `38 s ago`, `now` within the last second, or `never` when there is no such time. Both times as milliseconds or
 * text.
 */
export function ago(at, now) {
  const then = milliseconds(at);
  if (then === null) return 'never';
  const seconds = (milliseconds(now) - then) / 1_000;
  return seconds < 1 ? 'now' : `${duration(seconds)} ago`;
}

/** The local time of day, `14:03:27`. */
export function timeOfDay(at) {
  const then = milliseconds(at);
  if (then === null) return UNKNOWN;
  const date = new Date(then);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** Milliseconds since 1970 of a time as in RFC 3339 (or of milliseconds), null when it is none. */
export function milliseconds(at) {
  if (isNumber(at)) return at;
  const parsed = typeof at === 'string' ? Date.parse(at) : NaN;
  return Number.isNaN(parsed) ? null : parsed;
}

/** `2 → 4`, with what is null left out. */
export function change(from, to) {
  if (!isNumber(from)) return isNumber(to) ? `→ ${number(to)}` : UNKNOWN;
  return isNumber(to) ? `${number(from)} → ${number(to)}` : number(from);
}

/** `1 autoscaler`, `2 autoscalers`. */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** `GPU memory` of `gpu_memory`. */
export function metricName(name) {
  return METRIC_NAMES[name] ?? String(name);
}

function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}
