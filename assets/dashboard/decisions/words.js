// A decision in words: what came of it, and why. Pure. The service's own sentence is shown beside, as it is.

import { metricName } from '../format.js';

const OUTCOMES = {
  scale_up: { label: 'Scaled up', tone: 'good' },
  scale_down: { label: 'Scaled down', tone: 'good' },
  no_change: { label: 'No change', tone: 'quiet' },
  held: { label: 'Held', tone: 'warning' },
  observed: { label: 'Observed', tone: 'info' },
  failed: { label: 'Failed', tone: 'bad' },
};

/** An outcome's name for people, and its tone: good, quiet, warning, info or bad. */
export function outcome(decision) {
  return OUTCOMES[decision.outcome] ?? { label: decision.outcome, tone: 'quiet' };
}

/** What came of it: "2 → 4", or "stays at 4". */
export function change({ current_replicas: current, desired_replicas: desired, outcome: its }) {
  if (current === null || desired === null) return 'not decided';
  if (current === desired) return `stays at ${current}`;
  if (its === 'scale_up' || its === 'scale_down') return `${current} → ${desired}`;
  return `stays at ${current}, not ${desired}`;
}

/** A metric with its target: "CPU 91 % of 70 %". */
export function against(metric) {
  const name = metricName(metric.name);
  if (metric.utilization_percent === null) return `${name} unknown`;
  const simulated = metric.state === 'simulated' ? ' (simulated)' : '';
  return `${name} ${metric.utilization_percent} % of ${metric.target_percent} %${simulated}`;
}

/** The metrics with a target, those that ask for most first. */
export function leading(metrics) {
  return metrics
    .filter((metric) => metric.target_percent !== null && metric.target_percent !== undefined)
    .sort((a, b) => (b.proposed_replicas ?? -1) - (a.proposed_replicas ?? -1));
}

function lastStep(decision, rule) {
  return decision.steps.findLast((step) => step.rule === rule);
}

// Why the number that the metrics ask for did not come about.
const HOLDS = {
  ScaleDownStabilized: () => 'a higher recommendation is still in the scale-down window',
  ScaleUpStabilized: () => 'the load must stay high for the whole scale-up window',
  ScaleUpLimit: (decision) => limit(decision, 'up'),
  ScaleDownLimit: (decision) => limit(decision, 'down'),
  TooManyReplicas: (decision) => bound(decision, 'max_replicas'),
  TooFewReplicas: (decision) => bound(decision, 'min_replicas'),
  InsufficientCapacity: ({ capacity }) =>
    (capacity?.can_run === null || capacity?.can_run === undefined ? 'the nodes have no room for more'
      : `only ${capacity.can_run} can run${capacity.blocked_by ? `: ${capacity.blocked_by}` : ''}`),
};

// Why the number that was decided on is not done.
const NOT_DONE = {
  NotLeading: 'this replica of the service does not lead, so it leaves that to the one that does',
  ObjectChanged: 'the autoscaler was changed at that moment, so it is decided again',
  YieldedToAnother: 'the workload is left to somebody else, who reversed its changes',
  ScaledByAnother: 'somebody else scales the workload',
};

function limit(decision, direction) {
  if (lastStep(decision, 'step_limit')) return 'max_scale_change allows no more at once';
  return `the rate limits allow no more ${direction === 'up' ? 'added' : 'removed'} at present`;
}

function bound(decision, field) {
  const step = lastStep(decision, 'bounds');
  return step ? `${field} is ${step.to}` : `${field} is reached`;
}

/** Why, in a line. */
export function why(decision) {
  const metrics = leading(decision.metrics);
  const known = metrics.filter((metric) => metric.proposed_replicas !== null && metric.proposed_replicas !== undefined);
  const unknown = metrics.filter((metric) => !known.includes(metric));
  if (decision.reason === 'ScalingDisabled') return 'The workload was scaled to zero by hand, so it is left alone.';
  if (decision.current_replicas === null || decision.outcome === 'failed') return sentence(decision.message);
  const asked = known.length > 0 ? against(known[0]) : null;
  const blind = unknown.map((metric) => `${metricName(metric.name)} is unknown${metric.error ? `: ${metric.error}` : ''}`);
  const parts = [];
  if (asked) parts.push(asked);
  const wanted = decision.recommended_replicas;
  const hold = HOLDS[decision.reason]?.(decision);
  const notDone = NOT_DONE[decision.reason];
  if (notDone) {
    const { current_replicas: current, desired_replicas: desired } = decision;
    parts.push(current === desired ? notDone : `would be ${desired}, but ${notDone}`);
  } else if (decision.outcome === 'observed') {
    parts.push(`would be ${decision.desired_replicas}, but nothing is scaled in the mode observe`);
  } else if (hold && wanted !== null && wanted !== decision.desired_replicas) {
    parts.push(`asks for ${wanted}, but ${hold}`);
  } else if (wanted !== null && decision.outcome === 'no_change' && asked) {
    parts.push(known[0].utilization_percent === known[0].target_percent ? 'on target' : `${wanted} ${wanted === 1 ? 'replica is' : 'replicas are'} right`);
  } else if (wanted !== null && asked) {
    parts.push(`asks for ${wanted}`);
  }
  if (decision.outcome === 'held' && blind.length > 0) parts.push(`${blind.join('; ')}; nothing is scaled down on that`);
  else parts.push(...blind);
  return parts.length > 0 ? sentence(parts.join('; ')) : sentence(decision.message);
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

const CURES = [
  [/reversed \d+ changes/i, 'Find out what sets the replicas there, for instance a manifest that is applied again, and take them out. Then press Resume.'],
  [/which is older; delete one/i, 'Two autoscalers must not scale one workload: delete this one, or the older one, and this one takes over.'],
  [/quota/i, 'Raise the quota, or lower max_replicas.'],
  [/not found|does not exist|is gone/i, 'Create the workload again, or delete this autoscaler. It recovers by itself.'],
  [/forbidden|not allowed|403/i, 'Check the role of the service: deploy/ has the one that it needs.'],
  [/HorizontalPodAutoscaler|\bHPA\b|ScaledObject|KEDA/i, 'Two controllers must not scale one workload: delete the other one, or this autoscaler.'],
  [/missing request/i, 'Give the container a resource request: utilisation is measured against it.'],
  [/metrics\.k8s\.io|metrics-server/i, 'Check metrics-server: kubectl get apiservice v1beta1.metrics.k8s.io'],
  [/requests a GPU/i, 'Take the GPU target away, or let the pods request GPUs.'],
  [/exporter|DCGM/i, "See the sources page: each exporter's error and what to do."],
  [/Insufficient|unschedulable|no node/i, 'Add nodes, or lower max_replicas. With a cluster autoscaler set capacity to ignore.'],
  [/crash|panic|restart/i, 'The service restarts it by itself; its log says what happened.'],
];

/** What to do about a message, or null. */
export function cure(message) {
  return CURES.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

/** What the rules are called. */
export function ruleName(rule) {
  return {
    metrics: 'Metrics', stabilization: 'Window', step_limit: 'Step limit', rate_limit: 'Rate limits', bounds: 'Bounds',
    capacity: 'Capacity',
  }[rule] ?? rule;
}
