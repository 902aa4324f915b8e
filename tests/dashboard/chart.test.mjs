// The chart's arithmetic: scales, ticks, paths with gaps, hit testing, and the merging of what is read bit by bit.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { actionAt, actionIn, decisionAt, indexAt, nextAction } from '../../assets/dashboard/chart/cursor.js';
import {
  holdBetweenEvaluations, mergeHistory, readHistory, runs, since,
} from '../../assets/dashboard/chart/history.js';
import { bandPath, edgeAtActions, linePath, stepPath, trianglePath } from '../../assets/dashboard/chart/path.js';
import { countTicks, linear, niceStep, percentTicks, timeTicks } from '../../assets/dashboard/chart/scale.js';
import { describePoint, summarize } from '../../assets/dashboard/chart/words.js';

const same = (value) => value;
const STEP = 10;
const START = Date.parse('2026-11-27T02:00:00Z');

/** Points ten apart with these values. */
const points = (...values) => values.map((value, index) => ({ t: index * STEP, value }));
const value = (point) => point.value;

/** An answer of the service with one metric. */
function answer({ from = START, step = 15, current, cpu = current.map(() => 50), actions = [] }) {
  const of = (known) => current.map((replicas) => (replicas === null ? null : known));
  return {
    autoscaling_id: 'autoscaler-1',
    from: new Date(from).toISOString(),
    to: new Date(from + current.length * step * 1000).toISOString(),
    step_seconds: step,
    current_replicas: current,
    recommended_replicas: current,
    min_replicas: of(1),
    max_replicas: of(9),
    metrics: [{ name: 'cpu', utilization_percent: cpu.map((percent, index) => (current[index] === null ? null : percent)), simulated: current.map(() => false), target_percent: of(70) }],
    actions,
  };
}

test('a scale and its inverse', () => {
  const scale = linear([100, 200], [0, 50]);
  assert.equal(scale(150), 25);
  assert.equal(scale.invert(25), 150);
  assert.equal(linear([5, 5], [10, 90])(5), 10, 'an empty domain is no division by zero');
});

test('steps are nice', () => {
  assert.deepEqual([0.3, 1, 1.1, 3, 7, 30, 0].map(niceStep).map((step) => Number(step.toFixed(6))), [0.5, 1, 2, 5, 10, 50, 1]);
});

test('ticks of counts are whole and reach the top', () => {
  assert.deepEqual(countTicks(0, 4), [0, 1]);
  assert.deepEqual(countTicks(3, 4), [0, 1, 2, 3]);
  assert.deepEqual(countTicks(10, 4), [0, 5, 10]);
  assert.deepEqual(countTicks(11, 4), [0, 5, 10, 15]);
  assert.deepEqual(percentTicks(99), [0, 50, 100]);
  assert.deepEqual(percentTicks(123), [0, 50, 100, 150]);
});

test('time ticks are round where the reader lives', () => {
  const at = (text) => Date.parse(`2026-11-27T${text}Z`);
  const shown = (ticks) => ticks.map((tick) => new Date(tick).toISOString().slice(11, 16));
  assert.deepEqual(shown(timeTicks(at('02:03:00'), at('02:33:00'), 6)), ['02:05', '02:10', '02:15', '02:20', '02:25', '02:30']);
  assert.deepEqual(shown(timeTicks(at('00:10:00'), at('06:10:00'), 4)), ['02:00', '04:00', '06:00']);
  // India is at +05:30, so its whole hours are UTC's half ones.
  assert.deepEqual(shown(timeTicks(at('00:10:00'), at('03:10:00'), 3, 330)), ['00:30', '01:30', '02:30']);
});

test('a line is not drawn where nothing is known', () => {
  assert.equal(linePath(points(1, 2, null, 4, 5), STEP, value, same, same), 'M5 1L15 2M35 4L45 5');
});

test('a hole between the points is a gap as well', () => {
  assert.equal(linePath([...points(1, 2), { t: 50, value: 3 }, { t: 60, value: 3 }], STEP, value, same, same),
    'M5 1L15 2M55 3L65 3');
});

test('a point that stands alone is seen', () => {
  assert.equal(linePath(points(null, 7, null), STEP, value, same, same), 'M10 7H20');
});

test('zero is a value', () => {
  assert.equal(linePath(points(0, 0), STEP, value, same, same), 'M5 0L15 0');
});

test('nothing known draws nothing', () => {
  assert.equal(linePath(points(null, null), STEP, value, same, same), '');
  assert.equal(stepPath([], STEP, value, same, same), '');
});

test('steps change at the beginning of the span, and gaps end them', () => {
  assert.equal(stepPath(points(2, 2, 4, null, 3), STEP, value, same, same), 'M0 2H20V4H30M40 3H50');
});

test('a step is at its action', () => {
  const edge = edgeAtActions([{ at: 24, from: 2, to: 4 }], STEP);
  assert.equal(stepPath(points(2, 2, 4, 4), STEP, value, same, same, edge), 'M0 2H24V4H40');
});

test('a band is closed for each run', () => {
  const bounds = points([1, 9], null, [2, 8]);
  const low = (point) => point.value?.[0] ?? null;
  const high = (point) => point.value?.[1] ?? null;
  assert.equal(bandPath(bounds, STEP, low, high, same, same),
    'M0 9L10 9L10 1L0 1ZM20 8L30 8L30 2L20 2Z');
});

test('a band follows changed bounds', () => {
  const bounds = points([1, 9], [1, 5]);
  assert.equal(bandPath(bounds, STEP, (point) => point.value[0], (point) => point.value[1], same, same),
    'M0 9L10 9L10 5L20 5L20 1L10 1L10 1L0 1Z');
});

test('a triangle has its tip where the action leads', () => {
  assert.match(trianglePath(10, 20, 5, true), /^M10 15/);
  assert.match(trianglePath(10, 20, 5, false), /^M10 25/);
});

test('runs of the same are found, and holes part them', () => {
  const found = runs([...points('a', 'a', 'b'), { t: 50, value: 'b' }], STEP, value);
  assert.deepEqual(found.map(({ key, from, to }) => [key, from, to]), [['a', 0, 20], ['b', 20, 30], ['b', 50, 60]]);
});

test('unknown stays unknown when a history is read', () => {
  const history = readHistory(answer({ current: [3, null], cpu: [null, null] }));
  assert.equal(history.step, 15_000);
  assert.deepEqual(history.points[0].metrics.cpu, { value: null, target: 70, simulated: false });
  assert.equal(history.points[1].current, null);
});

test('newer points take the place of those that they cover', () => {
  const old = readHistory(answer({ current: [1, 1, 1, null] }));
  const newer = readHistory(answer({ from: START + 30_000, current: [2, 2, 3] }));
  const merged = mergeHistory(old, newer);
  assert.deepEqual(merged.points.map((point) => point.current), [1, 1, 2, 2, 3]);
});

test('histories that do not meet are not merged', () => {
  const old = readHistory(answer({ current: [1, 1] }));
  assert.equal(mergeHistory(old, readHistory(answer({ from: START + 60_000, current: [2] }))), null, 'a hole');
  assert.equal(mergeHistory(old, readHistory(answer({ from: START + 7_000, current: [2] }))), null, 'another grid');
  assert.equal(mergeHistory(old, readHistory(answer({ from: START, step: 60, current: [2] }))), null, 'another step');
});

test('actions are merged once', () => {
  const action = (at) => ({ at: new Date(at).toISOString(), from: 1, to: 2, because: '' });
  const old = readHistory(answer({ current: [1, 1], actions: [action(START), action(START + 20_000)] }));
  const newer = readHistory(answer({ from: START + 15_000, current: [2], actions: [action(START + 20_000)] }));
  assert.equal(mergeHistory(old, newer).actions.length, 2);
});

test('what is older than the view is let go', () => {
  const history = readHistory(answer({ current: [1, 2, 3, 4] }));
  assert.deepEqual(since(history, START + 20_000).points.map((point) => point.current), [2, 3, 4]);
});

test('a span that no evaluation fell into is no gap, but a missing evaluation is', () => {
  const held = (current, interval) => {
    const history = readHistory(answer({ current }));
    return holdBetweenEvaluations(history, interval * 1000).points.map((point) => point.current);
  };
  assert.deepEqual(held([1, null, 2, 3], 15), [1, 1, 2, 3], 'jitter');
  assert.deepEqual(held([1, null, null, null, 2], 60), [1, 1, 1, 1, 2], 'a longer interval');
  assert.deepEqual(held([1, null, null, 2], 15), [1, 1, null, 2], 'an evaluation is missing');
  assert.deepEqual(held([null, null, 2], 15), [null, null, 2], 'nothing was known before');
});

test('what is wanted is that of the span, even where values are held', () => {
  const history = readHistory({ ...answer({ current: [1, null, 2] }), max_replicas: [9, 20, 20] });
  const [, point] = holdBetweenEvaluations(history, 15_000).points;
  assert.deepEqual([point.current, point.max], [1, 20]);
});

test('an unknown metric is not held', () => {
  const history = readHistory(answer({ current: [1, 1, 1], cpu: [50, null, 60] }));
  const values = holdBetweenEvaluations(history, 15_000).points.map((point) => point.metrics.cpu.value);
  assert.deepEqual(values, [50, null, 60]);
});

test('the point under a time', () => {
  const line = points(1, 2, 3);
  assert.deepEqual([-5, 0, 9, 10, 25, 99].map((time) => indexAt(line, STEP, time)), [0, 0, 0, 1, 2, 2]);
  assert.equal(indexAt([], STEP, 5), -1);
  assert.equal(indexAt([...points(1), { t: 100, value: 2 }], STEP, 90), 1, 'the nearer side of a hole');
});

test('actions are found by direction, by distance and by span', () => {
  const actions = [{ at: 10 }, { at: 20 }, { at: 30 }];
  assert.equal(nextAction(actions, 20, 1).at, 30);
  assert.equal(nextAction(actions, 20, -1).at, 10);
  assert.equal(nextAction(actions, 30, 1), null);
  const place = (action) => [action.at, 0];
  assert.equal(actionAt(actions, place, 13, 2, 5).at, 10);
  assert.equal(actionAt(actions, place, 15.5, 0, 5).at, 20);
  assert.equal(actionAt(actions, place, 15, 40, 5), null);
  assert.equal(actionIn(actions, 11, 10).at, 20);
  assert.equal(actionIn(actions, 21, 5), null);
});

test('the decision of a time', () => {
  const decisions = [{ first: 100, last: 200 }, { first: 50, last: 60 }];
  assert.equal(decisionAt(decisions, 150, 15), decisions[0]);
  assert.equal(decisionAt(decisions, 70, 15), decisions[1], 'it held until the next one was due');
  assert.equal(decisionAt(decisions, 80, 15), null, 'nothing was decided then');
  assert.equal(decisionAt(decisions, 90, 15), decisions[0], 'a pixel beside it');
  assert.equal(decisionAt(decisions, 20, 15), null, 'older than what is kept');
});

test('the summary has extents, targets and actions, and says unknown', () => {
  const clock = (time) => new Date(time).toISOString().slice(11, 19);
  const actions = [{ at: new Date(START).toISOString(), from: 2, to: 4, because: '' }];
  const text = summarize(readHistory(answer({ current: [2, 4, null], cpu: [40, 91, null], actions })), clock);
  assert.equal(text, 'From 02:00:00 to 02:00:45. Replicas between 2 and 4. CPU between 40 % and 91 %, target 70 %. '
    + '1 scale action, the last at 02:00:00: 2 to 4.');
  assert.match(summarize(readHistory(answer({ current: [2], cpu: [null] })), clock), /CPU unknown, target 70 %\./);
  assert.equal(summarize(readHistory(answer({ current: [] })), clock), 'Nothing has been recorded in this time yet.');
});

test('a point in words', () => {
  const clock = (time) => new Date(time).toISOString().slice(11, 19);
  const [point, unknown] = readHistory(answer({ current: [2, null], cpu: [0, null] })).points;
  assert.equal(describePoint(point, ['cpu'], { from: 2, to: 4 }, clock),
    '02:00:00: 2 replicas, recommended 2, bounds 1 to 9, CPU 0 % of 70 %, scaled 2 to 4');
  assert.equal(describePoint(unknown, ['cpu'], null, clock),
    '02:00:15: unknown replicas, recommended unknown, CPU unknown');
});
