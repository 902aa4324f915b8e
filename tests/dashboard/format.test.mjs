import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ago,
  change,
  counted,
  duration,
  milliseconds,
  number,
  percent,
  timeOfDay,
} from '../../assets/dashboard/format.js';

test('numbers are grouped and keep no needless decimals', () => {
  assert.equal(number(0), '0');
  assert.equal(number(9999), '9999');
  assert.equal(number(10000), '10\u202f000');
  assert.equal(number(1234567.891, 2), '1\u202f234\u202f567.89');
  assert.equal(number(2.5, 2), '2.5');
  assert.equal(number(3, 2), '3');
  assert.equal(number(-4), '\u22124');
  assert.equal(number(-0.2), '0');
});

test('what is not known is never zero', () => {
  for (const value of [null, undefined, NaN, Infinity, '']) {
    assert.equal(number(value), 'unknown');
    assert.equal(percent(value), 'unknown');
    assert.equal(duration(value), 'unknown');
  }
  assert.equal(percent(0), '0\u202f%');
  assert.equal(ago(null, 0), 'never');
  assert.equal(timeOfDay('no time'), 'unknown');
  assert.equal(milliseconds('no time'), null);
});

test('durations and ages are in their greatest unit', () => {
  assert.deepEqual([0, 59.9, 60, 3599, 3600, 86399, 86400].map(duration), [
    '0 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '23 h',
    '1 d',
  ]);
  const now = Date.parse('2026-11-27T02:00:00Z');
  assert.equal(ago('2026-11-27T01:59:22Z', now), '38 s ago');
  assert.equal(ago('2026-11-27T02:00:00Z', now), 'now');
  // The service's clock may be a little ahead.
  assert.equal(ago('2026-11-27T02:00:05Z', now), 'now');
});

test('changes and counts', () => {
  assert.equal(change(2, 4), '2 → 4');
  assert.equal(change(null, 4), '→ 4');
  assert.equal(change(2, null), '2');
  assert.equal(change(null, null), 'unknown');
  assert.equal(counted(1, 'device'), '1 device');
  assert.equal(counted(0, 'device'), '0 devices');
});
