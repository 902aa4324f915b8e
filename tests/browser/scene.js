// A small simulated cluster on which each state that the dashboard tells apart is there soon, and stays.

import { eventually } from './service.js';

const workload = (namespace, name, lines) =>
  `[[simulation.workloads]]\nkind = "Deployment"\nnamespace = "${namespace}"\nname = "${name}"\n${lines}\n`;

/** Settings as TOML. */
export const SCENE = `
[simulation]
seed = 7

[[simulation.nodes]]
name = "cpu-node"
count = 2
cpu = 64
memory = "256Gi"

[[simulation.nodes]]
name = "gpu-node"
count = 2
cpu = 32
memory = "256Gi"
gpus = 4

${workload('shop', 'web', 'replicas = 2\ncpu_request = "500m"\nready_after_seconds = 2\nload = { curve = "constant", millicores = 1200 }')}
${workload('shop', 'search', 'replicas = 2\ncpu_request = "500m"\nready_after_seconds = 2\nload = { curve = "constant", millicores = 4000 }')}
${workload('batch', 'calm', 'replicas = 3\ncpu_request = "500m"\nload = { curve = "constant", millicores = 900 }')}
${workload('batch', 'boundless', 'replicas = 1\nload = { curve = "constant", millicores = 100 }')}
${workload('batch', 'free', 'replicas = 1\ncpu_request = "500m"\nload = { curve = "constant", millicores = 100 }')}
${workload('ml', 'trainer', 'replicas = 2\ncpu_request = "1"\ngpus = 1\nload = { curve = "constant", millicores = 500 }\ngpu_load = { curve = "constant", percent = 130 }')}
`;

const definition = (workload_namespace, workload_name, fields) =>
  ({ workload_name, workload_namespace, workload_type: 'Deployment', min_replicas: 1, max_replicas: 10, ...fields });

/** What is under autoscaling: scaled from 2 to 4, held at max, in order, unknown, by GPU. `free` is left. */
export const DEFINITIONS = {
  web: definition('shop', 'web', { min_replicas: 2, target_cpu_percent: 60 }),
  search: definition('shop', 'search', { max_replicas: 3, target_cpu_percent: 50 }),
  calm: definition('batch', 'calm', { target_cpu_percent: 60 }),
  boundless: definition('batch', 'boundless', { target_cpu_percent: 60 }),
  trainer: definition('ml', 'trainer', { target_gpu_percent: 70 }),
};

/** Puts these under autoscaling; returns their ids by name. */
export async function createAutoscalers(api, names = Object.keys(DEFINITIONS)) {
  const ids = {};
  for (const name of names) ids[name] = (await api('POST', '/autoscaling', DEFINITIONS[name])).autoscaling_id;
  return ids;
}

/** Waits until each is in the state that it is meant for, in which it stays. */
export const settle = (api) => eventually('each autoscaler is in the state that it is meant for', async () => {
  const { counts, autoscalers } = await api('GET', '/fleet');
  const ready = autoscalers.every(({ updated_at: at, desired_replicas: wanted, current_replicas: there }) => at !== null && wanted === there);
  return ready && counts.wants_more_than_max === 1 && counts.metric_unknown === 1 && autoscalers.some((row) => row.last_action?.to === 4);
});
