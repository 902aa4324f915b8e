// The DCGM exporters, those that fail first, each with its devices.

import { element } from '../element.js';
import { ago, duration, number, timeOfDay } from '../format.js';
import { serverNow } from '../server_clock.js';
import { deviceTable, devicesInWords } from './device_table.js';
import { fault, stateBadge } from './source_item.js';

const URGENCY = { failing: 0, ok: 1, unread: 2 };

/** `exporters` in the order in which they are shown. */
export function inOrder(exporters) {
  return [...exporters].sort(
    (one, other) => (URGENCY[one.state] ?? 0) - (URGENCY[other.state] ?? 0) || one.name.localeCompare(other.name),
  );
}

/** The list. `open` is the set of the names whose devices are shown; it is kept up to date. */
export function exporterList(exporters, open) {
  return element(
    'ul',
    { class: 'exporters' },
    inOrder(exporters).map((exporter) => exporterItem(exporter, open)),
  );
}

function exporterItem(exporter, open) {
  const details = element(
    'details',
    { class: 'exporter', open: open.has(exporter.name) },
    element(
      'summary',
      { 'data-exporter': exporter.name },
      element(
        'span',
        { class: 'exporter-name' },
        element('strong', {}, exporter.name),
        element('span', { class: 'label' }, exporter.node === null ? exporter.url : `node ${exporter.node}`),
      ),
      element('span', { class: 'exporter-state' }, stateBadge(exporter.state)),
      fact('read', exporter.last_success === null ? 'never' : `${duration(exporter.age_seconds)} ago`),
      fact('devices', exporter.devices_seen === null ? 'unknown' : devicesInWords(exporter.devices)),
      fact('took', exporter.took_seconds === null ? '–' : `${number(exporter.took_seconds * 1_000)} ms`),
    ),
    element(
      'div',
      { class: 'exporter-more' },
      facts(exporter),
      skipped(exporter),
      exporter.last_success !== null && deviceTable(exporter.devices),
    ),
  );
  details.addEventListener('toggle', () => (details.open ? open.add(exporter.name) : open.delete(exporter.name)));
  return element('li', { 'data-state': exporter.state }, details, exporter.error !== null && failure(exporter));
}

function failure({ error, failing_since: since, last_success: last }) {
  return [
    fault('exporter', error),
    element(
      'p',
      { class: 'source-effect' },
      `Failing for ${ago(since, serverNow()).replace(' ago', '')}, since ${timeOfDay(since)}. `,
      last === null
        ? 'It has never been read: the GPUs of its node are unknown.'
        : 'What it showed before counts until it is 90 s old (metrics.max_age_seconds); then the GPUs of its node are unknown, and nothing is scaled down on them.',
    ),
  ];
}

function facts({ url, answer_bytes: bytes, last_success: last }) {
  return element(
    'p',
    { class: 'label' },
    element('span', { class: 'mono' }, url),
    bytes !== null && `, ${number(bytes / 1_024)} KiB`,
    last !== null && `, last read at ${timeOfDay(last)}`,
    last === null && '. Exporters are read while an autoscaler has a target for GPUs, and only then.',
  );
}

function skipped({ skipped_lines: lines, first_skipped_line: first }) {
  if (!lines) return null;
  return element(
    'div',
    { class: 'message message-limit' },
    element(
      'p',
      {},
      element('strong', {}, `${number(lines)} of its lines made no sense and were skipped.`),
      " Look at the exporter's version. The first one:",
    ),
    element('p', { class: 'fault-error mono' }, first ?? 'not kept'),
  );
}

function fact(name, value) {
  return element(
    'span',
    { class: 'exporter-fact' },
    element('span', { class: 'label' }, name),
    element('span', {}, value),
  );
}
