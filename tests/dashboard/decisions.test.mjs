// Decisions in words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { quantity, quantityValue } from '../../assets/dashboard/decisions/quantity.js';
import { against, change, cure, leading, outcome, why } from '../../assets/dashboard/decisions/words.js';

const metric = (changes = {}) => ({
  name: 'cpu', state: 'known', target_percent: 70, utilization_percent: 123, effective_utilization_percent: 123, proposed_replicas: 4,
  source: 'metrics.k8s.io/v1beta1', age_seconds: 9, coverage: null, error: null, ...changes,
});
const unknown = (changes = {}) =>
  metric({ state: 'unknown', utilization_percent: null, effective_utilization_percent: null, proposed_replicas: null, error: 'no exporter', ...changes });
const decision = (changes = {}) => ({
  outcome: 'scale_up', reason: 'DesiredWithinRange', message: 'the sentence', current_replicas: 2, desired_replicas: 4, recommended_replicas: 4,
  metrics: [metric()], steps: [], capacity: null, ...changes,
});
const held = (reason, changes = {}) =>
  decision({ outcome: 'held', reason, current_replicas: 4, desired_replicas: 4, recommended_replicas: 2, ...changes });

test('what came of it', () => {
  assert.equal(change(decision()), '2 → 4');
  assert.equal(change(held('ScaleDownStabilized')), 'stays at 4');
  assert.equal(change(decision({ outcome: 'observed' })), 'stays at 2, not 4');
  assert.equal(change(decision({ outcome: 'failed' })), 'stays at 2, not 4');
  assert.equal(change(decision({ current_replicas: null, desired_replicas: null })), 'not decided');
  assert.equal(change(decision({ current_replicas: 0, desired_replicas: 0 })), 'stays at 0', 'zero is a number');
});

test('why it went up', () => {
  assert.equal(why(decision()), 'CPU 123 % of 70 %; asks for 4.');
});

test('why it did not', () => {
  const steps = (rule, to) => [{ rule: 'metrics', from: 4, to: 9 }, { rule, from: 9, to, reason: '', message: '' }];
  assert.match(why(held('ScaleDownStabilized')), /asks for 2, but a higher recommendation is still in the scale-down window\.$/);
  assert.match(why(held('ScaleUpStabilized', { recommended_replicas: 9 })), /asks for 9, but the load must stay high for the whole scale-up window/);
  assert.match(why(held('TooManyReplicas', { recommended_replicas: 9, steps: steps('bounds', 4) })), /asks for 9, but max_replicas is 4/);
  assert.match(why(held('ScaleUpLimit', { recommended_replicas: 9, steps: steps('step_limit', 4) })), /max_scale_change allows no more at once/);
  assert.match(why(held('ScaleUpLimit', { recommended_replicas: 9, steps: steps('rate_limit', 4) })), /the rate limits allow no more added at present/);
  assert.match(why(held('InsufficientCapacity', { recommended_replicas: 9, capacity: { can_run: 4, blocked_by: 'Insufficient nvidia.com/gpu' } })),
    /asks for 9, but only 4 can run: Insufficient nvidia\.com\/gpu/);
});

test('what is unknown is said to be', () => {
  const text = why(held('FailedGetGpuMetric', { recommended_replicas: null, metrics: [unknown({ name: 'gpu' })] }));
  assert.equal(text, 'GPU is unknown: no exporter; nothing is scaled down on that.');
});

test('a metric that is unknown beside one that asks for more', () => {
  const text = why(decision({ metrics: [unknown({ name: 'gpu' }), metric()] }));
  assert.equal(text, 'CPU 123 % of 70 %; asks for 4; GPU is unknown: no exporter.');
});

test('the metric that asks for most comes first, and those without a target do not count', () => {
  const names = (...metrics) => leading(metrics).map(({ name }) => name);
  assert.deepEqual(names(metric({ proposed_replicas: 2 }), metric({ name: 'gpu', proposed_replicas: 5 }), metric({ name: 'memory', target_percent: null })),
    ['gpu', 'cpu']);
});

test('on target, near it, and by hand', () => {
  const still = (changes) => why(decision({ outcome: 'no_change', desired_replicas: 2, recommended_replicas: 2, ...changes }));
  assert.match(still({ metrics: [metric({ utilization_percent: 70 })] }), /on target/);
  assert.match(still({ metrics: [metric({ utilization_percent: 66 })] }), /2 replicas are right/);
  assert.match(still({ metrics: [metric({ utilization_percent: 66 })], recommended_replicas: 1 }), /1 replica is right/);
  assert.match(why(held('ScalingDisabled')), /scaled to zero by hand/);
});

test('failures and what could not be decided have the service’s words', () => {
  assert.equal(why(decision({ outcome: 'failed', message: 'forbidden: quota' })), 'Forbidden: quota.');
  assert.equal(why(decision({ current_replicas: null, metrics: [], message: 'workload not found' })), 'Workload not found.');
});

test('only observed', () => {
  assert.match(why(decision({ outcome: 'observed', reason: 'ObserveOnly' })), /would be 4, but nothing is scaled in the mode observe/);
  assert.equal(outcome({ outcome: 'observed' }).label, 'Observed');
  assert.equal(outcome({ outcome: 'new_one' }).label, 'new_one', 'of a later version');
});

test('what is left to somebody else is not called the mode observe', () => {
  const standby = why(decision({ outcome: 'observed', reason: 'NotLeading' }));
  assert.equal(standby, 'CPU 123 % of 70 %; would be 4, but this replica of the service does not lead, so it leaves that to the one that does.');
  assert.match(why(decision({ outcome: 'observed', reason: 'ObjectChanged' })), /would be 4, but the autoscaler was changed at that moment/);
  const yielded = decision({ outcome: 'held', reason: 'YieldedToAnother' });
  assert.match(why(yielded), /would be 4, but the workload is left to somebody else, who reversed its changes\.$/);
  assert.equal(change(yielded), 'stays at 2, not 4');
  assert.equal(why(held('ScaledByAnother', { recommended_replicas: 4 })), 'CPU 123 % of 70 %; somebody else scales the workload.');
});

test('a simulated value is never shown as a measured one', () => {
  assert.equal(against(metric({ name: 'gpu', state: 'simulated', utilization_percent: 61 })), 'GPU 61 % of 70 % (simulated)');
});

test('some messages have a cure', () => {
  assert.match(cure('exceeded quota: pods=10'), /quota/);
  assert.match(cure('missing request for cpu in container main of pod web-0'), /resource request/);
  assert.match(cure('deployments.apps "web" is forbidden'), /role/);
  const yielded = 'kubectl reversed 3 changes within 10 min, so the workload is left to it: remove it and resume the autoscaler, '
    + 'or set on_conflict to insist';
  assert.match(cure(yielded), /press Resume/);
  assert.match(cure(yielded.replace('kubectl', 'HorizontalPodAutoscaler default/web')), /press Resume/);
  assert.match(cure('Deployment default/web is already scaled by HorizontalPodAutoscaler default/web; remove that first'), /delete the other one/);
  assert.match(cure('the workload is scaled by autoscaler-1, which is older; delete one of the two'), /Two autoscalers/);
  assert.equal(cure('something else'), null);
});

test('quantities for people', () => {
  assert.equal(quantityValue('850m'), 0.85);
  assert.equal(quantityValue('1Gi'), 2 ** 30);
  assert.equal(quantityValue('many'), null);
  assert.equal(quantity('cpu', '850m'), '0.85 cores');
  assert.equal(quantity('cpu', '1'), '1 core');
  assert.equal(quantity('memory', '536870912'), '512 MiB');
  assert.equal(quantity('memory', '0'), '0 B');
  assert.equal(quantity('gpu', '1865m'), '1.86 GPUs');
  assert.equal(quantity('cpu', 'x'), 'x');
});
