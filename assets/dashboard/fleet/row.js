// One row of the fleet: an autoscaler, or the place of one that is not known yet. Rows are used again for others.

import { element, setAttribute, setText } from '../element.js';
import { number } from '../format.js';
import { autoscalerAddress } from '../router.js';
import { MetricBar } from './metric_bar.js';
import { Sparkline } from './sparkline.js';
import { lastActionInWords, replicasInWords, stateBadge } from './words.js';

const METRICS = 4;

export class RowView {
  index = -1;
  row = undefined;

  constructor() {
    this.link = element('a', { class: 'row-name', tabindex: '-1' });
    this.kind = element('span', { class: 'row-place' });
    this.badge = element('span', {});
    this.message = element('span', { class: 'row-message' });
    this.sparkline = new Sparkline();
    this.replicas = element('span', { class: 'row-replicas' });
    this.bounds = element('span', { class: 'row-bounds' });
    this.metrics = Array.from({ length: METRICS }, () => new MetricBar());
    this.what = element('span', { class: 'row-what' });
    this.why = element('span', { class: 'row-why' });
    this.root = element(
      'div',
      { class: 'row', role: 'row' },
      cell('rowheader', 'cell-workload', this.link, this.kind),
      cell('gridcell', 'cell-state', this.badge, this.message),
      cell('gridcell', 'cell-spark', this.sparkline.root),
      cell('gridcell', 'cell-replicas', this.replicas, this.bounds),
      cell(
        'gridcell',
        'cell-metrics',
        this.metrics.map(({ root }) => root),
      ),
      cell('gridcell', 'cell-action', this.what, this.why),
    );
  }

  /** Shows `row` at `index`; `undefined` is a row that is not known yet. */
  show(index, row, rowHeight, now) {
    if (this.index !== index || this.rowHeight !== rowHeight) {
      this.index = index;
      this.rowHeight = rowHeight;
      this.root.style.transform = `translateY(${index * rowHeight}px)`;
      setAttribute(this.root, 'aria-rowindex', index + 2);
    }
    if (row !== this.row || row === undefined) this.#fill(row);
    this.tick(now);
  }

  /** Lets the ages go on. */
  tick(now) {
    const action = lastActionInWords(this.row?.last_action, now);
    setText(this.what, action?.what ?? (this.row ? 'never' : ''));
    setText(this.why, action?.why ?? '');
    setAttribute(this.why, 'data-tip', action?.why || null);
  }

  #fill(row) {
    this.row = row;
    setAttribute(this.root, 'aria-busy', row === undefined ? 'true' : null);
    setAttribute(this.root, 'data-attention', row?.attention ?? null);
    if (row === undefined) {
      setText(this.link, 'loading…');
      setAttribute(this.link, 'href', null);
      for (const part of [this.kind, this.badge, this.message, this.replicas, this.bounds]) setText(part, '');
      setAttribute(this.badge, 'class', null);
      for (const metric of this.metrics) metric.update(undefined);
      setAttribute(this.sparkline.root, 'visibility', 'hidden');
      return;
    }
    setText(this.link, row.workload_name);
    setAttribute(
      this.link,
      'data-tip',
      row.workload_name.length > 18 ? `${row.workload_namespace}/${row.workload_name}` : null,
    );
    setAttribute(this.link, 'href', autoscalerAddress(row.autoscaling_id));
    setText(this.kind, `${row.workload_namespace} · ${row.workload_type}`);
    const { label, kind } = stateBadge(row);
    setText(this.badge, label);
    setAttribute(this.badge, 'class', `badge badge-${kind}`);
    setText(this.message, row.attention_message ?? '');
    setAttribute(this.message, 'data-tip', row.attention_message);
    setAttribute(this.sparkline.root, 'visibility', null);
    this.sparkline.update(row);
    setText(this.replicas, replicasInWords(row));
    setAttribute(this.replicas, 'data-known', row.current_replicas !== null ? 'true' : 'false');
    setText(this.bounds, `${number(row.min_replicas)} to ${number(row.max_replicas)}`);
    this.metrics.forEach((metric, index) => metric.update(row.metrics[index]));
  }
}

function cell(role, name, ...children) {
  return element('div', { class: `cell ${name}`, role }, children);
}
