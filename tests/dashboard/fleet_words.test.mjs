import assert from 'node:assert/strict';
import { test } from 'node:test';

import { actionsOfRows, merged } from '../../assets/dashboard/fleet/feed.js';
import { filtersOf, isFiltering, queryOf } from '../../assets/dashboard/fleet/filters.js';
import { metricBar } from '../../assets/dashboard/fleet/metric_bar.js';
import { sparklineInWords, sparklineShape } from '../../assets/dashboard/fleet/sparkline.js';
import {
  actionInWords,
  actionMark,
  lastActionInWords,
  metricInWords,
  replicasInWords,
  stateBadge,
} from '../../assets/dashboard/fleet/words.js';

test('the badge says what needs attention first', () => {
  const row = { status: 'active', mode: 'active', attention: 'none' };
  assert.deepEqual(stateBadge(row), { label: 'active', kind: 'ok' });
  assert.equal(stateBadge({ ...row, mode: 'observe' }).label, 'observing');
  assert.equal(stateBadge({ ...row, attention: 'wants_more_than_max' }).label, 'wants more than max');
  assert.equal(stateBadge({ ...row, mode: 'observe', attention: 'metric_unknown' }).label, 'metric unknown');
  assert.equal(stateBadge({ ...row, status: 'inactive' }).label, 'paused');
  assert.equal(stateBadge({ ...row, status: 'failed' }).kind, 'failed');
});

test('replicas and actions in words', () => {
  assert.equal(replicasInWords({ current_replicas: 4, recommended_replicas: 6 }), '4 → 6');
  assert.equal(replicasInWords({ current_replicas: 4, recommended_replicas: 4 }), '4');
  assert.equal(replicasInWords({ current_replicas: 0, recommended_replicas: null }), '0');
  assert.equal(replicasInWords({ current_replicas: null, recommended_replicas: 4 }), 'unknown');
  const action = { at: '2026-11-27T01:59:22Z', from: 2, to: 4, because: 'GPU 91 % of 75 %' };
  assert.deepEqual(lastActionInWords(action, Date.parse('2026-11-27T02:00:00Z')), {
    what: '2 → 4, 38 s ago',
    why: 'GPU 91 % of 75 %',
  });
  assert.equal(lastActionInWords(null, 0), null);
  assert.deepEqual(actionInWords({ kind: 'scaled', from: 2, to: 4, message: 'x' }), { what: '2 → 4', by: '', why: 'x' });
  assert.equal(actionInWords({ kind: 'paused', message: '', by: 'alice' }).by, 'by alice');
  assert.equal(
    actionInWords({ kind: 'scaled', from: 2, to: 4, message: '2 -> 4: cpu 123 % (target 70 %) proposes 4' }).why,
    'cpu 123 % (target 70 %) proposes 4',
  );
  const conflict = { kind: 'conflict', from: 4, to: 2, message: 'kubectl changed the replicas from 4 to 2' };
  assert.deepEqual(actionInWords(conflict), { what: '4 → 2 by somebody else', by: '', why: conflict.message });
  assert.equal(actionMark(conflict), 'other', 'it is no change of ours');
  assert.deepEqual(actionInWords({ kind: 'something new', from: null, to: null, message: null }), {
    what: 'something new',
    by: '',
    why: '',
  });
  assert.deepEqual(
    [
      [2, 4],
      [4, 2],
    ].map(([from, to]) => actionMark({ kind: 'scaled', from, to })),
    ['up', 'down'],
  );
});

test('a bar shows a value against its target, and unknown as unknown', () => {
  const metric = (utilization_percent, state = 'known') => ({
    name: 'gpu',
    state,
    utilization_percent,
    target_percent: 75,
  });
  assert.deepEqual(metricBar(metric(0)), { fill: 0, says: 'under' });
  assert.deepEqual(metricBar(metric(75)), { fill: 2 / 3, says: 'under' });
  assert.equal(metricBar(metric(82)).says, 'under', 'within the tolerance');
  assert.equal(metricBar(metric(83)).says, 'over');
  assert.equal(metricBar(metric(500)).fill, 1);
  assert.deepEqual(metricBar(metric(null, 'unknown')), { fill: 0, says: 'unknown' });
  assert.equal(metricInWords(metric(null, 'unknown')), 'GPU unknown, target 75\u202f%');
  assert.match(metricInWords(metric(66, 'simulated')), /simulated/);
});

test('a sparkline steps, breaks where nothing is known, and shows the bounds', () => {
  const shape = sparklineShape([2, 2, 4, null, null, 3], 2, 10, 60, 32);
  assert.equal(shape.line, 'M0 29H20V22.5H30M50 25.8H60');
  assert.equal(shape.gaps, 'M30 0H50V32H30Z');
  assert.deepEqual([shape.top, shape.bottom], [3, 29]);
  assert.deepEqual(shape.dot, { x: 59, y: 25.8 });
  assert.equal(sparklineShape([2, null], 2, 10).dot, null);
  assert.equal(sparklineShape([null, null], 1, 1).line, '');
  assert.equal(
    sparklineShape([null, 2, null], 2, 10, 60, 32).gaps,
    'M40 0H60V32H40Z',
    'before the first value nobody looked',
  );
  assert.equal(sparklineShape([null, null], 2, 10, 60, 32).gaps, 'M0 0H60V32H0Z');
  // Beyond the bounds the scale widens, so that nothing is cut off.
  const beyond = sparklineShape([20], 2, 10, 60, 32);
  assert.equal(beyond.dot.y, 3);
  assert(beyond.top > beyond.dot.y);
});

test('a sparkline in words', () => {
  assert.equal(sparklineInWords([2, 4, null], 2, 10), 'last 3 min: 2 to 4 replicas, bounds 2 to 10, 1 min unknown');
  assert.equal(sparklineInWords([null, 2, 4], 2, 10), 'last 2 min: 2 to 4 replicas, bounds 2 to 10');
  assert.equal(sparklineInWords([null, null], 2, 10), 'replicas of the last 2 min unknown');
});

test('filters go into the address and come out of it, and nonsense is ignored', () => {
  const filters = { namespace: 'ml', status: 'failed', attention: 'failed', text: 'web', sort: 'name' };
  assert.deepEqual(filtersOf(queryOf(filters)), filters);
  assert.deepEqual(filtersOf({ status: 'nonsense', attention: '<b>', sort: 'x' }), {
    namespace: '',
    status: '',
    attention: '',
    text: '',
    sort: 'attention',
  });
  assert.equal(isFiltering(filtersOf({ sort: 'name' })), false);
  assert.equal(isFiltering(filtersOf({ text: 'x' })), true);
});

test('the feed keeps the newest twenty, each once', () => {
  const action = (second) => ({
    kind: 'scaled',
    at: new Date(second * 1_000).toISOString(),
    autoscaling_id: 'a',
    from: 1,
    to: second,
  });
  const many = Array.from({ length: 30 }, (_, second) => action(second));
  const kept = merged(many.slice(0, 15), many);
  assert.equal(kept.length, 20);
  assert.equal(kept[0].to, 29);
  assert.equal(merged([action(1)], [action(1)]).length, 1);
  const row = {
    autoscaling_id: 'a',
    workload_name: 'w',
    workload_namespace: 'n',
    workload_type: 'Deployment',
    last_action: { at: action(29).at, from: 1, to: 29, because: 'x' },
  };
  assert.equal(
    merged([action(29)], actionsOfRows([row, { ...row, last_action: null }])).length,
    1,
    'what a row and an event tell is the same',
  );
});
