import assert from 'node:assert/strict';
import { test } from 'node:test';

import { autoscalerAddress, fleetAddress, route } from '../../assets/dashboard/router.js';

test('addresses name pages', () => {
  assert.deepEqual(route(''), { page: 'fleet', query: {} });
  assert.deepEqual(route('#/'), { page: 'fleet', query: {} });
  assert.deepEqual(route('#/sources'), { page: 'sources', query: {} });
  assert.deepEqual(route('#/new'), { page: 'create', query: {} });
  assert.deepEqual(route('#/autoscalers/autoscaler-1?at=3'), {
    page: 'autoscaler',
    id: 'autoscaler-1',
    query: { at: '3' },
  });
  for (const hash of ['#/nothing', '#/autoscalers', '#/autoscalers/a/b', '#/sources/x'])
    assert.equal(route(hash).page, 'missing', hash);
});

test('a broken escape in an address breaks nothing', () => {
  assert.equal(route('#/autoscalers/%E0%A4%A').id, '%E0%A4%A');
});

test('what is put into an address comes out again', () => {
  const query = { text: 'a&b=c #?%', namespace: 'ml' };
  assert.deepEqual(route(fleetAddress(query)).query, query);
  assert.equal(fleetAddress({ text: '', namespace: null }), '#/');
  assert.equal(route(autoscalerAddress('a/b?c#d')).id, 'a/b?c#d');
});
