import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, ApiError } from '../../assets/dashboard/api.js';
import { Session } from '../../assets/dashboard/session.js';

const alice = { mode: 'kubernetes', name: 'alice', groups: ['developers'] };
const nobodySignsIn = () => Promise.reject(new Error('nobody was to be asked'));

function api({ answers, session = new Session(nobodySignsIn) }) {
  const requests = [];
  const fetch = async (url, options) => {
    requests.push({ url: String(url), ...options });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, api: new Api({ base: 'http://host/proxy/', session, fetch, random: () => 0 }) };
}

const json = (status, body, headers = {}) => new Response(JSON.stringify(body), { status, headers });

test('paths stay below the address of the page, and empty parameters are left out', async () => {
  const { api: client, requests } = api({ answers: [json(200, { total: 1 })] });
  assert.deepEqual(await client.get('/fleet', { query: { text: 'a&b', namespace: '', offset: 0, status: null } }), {
    total: 1,
  });
  assert.equal(requests[0].url, 'http://host/proxy/api/v1/fleet?text=a%26b&offset=0');
});

test('an error has what the service said', async () => {
  const { api: client } = api({
    answers: [json(400, { error: 'Validation failed', details: 'max_replicas is too small' })],
  });
  await assert.rejects(client.patch('/autoscaling/a', { max_replicas: 0 }), (error) => {
    assert(error instanceof ApiError);
    assert.deepEqual(
      [error.status, error.error, error.details],
      [400, 'Validation failed', 'max_replicas is too small'],
    );
    return true;
  });
});

test('a proxy that answers with a page, and a service that is away, are errors as well', async () => {
  const { api: client } = api({ answers: [new Response('<html>', { status: 502 }), new TypeError('failed to fetch')] });
  await assert.rejects(client.get('/fleet'), { status: 502, error: 'The service answered 502' });
  await assert.rejects(client.get('/fleet'), { status: 0 });
});

test('a given up request is not a failure of the service', async () => {
  const aborted = new DOMException('given up', 'AbortError');
  const { api: client } = api({ answers: [aborted] });
  await assert.rejects(client.get('/fleet'), { name: 'AbortError' });
});

test('on 401 the token is asked for, and sent in no address', async () => {
  const asked = [];
  const session = new Session(async ({ again }) => {
    asked.push(again);
    return { token: 'secret', identity: alice };
  });
  const { api: client, requests } = api({ answers: [json(401, { error: 'Unauthorized' }), json(200, {})], session });
  assert.equal(client.hasToken, false);
  await client.get('/fleet');
  assert.deepEqual(asked, [false]);
  assert.equal(requests[0].headers.authorization, undefined);
  assert.equal(requests[1].headers.authorization, 'Bearer secret');
  assert(requests.every(({ url }) => !url.includes('secret')));
  assert.equal(client.hasToken, true);
});

test('what waits for a token is not done when somebody else signs in', async () => {
  const people = [
    { token: 'first', identity: alice },
    { token: 'second', identity: { ...alice, name: 'bob' } },
  ];
  const session = new Session(async () => people.shift());
  const unauthorized = () => json(401, { error: 'Unauthorized' });
  const { api: client, requests } = api({ answers: [unauthorized(), json(200, {}), unauthorized()], session });
  await client.get('/fleet');
  await assert.rejects(client.delete('/autoscaling/a'), { name: 'AbortError' });
  assert.equal(requests.length, 3);
});

test('whose a token is can be asked before it is the session\u2019s', async () => {
  const { api: client, requests } = api({ answers: [json(200, alice), json(401, { error: 'Unauthorized' })] });
  assert.deepEqual(await client.whoHas('secret'), alice);
  assert.deepEqual(
    [requests[0].url, requests[0].headers.authorization],
    ['http://host/proxy/api/v1/whoami', 'Bearer secret'],
  );
  await assert.rejects(client.whoHas('wrong'), { status: 401 });
});

test('who asked too much asks again only when the service wants it, but tries what is to be done', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 1_000;
  t.mock.method(performance, 'now', () => now);
  const limited = json(429, { error: 'Too many requests', details: 'at most 5 a second' }, { 'retry-after': '7' });
  const { api: client, requests } = api({ answers: [limited, json(200, { done: 1 }), json(200, { read: 1 })] });
  await assert.rejects(client.get('/fleet'), { status: 429, retryAfter: 7_000 });
  const reading = client.get('/fleet');
  assert.deepEqual(await client.post('/autoscaling/a/pause'), { done: 1 });
  assert.deepEqual(requests.map(({ method }) => method), ['GET', 'POST']);
  now += 7_000;
  t.mock.timers.tick(7_000);
  assert.deepEqual(await reading, { read: 1 });
});

test('what waits can be given up', async () => {
  const limited = json(429, { error: 'Too many requests' }, { 'retry-after': '60' });
  const { api: client, requests } = api({ answers: [limited] });
  await assert.rejects(client.get('/fleet'), { status: 429 });
  const given = new AbortController();
  const reading = client.get('/fleet', { signal: given.signal });
  given.abort();
  await assert.rejects(reading, { name: 'AbortError' });
  assert.equal(requests.length, 1);
});

test('what is open to everybody is asked for as oneself, too', async () => {
  const session = new Session(async () => ({ token: 'secret', identity: alice }));
  await session.renew(session.credentials());
  const { api: client, requests } = api({ answers: [json(503, { error: 'Not ready' })], session });
  assert.deepEqual(await client.probe('readyz'), { status: 503, body: { error: 'Not ready' } });
  assert.deepEqual(
    [requests[0].url, requests[0].headers.authorization],
    ['http://host/proxy/readyz', 'Bearer secret'],
  );
});
