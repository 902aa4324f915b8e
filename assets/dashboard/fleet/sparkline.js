// The replicas of the last half hour between their bounds. The upper edge is the maximum, the lower one the minimum,
// so that how near a workload is to its bounds can be compared from row to row.

import { setAttribute, setText, svgElement } from '../element.js';
import { number } from '../format.js';

const WIDTH = 96;
const HEIGHT = 32;
const INSET = 3;

/**
 * The shapes: `line` and `gaps` are paths, `begin` is where the knowledge begins, `dot` the place of the newest
 * value, null when it is unknown. Values beyond the bounds widen the scale, and `top` and `bottom` say where the
 * bounds are then.
 */
export function sparklineShape(values, min, max, width = WIDTH, height = HEIGHT) {
  const known = values.filter((value) => value !== null);
  const low = Math.min(min, ...known);
  const high = Math.max(max, ...known, low + 1);
  const step = width / values.length;
  const x = (index) => round(index * step);
  const y = (value) => round(height - INSET - ((value - low) / (high - low)) * (height - 2 * INSET));
  const last = values.at(-1) ?? null;
  // Before the first value nobody looked; that is no gap.
  const begin = Math.max(
    0,
    values.findIndex((value) => value !== null),
  );
  const isGap = (value, index) => value === null && (known.length === 0 || index > begin);
  return {
    begin: x(begin),
    line: runs(values, (value) => value !== null)
      .map(({ from, to }) => stepPath(values, from, to, x, y))
      .join(''),
    gaps: runs(values, isGap)
      .map(({ from, to }) => `M${x(from)} 0H${x(to)}V${height}H${x(from)}Z`)
      .join(''),
    top: y(max),
    bottom: y(min),
    dot: last === null ? null : { x: round(width - 1), y: y(last) },
  };
}

/** In words, for who cannot see it. */
export function sparklineInWords(values, min, max) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return `replicas of the last ${values.length} min unknown`;
  const least = Math.min(...known);
  const most = Math.max(...known);
  const range = least === most ? `${number(least)}` : `${number(least)} to ${number(most)}`;
  const since = values.findIndex((value) => value !== null);
  const missing = values.slice(since).filter((value) => value === null).length;
  const minutes = values.length - since;
  const gaps = missing > 0 ? `, ${missing} min unknown` : '';
  return `last ${minutes} min: ${range} replicas, bounds ${number(min)} to ${number(max)}${gaps}`;
}

/** The picture, which changes with `update`. */
export class Sparkline {
  constructor() {
    this.gaps = svgElement('path', { class: 'spark-gap' });
    this.band = svgElement('rect', { class: 'spark-band' });
    this.upper = svgElement('line', { class: 'spark-bound', x1: 0, x2: WIDTH });
    this.lower = svgElement('line', { class: 'spark-bound', x1: 0, x2: WIDTH });
    this.line = svgElement('path', { class: 'spark-line' });
    this.dot = svgElement('circle', { class: 'spark-dot', r: 2.25 });
    this.most = svgElement('text', { class: 'spark-label', x: WIDTH + 6, y: INSET + 7 });
    this.least = svgElement('text', { class: 'spark-label', x: WIDTH + 6, y: HEIGHT - INSET });
    this.root = svgElement(
      'svg',
      { class: 'spark', viewBox: `0 0 ${WIDTH + 32} ${HEIGHT}`, width: WIDTH + 32, height: HEIGHT, role: 'img' },
      this.band,
      this.gaps,
      this.upper,
      this.lower,
      this.line,
      this.dot,
      this.most,
      this.least,
    );
  }

  update({ replicas, min_replicas: min, max_replicas: max }) {
    const shape = sparklineShape(replicas, min, max);
    setAttribute(this.root, 'aria-label', sparklineInWords(replicas, min, max));
    setAttribute(this.band, 'x', shape.begin);
    setAttribute(this.band, 'width', WIDTH - shape.begin);
    setAttribute(this.band, 'y', shape.top);
    setAttribute(this.band, 'height', Math.max(0, shape.bottom - shape.top));
    for (const [line, at] of [
      [this.upper, shape.top],
      [this.lower, shape.bottom],
    ]) {
      setAttribute(line, 'y1', at);
      setAttribute(line, 'y2', at);
    }
    setAttribute(this.line, 'd', shape.line);
    setAttribute(this.gaps, 'd', shape.gaps);
    setAttribute(this.dot, 'visibility', shape.dot ? null : 'hidden');
    if (shape.dot) {
      setAttribute(this.dot, 'cx', shape.dot.x);
      setAttribute(this.dot, 'cy', shape.dot.y);
    }
    setText(this.most, number(max));
    setText(this.least, number(min));
  }
}

/** The stretches `from..to` (end excluded) whose values are as wanted. */
function runs(values, isWanted) {
  const found = [];
  values.forEach((value, index) => {
    if (!isWanted(value, index)) return;
    if (found.at(-1)?.to === index) found.at(-1).to = index + 1;
    else found.push({ from: index, to: index + 1 });
  });
  return found;
}

function stepPath(values, from, to, x, y) {
  let path = `M${x(from)} ${y(values[from])}`;
  for (let index = from + 1; index < to; index += 1) {
    if (values[index] !== values[index - 1]) path += `H${x(index)}V${y(values[index])}`;
  }
  return `${path}H${x(to)}`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
