// The devices that an exporter shows, with the pods that it names.

import { element } from '../element.js';
import { number, percent, UNKNOWN } from '../format.js';
import { deviceAdvice } from './advice.js';

const HEADS = ['Device', 'Pod', 'Utilisation', 'Memory'];

export function deviceTable(devices) {
  if (devices.length === 0) return element('p', { class: 'label' }, 'It shows no device.');
  return element(
    'div',
    { class: 'table-scroll', tabindex: '0', role: 'group', 'aria-label': 'Devices' },
    // Said once more in roles: a phone lays the rows out as cards, and a table that is laid out otherwise is none
    // any more.
    element(
      'table',
      { class: 'table devices', role: 'table' },
      element(
        'thead',
        { role: 'rowgroup' },
        element(
          'tr',
          { role: 'row' },
          HEADS.map((head) => element('th', { scope: 'col', role: 'columnheader' }, head)),
        ),
      ),
      element('tbody', { role: 'rowgroup' }, devices.map(deviceRow)),
    ),
  );
}

/** `2 of 3 used`: how many devices stand for a pod. */
export function devicesInWords(devices) {
  const used = devices.filter(({ pod }) => pod !== null).length;
  return `${number(used)} of ${number(devices.length)} in use`;
}

function deviceRow(device) {
  const mig = device.mig_instance === null ? '' : ` · MIG ${device.mig_profile ?? 'instance'} #${device.mig_instance}`;
  return element(
    'tr',
    { role: 'row' },
    element(
      'th',
      { scope: 'row', role: 'rowheader' },
      element('span', { class: 'device-name' }, device.device, mig),
      element('span', { class: 'label' }, device.model ?? 'model unknown'),
    ),
    element(
      'td',
      { role: 'cell' },
      device.pod === null
        ? element('span', { class: 'label' }, 'no pod')
        : [
            element('span', {}, `${device.namespace}/${device.pod}`),
            device.shared && [' ', element('span', { class: 'badge badge-plain' }, 'shared')],
          ],
    ),
    element('td', { role: 'cell' }, utilization(device)),
    element('td', { role: 'cell' }, memory(device)),
  );
}

function utilization({ utilization_percent: value, reason }) {
  if (value !== null) return meter(value / 100, percent(value));
  return [
    element('span', { class: 'badge badge-unknown' }, UNKNOWN),
    reason && element('p', { class: 'device-reason' }, `${reason}. ${deviceAdvice(reason)}`),
  ];
}

function memory({ memory_used_mib: used, memory_total_mib: total }) {
  if (used === null || total === null) return element('span', { class: 'badge badge-unknown' }, UNKNOWN);
  return meter(total > 0 ? used / total : 0, `${number(used / 1_024, 1)} of ${number(total / 1_024, 1)} GiB`);
}

function meter(part, text) {
  const fill = element('span', { class: 'meter-fill' });
  fill.style.transform = `scaleX(${Math.min(1, Math.max(0, part)).toFixed(3)})`;
  return element(
    'span',
    { class: 'meter' },
    element('span', { class: 'meter-track', 'aria-hidden': 'true' }, fill),
    text,
  );
}
