// Kubernetes quantities for people. Pure.

const SUFFIXES = { n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };
const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** The number that a quantity such as `850m` or `1Gi` stands for, or null. */
export function quantityValue(text) {
  const [, digits, suffix] = /^([+-]?[0-9.]+(?:e[+-]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  return digits === undefined || !(suffix in SUFFIXES) ? null : Number(digits) * SUFFIXES[suffix];
}

/** A quantity of a metric, such as `0.85 cores` or `512 MiB`; as it is when it makes no sense. */
export function quantity(metric, text) {
  const value = quantityValue(text);
  if (value === null || !Number.isFinite(value)) return text;
  if (metric === 'memory') return bytes(value);
  const shown = Number(value.toPrecision(3));
  if (metric === 'cpu') return `${shown} ${shown === 1 ? 'core' : 'cores'}`;
  return `${shown} ${shown === 1 ? 'GPU' : 'GPUs'}`;
}

function bytes(value) {
  const power = value < 1 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log2(value) / 10));
  return `${Number((value / 1024 ** power).toPrecision(3))} ${BYTES[power]}`;
}
