import assert from 'node:assert/strict';
import { test } from 'node:test';

import { advice, deviceAdvice } from '../../assets/dashboard/sources/advice.js';
import { devicesInWords } from '../../assets/dashboard/sources/device_table.js';
import { replicaInWords } from '../../assets/dashboard/sources/replica.js';
import { inOrder } from '../../assets/dashboard/sources/exporter_list.js';

test('each fault that the service words has its own advice', () => {
  const said = [
    ['exporter', 'no complete answer within 5 s', /hangs/],
    ['exporter', 'error sending request: tcp connect error: Connection refused (os error 111)', /Nothing listens/],
    ['exporter', 'its answer breaks off in the middle of a line', /ends in the middle/],
    ['exporter', 'it answered with status 404', /not with metrics/],
    ['exporter', 'its answer is longer than 8192 KiB (gpu.max_answer_kib)', /longer/],
    ['exporter', 'nothing is sent to 169.254.0.9, because outgoing.deny has 169.254.0.0/16; if', /settings do not let/],
    ['exporter', 'it answered with a redirect (status 302), and redirects are not followed: set', /sends requests elsewhere/],
    ['exporter', 'its answer shows no GPU: <html>', /nothing of a DCGM exporter/],
    ['exporter', 'error sending request: no route to host', /cannot be reached/],
    [
      'exporters',
      'no DCGM exporter found: no running pod in namespace "gpu-monitoring" matches app=x (settings gpu.namespace, gpu.selectors)',
      /No pod looks like/,
    ],
    [
      'exporters',
      'no DCGM exporter found: no running pod in namespace "g" matches app=x (settings); 1 pod matches, but does not run',
      /do not run/,
    ],
    [
      'exporters',
      'no DCGM exporter found: no running pod in namespace "g" matches app=x (settings); 2 pods match, but do not run',
      /do not run/,
    ],
    ['exporters', 'the pods of the cluster have not been read yet', /just started/],
    [
      'cluster',
      'the pods of the cluster cannot be watched since 2026-11-27T01:20:00Z: pods is forbidden: User "x" cannot watch resource "pods"',
      /may not watch/,
    ],
    [
      'cluster',
      'the pods of the cluster cannot be watched since 2026-11-27T01:20:00Z: the API server cannot be reached: refused',
      /does not answer/,
    ],
    [
      'cluster',
      "the pods of the cluster cannot be watched since 2026-11-27T01:20:00Z: the API server does not accept the service's credentials: Unauthorized",
      /refuses who/,
    ],
    [
      'capacity',
      'the nodes of the cluster cannot be watched since 2026-11-27T01:20:00Z: nodes is forbidden',
      /may not watch nodes/,
    ],
    ['cluster', 'something new', /cannot be watched/],
  ];
  for (const [kind, error, cause] of said) {
    const found = advice(kind, error);
    assert.match(found.cause, cause, error);
    assert.notEqual(found.action, '', error);
  }
});

test('devices with an unknown value have an advice', () => {
  assert.match(deviceAdvice('DCGM_FI_DEV_GPU_UTIL is 255, which is not within 0 to 100'), /impossible/);
  assert.match(deviceAdvice('DCGM_FI_DEV_GPU_UTIL is blank (9223372036854775794)'), /impossible/);
  assert.match(deviceAdvice('the exporter shows no utilisation'), /which fields/);
});

test('exporters that fail come first', () => {
  const exporters = [
    { name: 'c', state: 'ok' },
    { name: 'b', state: 'unread' },
    { name: 'd', state: 'failing' },
    { name: 'a', state: 'ok' },
  ];
  assert.deepEqual(
    inOrder(exporters).map(({ name }) => name),
    ['d', 'a', 'c', 'b'],
  );
  assert.equal(devicesInWords([{ pod: 'x' }, { pod: null }]), '1 of 2 in use');
});

test('who answers and who leads', () => {
  assert.equal(replicaInWords(undefined), '', 'one that runs alone');
  assert.match(replicaInWords({ identity: 'a', leads: true, leader: 'a' }), /^Answered by a, which leads/);
  assert.match(replicaInWords({ identity: 'a', leads: false, leader: 'b' }), /a, which stands by\. b leads, and scales\.$/);
  assert.match(replicaInWords({ identity: 'a', leads: false }), /No replica leads/);
  assert.match(replicaInWords({ identity: 'a', leads: false, leader: 'a' }), /No replica leads/, 'its claim has lapsed');
});
