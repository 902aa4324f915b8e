import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError } from '../../assets/dashboard/api.js';
import { refusalLine, refusalOf } from '../../assets/dashboard/refusal.js';
import { retryAfter } from '../../assets/dashboard/retry_after.js';

test('missing rights are said as what one may not, with the right that is missing', () => {
  const error = new ApiError(403, 'Forbidden', 'alice may not list nodes');
  assert.deepEqual(refusalOf(error, 'You may not see the sources'), {
    title: 'You may not see the sources',
    text: 'alice may not list nodes.',
  });
  // Another 403 is none of the caller's rights.
  const denied = new ApiError(403, 'Namespace not allowed', 'kube-system is protected.');
  assert.equal(refusalLine(denied, 'You may not create this'), 'Namespace not allowed: kube-system is protected.');
});

test('what can be tried again says when', () => {
  const busy = new ApiError(429, 'Too many requests', '', 4_200);
  assert.equal(refusalLine(busy), 'Too many requests: It can be tried again in 5 s.');
  assert.equal(refusalLine(new ApiError(500, 'Internal error', '')), 'Internal error');
  assert.equal(refusalLine(new Error('broken')), 'broken');
});

test('Retry-After is seconds or a time, and never for ever', () => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  for (const [header, milliseconds] of [
    ['5', 5_000],
    [' 5 ', 5_000],
    ['0', 0],
    ['Fri, 27 Nov 2026 12:00:30 GMT', 30_000],
    ['Fri, 27 Nov 2026 11:00:00 GMT', 0],
    ['99999999999999999999', 300_000],
    ['', null],
    ['soon', null],
    [null, null],
  ]) {
    assert.equal(retryAfter(header, now), milliseconds, header);
  }
});
