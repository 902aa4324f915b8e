// What to do about a source that fails, by what it says. The wording of the faults is the service's.

const CLUSTER = [
  [
    /does not accept the service's credentials|cannot log in/,
    'The API server refuses who the service says it is.',
    'Renew the token of its service account, or the user in its kubeconfig, and look whether the account still exists.',
  ],
  [
    /forbidden|answers 403/i,
    'The service may not watch this resource.',
    'The message names verb and resource: give the role exactly that. deploy/base has the whole role; apply it again.',
  ],
  [
    /cannot be reached|timed? ?out|refused/i,
    'The API server does not answer.',
    'Look at the API server and the network between. Everything is held meanwhile; the service tries again by itself, and the outage causes no action.',
  ],
  [
    /have not been read yet/,
    'The service has just started.',
    'Wait a moment. If it stays so, the log says which list does not arrive.',
  ],
  [
    /makes no sense/,
    'Something between answers in place of the API server.',
    'Look at proxies, and at the address in the kubeconfig.',
  ],
  [
    /answers 5\d\d|429|overload/i,
    'The API server is overloaded or fails.',
    'Look at the API server. The service asks less often by itself until it recovers.',
  ],
  [/^/, 'The cluster cannot be watched.', "The service's log says more. Everything is held meanwhile."],
];

const CAPACITY = [
  [
    /forbidden|answers 403/i,
    'The service may not watch nodes.',
    'Give its role "nodes: list, watch", as in deploy/base. Until then the room for GPU pods is unknown and limits nothing.',
  ],
];

const EXPORTERS = [
  [
    /match(es)?, but do(es)? not run/,
    'The exporter is installed, but its pods do not run.',
    'Look at these pods: kubectl describe says why they do not start.',
  ],
  [
    /no DCGM exporter found/,
    'No pod looks like a DCGM exporter.',
    'Install it, or set gpu.namespace and gpu.selectors (the GPU operator: gpu-operator, app=nvidia-dcgm-exporter).',
  ],
];

const EXPORTER = [
  [
    /nothing is sent to/,
    'The settings do not let requests go there.',
    'If an exporter is really at this address, change outgoing.deny or outgoing.allow. If not, look at who made its pod.',
  ],
  [
    /answered with a redirect/,
    'It sends requests elsewhere, where the service does not follow.',
    'Set gpu.path or gpu.urls to where its metrics are.',
  ],
  [
    /refused/i,
    'Nothing listens on this address.',
    "Look at the exporter's log, and whether it listens on this port (9400 by default).",
  ],
  [
    /no complete answer within/,
    'The exporter hangs, or something keeps the service from it.',
    "Look for a NetworkPolicy that keeps the service from port 9400, and at the exporter's log.",
  ],
  [
    /breaks off/,
    'The answer ends in the middle.',
    'The exporter, or a proxy before it, ends connections early: look at its log and its memory limit.',
  ],
  [
    /answered with status/,
    'Something answers there, but not with metrics.',
    'Check gpu.path (/metrics by default) and the port: this may not be the DCGM exporter at all.',
  ],
  [
    /answer is longer/,
    "Its answer is longer than an exporter's ever is.",
    "Check that the address is a DCGM exporter's. If it is, raise gpu.max_answer_kib.",
  ],
  [
    /shows no GPU/,
    'The answer has nothing of a DCGM exporter.',
    'Check the address: ai-storage-orchestrator gpu-readings --url ADDRESS shows what the service reads there.',
  ],
  [
    /^/,
    'The exporter cannot be reached.',
    "Look for a NetworkPolicy that keeps the service from port 9400, whether the node is ready, and at the exporter's log.",
  ],
];

const RULES = {
  cluster: CLUSTER,
  capacity: [...CAPACITY, ...CLUSTER],
  exporters: [...EXPORTERS, ...CLUSTER],
  exporter: EXPORTER,
};

/**
 * `{cause, action}` for a fault of a source. `kind` is `cluster`, `capacity`, `exporters` (none is found) or
 * `exporter` (one fails).
 */
export function advice(kind, error) {
  const [, cause, action] = RULES[kind].find(([pattern]) => pattern.test(error));
  return { cause, action };
}

/** What to do about a device whose value is unknown, by the reason. */
export function deviceAdvice(reason) {
  if (/is blank|not within|no value/.test(reason))
    return "The exporter shows impossible values: look at its version, or the driver's.";
  return 'Look at which fields the exporter is told to show: DCGM_FI_DEV_GPU_UTIL or DCGM_FI_PROF_GR_ENGINE_ACTIVE is needed.';
}
