import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';

import { EventStream, retryDelay } from '../../assets/dashboard/events.js';
import { Session } from '../../assets/dashboard/session.js';

/** What is awaited here comes at once, or never. */
const SOON = { timeout: 10_000 };

/** A service whose streams the test writes; `next()` resolves to the next request as `{request, response}`. */
async function service(t) {
  const waiting = [];
  const arrived = [];
  const server = http.createServer((request, response) => {
    const pair = { request, response };
    if (waiting.length > 0) waiting.shift()(pair);
    else arrived.push(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/events`,
    next: () =>
      arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)),
    get unexpected() {
      return arrived.length;
    },
  };
}

function stream(t, { url }, options = {}) {
  const events = new EventStream({
    url: (query) => `${url}?${new URLSearchParams(query)}`,
    session: new Session(() => Promise.reject(new Error('nobody was to be asked'))),
    random: () => 0,
    ...options,
  });
  t.after(() => events.pause());
  return events;
}

const told = (events, type) =>
  new Promise((resolve) => {
    const off = events.on(type, (data) => {
      off();
      resolve(data);
    });
  });

const state = (events, wanted) =>
  new Promise((resolve) => {
    if (events.connection === wanted) return resolve();
    const off = events.on('state', (connection) => {
      if (connection !== wanted) return;
      off();
      resolve();
    });
  });

function send(response, text) {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(text);
}

test('after a cut it goes on from the last event', SOON, async (t) => {
  const server = await service(t);
  const events = stream(t, server);
  events.start();
  const first = await server.next();
  assert.equal(first.request.headers['last-event-id'], undefined);
  const action = told(events, 'action');
  send(first.response, 'id: 5\nevent: action\ndata: {"kind":"scaled"}\n\nevent: fleet\ndata: {"total":1}\n\n');
  assert.deepEqual(await action, { kind: 'scaled' });
  assert.equal(events.connection, 'live');

  first.response.destroy();
  const second = await server.next();
  assert.equal(events.connection, 'reconnecting');
  assert.equal(second.request.headers['last-event-id'], '5');
  send(second.response, ': keep-alive\n\n');
  await state(events, 'live');
});

test('watching others opens the stream anew, watching fewer does not', SOON, async (t) => {
  const server = await service(t);
  const events = stream(t, server);
  events.watch(['a', 'b']);
  events.start();
  const first = await server.next();
  assert.equal(first.request.url, '/events?ids=a%2Cb');
  send(first.response, ': hello\n\n');
  await state(events, 'live');

  events.watch(['b']);
  assert.deepEqual(events.watched, ['a', 'b']);
  const closed = once(first.response, 'close');
  events.watch(['b', 'c']);
  await closed;
  const second = await server.next();
  assert.equal(second.request.url, '/events?ids=b%2Cc');
  assert.equal(server.unexpected, 0);
  assert.equal(events.connection, 'live', 'a change of what is watched is no cut');
});

test('a service that refuses again and again is offline, until it answers', SOON, async (t) => {
  let refusals = 0;
  const failing = () => {
    refusals += 1;
    return refusals <= 3
      ? Promise.reject(new TypeError('refused'))
      : Promise.resolve(
          new Response(
            new ReadableStream({
              start(controller) {
                controller.enqueue(new TextEncoder().encode('event: reset\ndata: {}\n\n'));
              },
            }),
          ),
        );
  };
  const events = stream(t, { url: 'http://x/' }, { fetch: failing });
  const states = [];
  events.on('state', (connection) => states.push(connection));
  const reset = told(events, 'reset');
  events.start();
  await reset;
  assert.deepEqual(states, ['reconnecting', 'offline', 'live']);
});

test('a token that is asked for is used', SOON, async (t) => {
  const server = await service(t);
  const tokens = ['old', 'new'];
  const session = new Session(async () => ({ token: tokens.shift(), identity: { mode: 'token', name: 'it', groups: [] } }));
  await session.renew(session.credentials());
  const events = stream(t, server, { session });
  events.start();
  const first = await server.next();
  assert.equal(first.request.headers.authorization, 'Bearer old');
  first.response.writeHead(401).end();
  const second = await server.next();
  assert.equal(second.request.headers.authorization, 'Bearer new');
});

test('a stream that ends because of a token that has expired goes on with another', SOON, async (t) => {
  const server = await service(t);
  const session = new Session(async () => ({ token: 'new', identity: { mode: 'token', name: 'it', groups: [] } }));
  const events = stream(t, server, { session });
  events.start();
  const first = await server.next();
  send(first.response, 'id: 3\nevent: action\ndata: {}\n\n');
  await state(events, 'live');
  first.response.end();
  const second = await server.next();
  second.response.writeHead(401).end();
  const third = await server.next();
  assert.deepEqual([third.request.headers.authorization, third.request.headers['last-event-id']], ['Bearer new', '3']);
  send(third.response, ': keep-alive\n\n');
  await state(events, 'live');
});

test('somebody else is told nothing of what was before', SOON, async (t) => {
  const server = await service(t);
  const events = stream(t, server);
  events.start();
  const first = await server.next();
  send(first.response, 'id: 3\nevent: action\ndata: {}\n\n');
  await state(events, 'live');
  const closed = once(first.response, 'close');
  events.restart();
  await closed;
  const second = await server.next();
  assert.equal(second.request.headers['last-event-id'], undefined);
});

/** The waits that a stream begins, when it is answered with `status` and `headers` each time. */
async function waitsAfter(t, status, headers) {
  const waits = [];
  t.mock.method(globalThis, 'setTimeout', (callback, milliseconds) => void waits.push(milliseconds));
  const events = stream(t, { url: 'http://x/' }, { fetch: async () => new Response('{}', { status, headers }) });
  const entered = new Promise((resolve) => events.on('state', resolve));
  events.start();
  return { state: await entered, wait: await new Promise((resolve) => setImmediate(() => resolve(waits.at(-1)))) };
}

test('a stream that is refused for want of rights is not asked for again at once', SOON, async (t) => {
  assert.deepEqual(await waitsAfter(t, 403, {}), { state: 'refused', wait: 15_000 });
});

test('a service that says when to come again is believed', SOON, async (t) => {
  assert.deepEqual(await waitsAfter(t, 503, { 'retry-after': '17' }), { state: 'reconnecting', wait: 17_000 });
  t.mock.restoreAll();
  assert.deepEqual(await waitsAfter(t, 429, { 'retry-after': '9' }), { state: 'reconnecting', wait: 9_000 });
});

test('a handler that fails does not keep the others from hearing', SOON, async (t) => {
  const server = await service(t);
  const events = stream(t, server);
  const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
  // The test runner would count it as a failure of the test.
  const listeners = process.listeners('uncaughtException').slice(0, -1);
  listeners.forEach((listener) => process.removeListener('uncaughtException', listener));
  events.on('fleet', () => {
    throw new Error('broken handler');
  });
  const heard = told(events, 'fleet');
  events.start();
  const { response } = await server.next();
  send(response, 'event: fleet\ndata: {"total":3}\n\n');
  assert.deepEqual(await heard, { total: 3 });
  assert.equal((await uncaught).message, 'broken handler');
  listeners.forEach((listener) => process.on('uncaughtException', listener));
  assert.equal(events.connection, 'live');
});

test('a paused stream is closed and asks for what it missed when it starts again', SOON, async (t) => {
  const server = await service(t);
  const events = stream(t, server);
  events.start();
  const first = await server.next();
  send(first.response, 'id: 9\nevent: action\ndata: {}\n\n');
  await state(events, 'live');
  const closed = once(first.response, 'close');
  events.pause();
  await closed;
  assert.equal(events.connection, 'paused');
  events.start();
  const second = await server.next();
  assert.equal(second.request.headers['last-event-id'], '9');
});

test('the delay doubles up to half a minute, with jitter', () => {
  assert.deepEqual(
    [1, 2, 3, 4].map((failures) => retryDelay(failures, () => 1)),
    [500, 1000, 2000, 4000],
  );
  assert.equal(
    retryDelay(1, () => 0),
    250,
  );
  assert.equal(
    retryDelay(50, () => 1),
    30_000,
  );
});
