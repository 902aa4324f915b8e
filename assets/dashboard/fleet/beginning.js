// What is shown while there is no autoscaler: how to begin.

import { element } from '../element.js';
import { TOKEN_VARIABLE } from '../spec/export.js';

/**
 * The invitation, with a request that works as it stands on the simulated cluster. Who does not see all is not told that
 * there is none.
 */
export function beginning(origin, { hasToken, seesAll }) {
  const body =
    '{"workload_name": "web-frontend", "workload_namespace": "production",\n       "workload_type": "Deployment", "min_replicas": 2, "max_replicas": 10,\n       "target_cpu_percent": 70}';
  const token = hasToken ? `  -H "Authorization: Bearer $${TOKEN_VARIABLE}" \\\n` : '';
  return element(
    'section',
    { class: 'beginning' },
    element('h1', {}, seesAll ? 'No workload is under autoscaling yet' : 'There is no autoscaler that you may see'),
    !seesAll &&
      element(
        'p',
        {},
        'You see those of the namespaces in which the cluster lets you list ',
        element('code', {}, 'workloadautoscalers.ai-storage.io'),
        '.',
      ),
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
      `curl -X POST ${origin}/api/v1/autoscaling \\\n${token}  -H "Content-Type: application/json" \\\n  -d '${body}'`,
    ),
  );
}
