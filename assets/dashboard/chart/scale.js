// Scales and ticks. Pure: times are milliseconds since 1970, lengths are pixels.

/** A linear scale from `domain` to `range`, both [start, end]. An empty domain maps everything to the range's start. */
export function linear([d0, d1], [r0, r1]) {
  const factor = d1 === d0 ? 0 : (r1 - r0) / (d1 - d0);
  const scale = (value) => r0 + (value - d0) * factor;
  scale.invert = (position) => (factor === 0 ? d0 : d0 + (position - r0) / factor);
  return scale;
}

const NICE = [1, 2, 5, 10];

/** The smallest of 1, 2 and 5 times a power of ten that is at least `value`. */
export function niceStep(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return power * NICE.find((factor) => factor * power >= value * (1 - 1e-9));
}

/** Ticks from 0 for counts up to `top`: whole numbers, at most `most` of them above 0; the last one is at least `top`. */
export function countTicks(top, most) {
  const wanted = Math.max(1, Math.ceil(top));
  const step = Math.max(1, Math.ceil(niceStep(wanted / most)));
  return Array.from({ length: Math.ceil(wanted / step) + 1 }, (_, index) => index * step);
}

/** Ticks from 0 for percentages: up to 100 in halves, beyond that in nice steps. */
export function percentTicks(top) {
  if (top <= 100) return [0, 50, 100];
  return countTicks(top, 3);
}

const MINUTE = 60_000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);

/**
 * Round times within [from, to], at most `most` of them. `offsetMinutes` is the time zone's distance from UTC, so that
 * whole hours are whole where the reader lives.
 */
export function timeTicks(from, to, most, offsetMinutes = 0) {
  const least = (to - from) / Math.max(1, most);
  const step = TIME_STEPS.find((candidate) => candidate >= least) ?? TIME_STEPS.at(-1);
  const offset = offsetMinutes * MINUTE;
  const ticks = [];
  for (let time = Math.ceil((from + offset) / step) * step - offset; time <= to; time += step) ticks.push(time);
  return ticks;
}
