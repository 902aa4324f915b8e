// All that a decision was made of: steps, metrics, pods, conditions, and what is on its way.

import { element, setText } from '../element.js';
import { duration, metricName, milliseconds, number, percent, timeOfDay } from '../format.js';
import { quantity } from './quantity.js';
import { cure, leading, ruleName } from './words.js';

const PODS_AT_FIRST = 12;

/** `{root, tick(now)}` of a decision as the API has it. */
export function decisionDetails(decision) {
  const countdown = earliest(decision);
  const root = element('div', { class: 'details' },
    countdown?.root,
    decision.rules_by && element('p', { class: 'faint foreign' }, `By the definition of ${decision.rules_by}.`),
    steps(decision), metrics(decision), onItsWay(decision), pods(decision), conditions(decision),
    section('In the service\u2019s words', element('p', { class: 'details-sentence' }, decision.message)));
  return { root, tick: (now) => countdown?.tick(now) };
}

/** When windows and limits would let the count change, counting down. Null when nothing holds it. */
export function earliest({ earliest_action: at }) {
  const then = milliseconds(at);
  if (then === null) return null;
  const [before, text, after] = [element('span', {}), element('span', { class: 'countdown' }), element('span', {})];
  const root = element('p', { class: 'details-earliest' }, before, text, after);
  const tick = (now) => {
    const ahead = then > now;
    setText(before, ahead ? 'Could change ' : 'By windows and limits it could change from ');
    setText(text, ahead ? `in ${minutes(then - now)}, at ${timeOfDay(then)}` : timeOfDay(then));
    setText(after, ahead ? ', if all else stays as it is.' : ' on.');
  };
  return { root, tick };
}

/** `3:07` of milliseconds. */
export function minutes(span) {
  const seconds = Math.max(0, Math.ceil(span / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function section(title, ...content) {
  const present = content.flat().filter(Boolean);
  return present.length === 0 ? null : element('section', { class: 'details-section' }, element('h3', {}, title), present);
}

function steps({ steps: all }) {
  if (all.length === 0) return null;
  return section('Steps', element('ol', { class: 'steps' }, all.map((step) => element('li', {},
    element('span', { class: 'step-rule' }, ruleName(step.rule)),
    element('span', { class: 'step-change' }, `${step.from} → ${step.to}`),
    element('span', { class: 'step-message', 'data-tip': step.reason }, step.message)))));
}

function metrics(decision) {
  const withTarget = leading(decision.metrics);
  const others = decision.metrics.filter((metric) => !withTarget.includes(metric) && metric.utilization_percent !== null);
  return section('Metrics', withTarget.map((metric) => metricRow(metric)), others.map((metric) => metricRow(metric)));
}

function metricRow(metric) {
  const { utilization_percent: value, effective_utilization_percent: effective, target_percent: target, coverage } = metric;
  const measures = [
    effective !== null && effective !== value && `${percent(effective)} with what is missing filled in`,
    metric.source, metric.age_seconds !== null && `${duration(metric.age_seconds)} old`,
    coverage && podsCounted(coverage),
  ].filter(Boolean);
  const treatment = metric.error && cure(metric.error);
  return element('div', { class: 'metric-row' },
    element('div', { class: 'metric-line' },
      element('span', { class: 'metric-title' }, metricName(metric.name)),
      element('span', {}, percent(value), target !== null && element('span', { class: 'faint' }, ` of ${percent(target)}`)),
      metric.state !== 'known' && element('span', { class: 'badge badge-unknown' }, metric.state),
      element('span', { class: 'metric-proposal' }, metric.proposed_replicas !== null && target !== null ? `asks for ${metric.proposed_replicas}` : target === null && 'no target')),
    measures.length > 0 && element('p', { class: 'faint' }, measures.join(' · ')),
    metric.error && element('p', { class: 'metric-error' }, metric.error),
    treatment && element('p', { class: 'faint' }, treatment));
}

function podsCounted({ measured_pods: measured, unready_pods: unready, missing_pods: missing }) {
  return [`${measured} measured`, unready > 0 && `${unready} unready`, missing > 0 && `${missing} missing`].filter(Boolean).join(', ');
}

function onItsWay({ rollout, in_flight: inFlight, capacity }) {
  const lines = [];
  if (rollout) lines.push(`A rollout is in progress: ${rollout.new_pods} new and ${rollout.old_pods} old pods.`);
  if (inFlight) {
    const waiting = [[inFlight.pending_pods, 'pending'], [inFlight.not_created, 'not created yet'], [inFlight.unschedulable_pods, 'without a node']];
    lines.push(`Replicas on their way: ${waiting.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`).join(', ')}.`);
    if (inFlight.scheduler_message) lines.push(`The scheduler: ${inFlight.scheduler_message}`);
  }
  if (capacity) {
    if (capacity.error) lines.push(`Room on the nodes is unknown: ${capacity.error}`);
    else if (capacity.can_run !== null) {
      lines.push(`Room on the nodes: ${capacity.can_run} can run${capacity.blocked ? `, ${capacity.blocked} blocked: ${capacity.blocked_by}` : ''}.`);
    }
  }
  return section('On the way', lines.map((line) => element('p', {}, line)));
}

function pods({ inputs, metrics: all }) {
  const names = all.filter((metric) => metric.target_percent !== null).map(({ name }) => name);
  if (inputs.pods.length === 0) return null;
  const list = element('ul', { class: 'pods' }, inputs.pods.slice(0, PODS_AT_FIRST).map((pod) => podRow(pod, names)));
  const hidden = inputs.pods.length - PODS_AT_FIRST;
  const more = hidden > 0 && element('button', {
    type: 'button', class: 'button-link',
    onclick: () => {
      list.append(...inputs.pods.slice(PODS_AT_FIRST).map((pod) => podRow(pod, names)));
      more.remove();
    },
  }, `Show ${number(hidden)} more`);
  const strays = inputs.strays > 0 && element('p', { class: 'faint' }, `${number(inputs.strays)} readings of pods that are not the workload\u2019s.`);
  return section(`Pods (${number(inputs.pods.length)})`, list, more, strays);
}

function podRow(pod, names) {
  const facts = [pod.phase, pod.terminating && 'being deleted', pod.node, pod.usage_age_seconds !== null && `CPU and memory ${duration(pod.usage_age_seconds)} old`];
  return element('li', {},
    element('div', { class: 'pod-name mono' }, pod.name),
    element('div', { class: 'faint' }, facts.filter(Boolean).join(' · ')),
    names.map((name) => standing(name, pod[name])),
    pod.devices.length > 0 && names.some((name) => name.startsWith('gpu')) && element('div', { class: 'faint' },
      pod.devices.map((device) => `GPU ${device.device}: ${percent(device.utilization_percent)}, ${duration(device.age_seconds)} old`).join('; ')),
    pod.unschedulable && element('p', { class: 'metric-error' }, pod.unschedulable),
    pod.gpu_error && element('p', { class: 'metric-error' }, pod.gpu_error));
}

function standing(name, its) {
  const used = its.usage === null ? 'usage unknown' : quantity(name, its.usage);
  const asked = its.request === null ? '' : ` of ${quantity(name, its.request)}`;
  return element('div', { class: `standing standing-${its.state}` },
    element('span', { class: 'standing-metric' }, metricName(name)),
    element('span', {}, `${used}${asked}`),
    element('span', { class: 'standing-state' }, its.why ? `${its.state}: ${its.why}` : its.state));
}

function conditions({ conditions: all }) {
  if (all.length === 0) return null;
  return section('Conditions', element('ul', { class: 'conditions' }, all.map((condition) => element('li', {},
    element('div', {}, element('span', { class: 'mono' }, condition.type), ` ${condition.status} `, element('span', { class: 'faint' }, condition.reason)),
    element('p', { class: 'faint' }, condition.message)))));
}
