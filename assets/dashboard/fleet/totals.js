// The figures over all, of which those that count what needs attention are filters as well.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { number, percent } from '../format.js';
import { ATTENTION } from './words.js';

const TIPS = {
  failed: 'The workload is gone, may not be scaled, is left to somebody else, or the autoscaler crashed',
  wants_more_than_max: 'Held at max_replicas while its load asks for more',
  metric_unknown: 'A metric with a target is not known: nothing is scaled down on it',
  none: 'Nothing needs attention',
};

export class Totals {
  /** `onAttention(name)` is called when a count is pressed; '' is all. */
  constructor(onAttention) {
    const all = this.#filter('', 'autoscalers', 'Every autoscaler', onAttention);
    this.filters = [all, ...ATTENTION.map(({ name, label }) => this.#filter(name, label, TIPS[name], onAttention))];
    this.active = figure('active');
    this.cpu = figure('average CPU', 'Of the active autoscalers whose CPU is known');
    this.ups = figure('scaled up', 'Since the service was started');
    this.downs = figure('scaled down', 'Since the service was started');
    this.root = element(
      'section',
      { class: 'totals', 'aria-label': 'Figures over all' },
      element(
        'div',
        { class: 'totals-filters', role: 'group', 'aria-label': 'Filter by attention' },
        this.filters.map(({ button }) => button),
      ),
      element(
        'dl',
        { class: 'totals-figures' },
        [this.active, this.cpu, this.ups, this.downs].map(({ root }) => root),
      ),
    );
  }

  /** Which filter is pressed. */
  setAttention(attention) {
    for (const { name, button } of this.filters) setAttribute(button, 'aria-pressed', String(name === attention));
  }

  update({ total, counts, totals }) {
    for (const { name, value, button } of this.filters) {
      const count = name === '' ? total : (counts?.[name] ?? 0);
      setText(value, number(count));
      setAttribute(button, 'data-zero', count === 0);
    }
    setText(this.active.value, number(totals?.active_autoscalers ?? null));
    // The service says 0 when it knows no CPU at all, and unknown is not zero.
    setText(this.cpu.value, totals?.average_cpu_utilization ? percent(totals.average_cpu_utilization, 1) : '–');
    setText(this.ups.value, number(totals?.total_scale_ups ?? null));
    setText(this.downs.value, number(totals?.total_scale_downs ?? null));
  }

  #filter(name, label, tip, onAttention) {
    const value = element('span', { class: 'total-value' }, '–');
    const button = element(
      'button',
      {
        type: 'button',
        class: 'total',
        'data-attention': name || 'all',
        'data-tip': tip,
        'aria-pressed': 'false',
        onclick: () => onAttention(name),
      },
      value,
      element('span', { class: 'total-label' }, label),
    );
    return { name, value, button };
  }
}

function figure(label, tip = null) {
  const value = element('dd', { class: 'total-value' }, '–');
  const root = element('div', { class: 'figure', 'data-tip': tip });
  replaceChildren(root, element('dt', { class: 'total-label' }, label), value);
  return { value, root };
}
