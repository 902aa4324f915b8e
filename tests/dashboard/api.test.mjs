import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api, ApiError, TokenStore } from '../../assets/dashboard/api.js';

function storage() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

function api({ answers, tokens = new TokenStore(storage()), askForToken = () => Promise.resolve(false) }) {
  const requests = [];
  const fetch = async (url, options) => {
    requests.push({ url: String(url), ...options });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, api: new Api({ base: 'http://host/proxy/', tokens, askForToken, fetch }) };
}

const json = (status, body) => new Response(JSON.stringify(body), { status });

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

test('on 401 the token is asked for, kept, and sent', async () => {
  const kept = storage();
  const tokens = new TokenStore(kept);
  const asked = [];
  const askForToken = async (rejected) => {
    asked.push(rejected);
    tokens.token = 'secret';
    return true;
  };
  const { api: client, requests } = api({
    answers: [json(401, { error: 'Unauthorized' }), json(200, {})],
    tokens,
    askForToken,
  });
  await client.get('/fleet');
  assert.deepEqual(asked, ['']);
  assert.equal(requests[0].headers.authorization, undefined);
  assert.equal(requests[1].headers.authorization, 'Bearer secret');
  assert(!requests[1].url.includes('secret'));
  assert.equal(new TokenStore(kept).token, 'secret');
});

test('who gives no token gets the 401', async () => {
  const { api: client } = api({ answers: [json(401, { error: 'Unauthorized', details: 'a token is needed' })] });
  await assert.rejects(client.get('/fleet'), { status: 401, details: 'a token is needed' });
});
