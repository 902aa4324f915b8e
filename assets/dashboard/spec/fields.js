// The fields of an autoscaler's definition, as docs/api.md has them: what they are called, mean, and may be. Pure.

const whole = (least, most) => ({ kind: 'integer', least, most });
const number = (least) => ({ kind: 'number', least });
const choice = (...options) => ({ kind: 'choice', options });

const WORKLOAD = [
  { path: 'workload_namespace', label: 'Namespace', required: true, kind: 'label' },
  { path: 'workload_name', label: 'Name', required: true, kind: 'subdomain' },
  {
    path: 'workload_type', label: 'Kind', required: true, initial: 'auto',
    ...choice(
      ['auto', 'auto: looked up by name'], ['Deployment', 'Deployment'], ['StatefulSet', 'StatefulSet'],
      ['ReplicaSet', 'ReplicaSet'],
    ),
  },
];

const BOUNDS = [
  { path: 'min_replicas', label: 'Minimum', unit: 'replicas', required: true, ...whole(1) },
  { path: 'max_replicas', label: 'Maximum', unit: 'replicas', required: true, ...whole(1) },
];

const TARGETS = [
  ['target_cpu_percent', 'CPU', 'of the CPU that the pods request'],
  ['target_memory_percent', 'Memory', 'of the memory that the pods request'],
  ['target_gpu_percent', 'GPU', "mean of a pod's devices"],
  ['target_gpu_memory_percent', 'GPU memory', "of all memory of a pod's devices"],
].map(([path, label, hint]) => ({ path, label, hint, unit: '%', placeholder: 'none', zeroIsNone: true, ...whole(0, 100) }));

function policy(direction, window) {
  const prefix = `scale_${direction}_policy`;
  return [
    {
      path: `${prefix}.stabilization_window_seconds`, label: 'Stabilization window', unit: 's', initial: String(window),
      hint: direction === 'up' ? 'the load must stay high for so long' : 'the highest recommendation of so long counts',
      ...whole(0, 3600),
    },
    {
      path: `${prefix}.max_scale_change`, label: 'Step limit', unit: 'replicas', placeholder: 'none', zeroIsNone: true,
      hint: 'per operation', ...whole(0),
    },
    {
      path: `${prefix}.tolerance_percent`, label: 'Tolerance', unit: '%', initial: '10',
      hint: 'deviation from the target that changes nothing', ...number(0),
    },
    {
      path: `${prefix}.stabilization`, label: 'How the window decides', initial: 'default',
      ...choice(
        ['default', 'default'],
        ['hpa', direction === 'up' ? 'hpa: least counts' : 'hpa'],
      ),
    },
    {
      path: `${prefix}.select_policy`, label: 'Of several rate limits', initial: 'Max',
      ...choice(['Max', 'Max: allows most'], ['Min', 'Min: allows least'],
        ['Disabled', `Disabled: never scale ${direction}`]),
    },
    { path: `${prefix}.policies`, label: 'Rate limits', kind: 'policies' },
  ];
}

const REST = [
  {
    path: 'mode', label: 'Mode', initial: 'active',
    ...choice(['active', 'active: scales'], ['observe', 'observe: scales nothing']),
  },
  { path: 'interval_seconds', label: 'Evaluated every', unit: 's', initial: '15', ...whole(1, 3600) },
  {
    path: 'compatibility', label: 'Compatibility', initial: 'default',
    ...choice(['default', 'default'], ['hpa', 'hpa: decides as the HPA']),
  },
  {
    path: 'capacity', label: 'Room for GPU pods', initial: 'respect',
    ...choice(['respect', 'respect: no more than run'], ['ignore', 'ignore: nodes will come']),
  },
  {
    path: 'on_conflict', label: 'When others reverse it', initial: 'yield',
    hint: '3 times within 10 min',
    ...choice(['yield', 'yield: leave it to them'], ['insist', 'insist: go on']),
  },
  {
    path: 'container_name', label: 'Container', kind: 'label', placeholder: 'all',
    hint: 'the only one whose CPU and memory count',
  },
  {
    path: 'warm_up.cpu_initialization_seconds', label: 'Warm-up', unit: 's', initial: '300',
    hint: 'a pod that starts counts with care for so long', ...number(0),
  },
  {
    path: 'warm_up.readiness_delay_seconds', label: 'Readiness delay', unit: 's', initial: '30',
    hint: 'unready since its start plus so long: never been ready', ...number(0),
  },
];

/** The groups of the form, in their order. */
export const GROUPS = [
  { id: 'workload', title: 'Workload', fields: WORKLOAD },
  { id: 'bounds', title: 'Replicas', fields: BOUNDS },
  { id: 'targets', title: 'Targets', hint: 'At least one. The metric that asks for most replicas decides.', fields: TARGETS },
  { id: 'up', title: 'Scaling up', hint: 'Window, step limit, tolerance, rate limits', fields: policy('up', 0), advanced: true },
  { id: 'down', title: 'Scaling down', hint: 'Window, step limit, tolerance, rate limits', fields: policy('down', 300), advanced: true },
  { id: 'rest', title: 'Behaviour', hint: 'Mode, interval, compatibility, warm-up, capacity, conflicts', fields: REST, advanced: true },
];

/** All fields. */
export const FIELDS = GROUPS.flatMap((group) => group.fields);

/** The fields of one rate limit. */
export const RATE_FIELDS = [
  { path: 'type', label: 'Type', required: true, initial: 'Pods', ...choice(['Pods', 'Pods'], ['Percent', 'Percent']) },
  { path: 'value', label: 'Value', required: true, initial: '4', ...whole(1) },
  { path: 'period_seconds', label: 'Period', unit: 's', required: true, initial: '60', ...whole(1, 1800) },
];

/** The most rate limits in one direction. */
export const MOST_POLICIES = 16;

/** Where faults about all targets together belong. */
export const TARGETS_GROUP = 'targets';
