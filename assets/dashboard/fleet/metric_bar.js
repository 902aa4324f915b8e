// A metric against its target. The target's mark stands at the same place in every bar, so a column of bars shows at
// a glance who is beyond.

import { element, setAttribute, setText } from '../element.js';
import { percent } from '../format.js';
import { metricInWords } from './words.js';

/** Where the target's mark is, as a part of the bar; what is beyond 1.5 times the target fills the bar. */
const TARGET_AT = 2 / 3;
/** The default tolerance: what is beyond the target by less than that makes nobody scale. */
const TOLERANCE = 0.1;
const SHORT = { cpu: 'CPU', memory: 'Mem', gpu: 'GPU', gpu_memory: 'VRAM' };

/**
 * How much of the bar is filled (0 to 1) and what it says: `under`, `over` (by more than the tolerance) or `unknown`.
 */
export function metricBar({ state, utilization_percent: value, target_percent: target }) {
  if (state === 'unknown' || value === null || !(target > 0)) return { fill: 0, says: 'unknown' };
  const ratio = value / target;
  return { fill: Math.min(1, ratio * TARGET_AT), says: ratio > 1 + TOLERANCE ? 'over' : 'under' };
}

/** The bar with its name and value, which changes with `update`. */
export class MetricBar {
  constructor() {
    this.name = element('span', { class: 'metric-name' });
    this.fill = element('span', { class: 'metric-fill' });
    this.value = element('span', { class: 'metric-value' });
    this.spoken = element('span', { class: 'visually-hidden' });
    this.root = element(
      'span',
      { class: 'metric' },
      element(
        'span',
        { class: 'metric-shown', 'aria-hidden': 'true' },
        this.name,
        element('span', { class: 'metric-track' }, this.fill, element('span', { class: 'metric-target' })),
        this.value,
      ),
      this.spoken,
    );
  }

  /** Shows this metric; nothing when it is undefined. */
  update(metric) {
    this.root.hidden = metric === undefined;
    if (metric === undefined) return;
    const { fill, says } = metricBar(metric);
    const words = metricInWords(metric);
    setText(this.name, SHORT[metric.name] ?? metric.name);
    setText(this.value, says === 'unknown' ? 'unknown' : percent(metric.utilization_percent));
    setText(this.spoken, `${words}. `);
    setAttribute(this.root, 'data-tip', words);
    setAttribute(this.root, 'data-says', says);
    setAttribute(this.root, 'data-simulated', metric.state === 'simulated');
    const transform = `scaleX(${fill.toFixed(3)})`;
    if (this.fill.style.transform !== transform) this.fill.style.transform = transform;
  }
}
