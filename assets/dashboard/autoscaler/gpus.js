// The GPUs of an autoscaler's pods, device by device.

import { element, replaceChildren } from '../element.js';
import { duration, number, percent } from '../format.js';
import { cure } from '../decisions/words.js';

/** `{root, update(details)}`; hidden while no pod requests a GPU. */
export function gpuCard() {
  const note = element('span', { class: 'badge badge-unknown' }, 'simulated');
  const list = element('div', { class: 'gpu-pods' });
  const heads = element('div', { class: 'gpu-device gpu-device-heads label', 'aria-hidden': 'true' },
    element('span', {}, 'Device'), element('span', {}, 'Utilisation'), element('span', {}, 'Memory'), element('span', { class: 'gpu-device-age' }, 'Read'));
  const root = element('section', { class: 'card gpus', 'aria-label': 'GPUs', hidden: true },
    element('div', { class: 'card-head' }, element('h2', {}, 'GPUs'), note),
    heads, list);
  const update = ({ gpu, metrics = [] }) => {
    // Devices are read only while there is a target for GPUs.
    const pods = (gpu?.pods ?? []).filter((pod) => pod.devices.length > 0 || pod.error !== null);
    root.hidden = pods.length === 0;
    note.hidden = !metrics.some(({ name, state }) => name === 'gpu' && state === 'simulated');
    const seen = pods.filter((pod) => pod.devices.length > 0);
    heads.hidden = seen.length === 0;
    replaceChildren(list, blind(pods), seen.map(podRow));
  };
  return { root, update };
}

/** The pods of which no device is known, each reason once. */
function blind(pods) {
  const byError = Map.groupBy(pods.filter((pod) => pod.devices.length === 0), (pod) => pod.error);
  return [...byError].map(([error, its]) => {
    const todo = cure(error);
    return element('div', { class: 'gpu-pod gpu-blind' },
      element('p', { class: 'metric-error' }, error), todo && element('p', { class: 'faint' }, todo),
      element('p', { class: 'mono faint' }, its.map(({ pod }) => pod).join(', ')));
  });
}

function podRow(pod) {
  const facts = [
    pod.node, `${number(pod.requested)} requested`,
    pod.devices.length > 1 && pod.imbalance_percent !== null && `${percent(pod.imbalance_percent)} apart`,
  ];
  const todo = pod.error && cure(pod.error);
  return element('div', { class: 'gpu-pod' },
    element('div', { class: 'gpu-pod-head' },
      element('span', { class: 'mono gpu-pod-name' }, pod.pod),
      element('span', { class: 'faint' }, facts.filter(Boolean).join(' · ')),
      pod.devices.length !== 1 && element('span', { class: 'gpu-pod-mean' }, `mean ${percent(pod.utilization_percent)}`)),
    pod.error && element('p', { class: 'metric-error' }, pod.error, todo && element('span', { class: 'faint' }, ` ${todo}`)),
    element('ul', { class: 'gpu-devices' }, pod.devices.map(deviceRow)));
}

function deviceRow(device) {
  const { memory_used_mib: used, memory_total_mib: total } = device;
  const memory = used === null || total === null ? null : (100 * used) / total;
  const kind = [device.model, device.mig_profile && `MIG ${device.mig_profile}`, device.shared && 'shared'].filter(Boolean).join(' · ');
  return element('li', { class: 'gpu-device' },
    element('span', { class: 'gpu-device-name' }, `GPU ${device.device}${device.mig_instance ? `/${device.mig_instance}` : ''}`,
      element('span', { class: 'faint', 'data-tip': device.uuid }, kind)),
    measure('Utilisation', device.utilization_percent, percent(device.utilization_percent)),
    measure('Memory', memory, memory === null ? percent(null) : `${gibibytes(used)} of ${gibibytes(total)} GiB`),
    element('span', { class: 'gpu-device-age faint' }, `${duration(device.age_seconds)} ago`),
    device.reason && element('p', { class: 'metric-error gpu-device-error' }, device.reason));
}

const gibibytes = (mib) => number(mib / 1024, 1);

function measure(label, share, text) {
  const fill = element('span', { class: `gauge-fill ${share === null ? 'hatched' : ''}` });
  fill.style.width = share === null ? '100%' : `${Math.min(100, share).toFixed(1)}%`;
  return element('span', { class: `gpu-device-measure ${share === null ? 'gpu-device-unknown' : ''}` },
    element('span', { class: 'visually-hidden' }, `${label}: `), element('span', { class: 'gauge-track', 'aria-hidden': 'true' }, fill), element('span', { class: 'gpu-device-text' }, text));
}
