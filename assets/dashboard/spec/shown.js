// A definition for reading.

import { element } from '../element.js';
import { duration, metricName, percent } from '../format.js';

const METRICS = ['cpu', 'memory', 'gpu', 'gpu_memory'];

/** The definition in words. What has its default and says nothing is left out. */
export function definition(spec) {
  const targets = METRICS.filter((name) => spec[`target_${name}_percent`] !== undefined);
  return element('dl', { class: 'definition' },
    entry('Replicas', `${spec.min_replicas} to ${spec.max_replicas}`),
    entry('Targets', targets.map((name) => `${metricName(name)} ${percent(spec[`target_${name}_percent`])}`).join(', ')),
    entry('Scaling up', ...policy(spec.scale_up_policy, 'up')),
    entry('Scaling down', ...policy(spec.scale_down_policy, 'down')),
    entry('Evaluated', `every ${duration(spec.interval_seconds)}`, spec.mode === 'observe' && 'only observes: scales nothing'),
    entry('Pods', spec.container_name && `only the container ${spec.container_name} counts`,
      `warm up for ${duration(spec.warm_up.cpu_initialization_seconds)}, ready after ${duration(spec.warm_up.readiness_delay_seconds)}`,
      spec.capacity === 'ignore' ? 'room on the nodes is ignored' : 'of GPU pods no more than can run'),
    spec.compatibility === 'hpa' && entry('Compatibility', 'decides as the HPA does'),
    spec.on_conflict === 'insist' && entry('Conflicts', 'goes on although others reverse it'));
}

function entry(name, ...lines) {
  return element('div', {}, element('dt', {}, name), lines.filter(Boolean).map((line) => element('dd', {}, line)));
}

function policy(policy, direction) {
  if (policy.select_policy === 'Disabled') return ['never'];
  const window = policy.stabilization_window_seconds;
  const limits = (policy.policies ?? []).map(({ type, value, period_seconds: period }) =>
    `${value}${type === 'Percent' ? ' %' : value === 1 ? ' replica' : ' replicas'} in ${duration(period)}`);
  return [
    window === 0 ? 'at once' : `window of ${duration(window)}${policy.stabilization === 'hpa' ? ', as the HPA reads it' : ''}`,
    `tolerance ${percent(policy.tolerance_percent, 2)}`,
    policy.max_scale_change > 0 && `at most ${policy.max_scale_change} ${direction === 'up' ? 'more' : 'fewer'} at once`,
    limits.length > 0 && `at most ${limits.join(policy.select_policy === 'Min' ? ' and ' : ' or ')}`,
  ];
}
