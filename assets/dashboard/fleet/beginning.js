// What is shown while there is no autoscaler: how to begin.

import { element } from '../element.js';

/** The invitation, with a request that works as it stands on the simulated cluster. */
export function beginning(origin) {
  const body =
    '{"workload_name": "web-frontend", "workload_namespace": "production",\n       "workload_type": "Deployment", "min_replicas": 2, "max_replicas": 10,\n       "target_cpu_percent": 70}';
  return element(
    'section',
    { class: 'beginning' },
    element('h1', {}, 'No workload is under autoscaling yet'),
    element(
      'p',
      {},
      'Choose a Deployment, a StatefulSet or a ReplicaSet, its bounds, and a target for CPU, memory or GPU. The service watches it, scales it, and says here why it did, or why it did not.',
    ),
    element('p', {}, element('a', { class: 'button button-primary', href: '#/new' }, 'New autoscaler')),
    element('p', { class: 'label' }, 'or from a terminal'),
    element(
      'pre',
      { class: 'code', tabindex: '0', 'aria-label': 'Request with curl' },
      `curl -X POST ${origin}/api/v1/autoscaling \\\n  -H "Content-Type: application/json" \\\n  -d '${body}'`,
    ),
  );
}
