import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Session } from '../../assets/dashboard/session.js';

const alice = { mode: 'kubernetes', name: 'alice', groups: [] };
const bob = { mode: 'kubernetes', name: 'bob', groups: [] };

/** A session in which these people sign in, one after the other; `asked` are the questions. */
function session(...people) {
  const asked = [];
  const its = new Session(async (question) => {
    asked.push(question);
    const identity = people.shift();
    return { token: `${identity.name}-${asked.length}`, identity };
  });
  return { its, asked };
}

test('all that wait are asked for once, and get the same token', async () => {
  const { its, asked } = session(alice);
  const before = its.credentials();
  assert.deepEqual(before.headers, {});
  await Promise.all([its.renew(before), its.renew(before), its.renew(before)]);
  assert.deepEqual(asked, [{ again: false }]);
  assert.deepEqual(its.credentials().headers, { authorization: 'Bearer alice-1' });
  // Whoever hears late of it has the new one already.
  await its.renew(before);
  assert.equal(asked.length, 1);
});

test('whoever signs in again goes on, somebody else begins anew', async () => {
  const { its, asked } = session(alice, alice, bob);
  const heard = [];
  its.on(({ isAnother }) => heard.push([its.identity.name, isAnother]));
  await its.renew(its.credentials());
  const expired = its.credentials();
  await its.renew(expired);
  assert.deepEqual(asked, [{ again: false }, { again: true }]);
  const revoked = its.credentials();
  const results = await Promise.allSettled([its.renew(revoked), its.renew(revoked), its.renew(expired)]);
  assert.deepEqual(
    results.map(({ status, reason }) => [status, reason?.name]),
    Array(3).fill(['rejected', 'AbortError']),
  );
  assert.deepEqual(heard, [['alice', false], ['alice', false], ['bob', true]]);
});

test('a service that asks nobody, and then does, has no other person', async () => {
  const { its } = session(alice);
  const heard = [];
  its.on(({ isAnother }) => heard.push(isAnother));
  its.learn({ mode: 'none', name: null, groups: [] });
  const before = its.credentials();
  await its.renew(before);
  assert.deepEqual(heard, [false, false]);
});

test('the same name of another kind is another person', () => {
  const { its } = session();
  const heard = [];
  its.on(({ isAnother }) => heard.push(isAnother));
  its.learn({ mode: 'token', name: 'alice', groups: [] });
  its.learn(alice);
  assert.deepEqual(heard, [false, true]);
});

test('after signing out nothing is known, and nothing of before goes on', async () => {
  const { its } = session(alice, alice);
  await its.renew(its.credentials());
  const before = its.credentials();
  its.forget();
  assert.equal(its.isSignedIn, false);
  assert.equal(its.identity, null);
  assert.deepEqual(its.credentials().headers, {});
  await assert.rejects(its.renew(before), { name: 'AbortError' });
});

test('nothing of a session can be read from outside', async () => {
  const { its } = session(alice);
  await its.renew(its.credentials());
  assert(!JSON.stringify(its).includes('alice-1'));
  assert.deepEqual(Object.keys(its), []);
});
