// Callers who may not do everything, or not any more.
import assert from 'node:assert/strict';

import { isAccessible } from './accessibility.js';
import { PHONE, useStage } from './browser.js';
import { REFUSED, later, pretendUsers, signIn } from './callers.js';
import { fits } from './fitting.js';
import { SCENE, createAutoscalers, settle } from './scene.js';
import { eventually } from './service.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api);
  await settle(api);
});
const ALICE = { name: 'alice', groups: ['developers', 'system:authenticated'] };
const BOB = { name: 'bob', groups: [] };
const allowed = REFUSED;
const live = (page) => page.getByRole('group', { name: 'Connection' }).getByText('live', { exact: true }).waitFor();
const here = (name) => ({ get path() { return `/#/autoscalers/${ids[name]}`; } });
const asked = (cluster, method, path) => cluster.asked.filter((its) => its.method === method && path.test(its.path)).length;

/** A test whose page is used by alice, who is asked for her token first. */
function test(name, options, body) {
  let cluster;
  const { rights, ...given } = Object.getOwnPropertyDescriptors(options);
  const beforeLoad = async (page) => {
    // Time goes on as usual, until a test moves it.
    await page.clock.install();
    cluster = await pretendUsers(page, { 'token-of-alice': ALICE });
    rights?.value(cluster);
  };
  stage.test(name, Object.defineProperties({ allowed, beforeLoad }, given), async (page) => {
    await signIn(page, 'token-of-alice');
    await body(page, cluster);
  });
}

test('a user of the cluster is shown with their groups', {}, async (page) => {
  await page.getByRole('button', { name: 'Signed in as alice' }).click();
  const dialog = page.getByRole('dialog', { name: 'Signed in' });
  for (const text of ['the cluster', ...ALICE.groups]) await dialog.getByText(text, { exact: true }).waitFor();
  await isAccessible(page, 'who is signed in');
});

stage.test('where nobody has to say who they are, nothing of all this is shown', {}, async (page) => {
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
  await live(page);
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.equal(await page.getByText(/sign/i).count(), 0);
  assert.equal(await page.getByRole('button', { name: /signed in/i }).count(), 0);
});

test('whose token has expired signs in again, and is where they were', here('web'), async (page, cluster) => {
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  await live(page);
  const address = page.url();
  const definition = page.getByRole('region', { name: 'Definition' });
  await definition.getByRole('button', { name: 'Edit' }).click();
  await definition.getByRole('textbox', { name: 'Maximum' }).fill('9');
  cluster.users = { 'new-token-of-alice': ALICE };
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  await again.waitFor();
  await again.getByText(/has expired, or was taken back/).waitFor();
  // However many wait for it, one is asked for.
  assert.equal(await page.getByRole('dialog').count(), 1);
  await signIn(page, 'new-token-of-alice');
  await again.waitFor({ state: 'detached' });
  assert.equal(await definition.getByRole('textbox', { name: 'Maximum' }).inputValue(), '9');
  assert.equal(page.url(), address);
  await definition.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('The change was applied').waitFor();
  await live(page);
  await stage.api('PATCH', `/autoscaling/${ids.web}`, { max_replicas: 10 });
});

test('somebody else who signs in does not do what the first one began', here('calm'), async (page, cluster) => {
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  await live(page);
  const definition = page.getByRole('region', { name: 'Definition' });
  await definition.getByRole('button', { name: 'Edit' }).click();
  cluster.users = { 'token-of-bob': BOB };
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
  await signIn(page, 'token-of-bob');
  await page.getByRole('button', { name: 'Signed in as bob' }).waitFor();
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  await definition.getByRole('button', { name: 'Edit' }).waitFor();
  const pauses = cluster.asked.filter(({ path }) => path.endsWith('/pause'));
  assert.deepEqual(pauses.map(({ token }) => token), ['token-of-alice']);
  assert.equal((await stage.api('GET', `/autoscaling/${ids.calm}`)).status, 'active');
  // The stream is bob's as well.
  assert(cluster.asked.some(({ path, token }) => path.startsWith('/events') && token === 'token-of-bob'));
});

test('a stream whose caller may not any more leads to signing in', {}, async (page, cluster) => {
  await live(page);
  // As the service does: it ends the stream.
  cluster.users = {};
  await page.evaluate(() => {
    window.dispatchEvent(new Event('pagehide'));
    window.dispatchEvent(new Event('pageshow'));
  });
  await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
  const before = asked(cluster, 'GET', /^\/events/);
  // However long that takes.
  await page.clock.runFor(180_000);
  cluster.users = { 'new-token-of-alice': ALICE };
  await signIn(page, 'new-token-of-alice');
  await live(page);
  assert.equal(asked(cluster, 'GET', /^\/events/), before + 1, 'it waits for the token, and asks once with it');
});

test('the sources say which rights they need, and are not asked for again by themselves', {
  rights: (cluster) => cluster.forbid('GET', /^\/sources/, 'list nodes'),
  path: '/#/sources',
}, async (page, cluster) => {
  await page.getByText('You may not see the sources. alice may not list nodes.').waitFor();
  await page.getByText('list pods').waitFor();
  await isAccessible(page, 'sources without rights');
  assert.equal(await page.getByRole('region').count(), 0);
  const reads = () => asked(cluster, 'GET', /^\/sources/);
  await page.clock.runFor(60_000);
  assert.equal(reads(), 1);
  cluster.allow();
  await page.getByRole('button', { name: 'Read again' }).click();
  await page.getByText(/^Ready on/).waitFor();
  await page.clock.runFor(10_000);
  await eventually('they are read as before', () => reads() > 2);
});

test('a namespace that one may not see is said, and not asked for with each event', {
  rights: (cluster) => cluster.forbid('GET', /^\/fleet\?.*namespace=shop/, 'list workloadautoscalers.ai-storage.io in namespace "shop"'),
  path: '/#/?namespace=shop',
}, async (page, cluster) => {
  await page.getByRole('heading', { name: 'You may not see these autoscalers' }).waitFor();
  await page.getByText('alice may not list workloadautoscalers.ai-storage.io in namespace "shop".').waitFor();
  await live(page);
  const before = asked(cluster, 'GET', /^\/fleet/);
  // Each of these changes the figures, which are told to the page.
  const active = page.getByRole('region', { name: 'Figures over all' }).locator('.figure').filter({ hasText: 'active' });
  for (const [verb, count] of [['pause', 4], ['resume', 5]]) {
    await stage.api('POST', `/autoscaling/${ids.calm}/${verb}`);
    await active.getByText(String(count), { exact: true }).waitFor();
  }
  assert.equal(asked(cluster, 'GET', /^\/fleet/), before);
  cluster.allow();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
});

test('what may not be seen any more is not shown any more', { path: '/#/?namespace=shop' }, async (page, cluster) => {
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
  cluster.forbid('GET', /^\/fleet/, 'list workloadautoscalers.ai-storage.io in namespace "shop"');
  await page.keyboard.press('r');
  await page.getByRole('heading', { name: 'You may not see these autoscalers' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'web', exact: true }).count(), 0);
});

test('an autoscaler that one may not see is not told from one that does not exist', {
  rights: (cluster) => cluster.answer('GET', /^\/autoscaling\//, { status: 404, json: { error: 'Autoscaler not found', details: 'not found' } }),
  get path() { return `/#/autoscalers/${ids.web}`; },
  allowed: [...REFUSED, /answer: 404/, /status of 404/],
}, async (page) => {
  await page.getByRole('heading', { name: 'This autoscaler does not exist' }).waitFor();
  await page.getByText(/Or you may not see it\./).waitFor();
});

test('who sees none is not told that there is none', {
  rights: (cluster) => {
    const nothing = { total: 0, matching: 0, counts: {}, totals: {}, namespaces: [], autoscalers: [], at: '2026-01-01T00:00:00Z' };
    for (let times = 0; times < 3; times += 1) cluster.answer('GET', /^\/fleet/, { json: nothing });
  },
}, async (page) => {
  await page.getByRole('heading', { name: 'There is no autoscaler that you may see' }).waitFor();
  await page.getByText('workloadautoscalers.ai-storage.io').waitFor();
});

test('what may not be done is said where it was tried: pausing', here('web'), async (page, cluster) => {
  cluster.forbid('POST', /\/pause$/, 'update deployments/scale "web" in namespace "shop"');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'You may not pause this' });
  await alert.getByText('alice may not update deployments/scale "web" in namespace "shop".').waitFor();
  await isAccessible(page, 'pausing without rights');
  cluster.allow();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await alert.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
});

test('what may not be done is said where it was tried: deleting', here('web'), async (page, cluster) => {
  cluster.forbid('DELETE', /^\/autoscaling\//, 'delete workloadautoscalers.ai-storage.io "hpa-web" in namespace "shop"');
  await page.getByRole('button', { name: 'Delete…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('wrong');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog.getByRole('alert').getByText('That is not web.').waitFor();
  await dialog.getByRole('textbox').fill('web');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog.getByRole('alert').getByText(/^You may not delete this: alice may not delete/).waitFor();
  await isAccessible(page, 'deleting without rights');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await stage.api('GET', `/autoscaling/${ids.web}`)).status, 'active');
});

test('what may not be done is said where it was tried: changing', here('web'), async (page, cluster) => {
  cluster.forbid('PATCH', /^\/autoscaling\//, 'patch workloadautoscalers.ai-storage.io "hpa-web" in namespace "shop"');
  const definition = page.getByRole('region', { name: 'Definition' });
  await definition.getByRole('button', { name: 'Edit' }).click();
  await definition.getByRole('textbox', { name: 'Maximum' }).fill('9');
  await definition.getByRole('button', { name: 'Apply' }).click();
  await definition.getByRole('alert').getByText(/^You may not change this: alice may not patch/).waitFor();
  assert.equal(await definition.getByRole('textbox', { name: 'Maximum' }).inputValue(), '9', 'nothing is lost');
});

test('what may not be done is said where it was tried: the brake', {}, async (page, cluster) => {
  cluster.forbid('PUT', /^\/mode/, 'patch workloadautoscalers.ai-storage.io in all namespaces');
  await page.getByRole('button', { name: 'Put the emergency brake on' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Stop all scaling' }).click();
  await dialog.getByRole('alert').getByText(/^You may not switch the brake: alice may not patch/).waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Put the emergency brake on' }).waitFor();
  assert.equal((await stage.api('GET', '/mode')).mode, 'active');
});

test('what may not be done is said where it was tried: creating', { path: '/#/new' }, async (page, cluster) => {
  cluster.forbid('POST', /^\/autoscaling$/, 'create workloadautoscalers.ai-storage.io in namespace "batch"');
  for (const [name, value] of [['Namespace', 'batch'], ['Name', 'free'], ['Minimum', '1'], ['Maximum', '5'], ['CPU', '60']]) {
    await page.getByRole('textbox', { name, exact: name === 'Name' }).fill(value);
  }
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const alert = page.getByRole('alert').filter({ hasText: 'You may not create this' });
  await alert.getByText('alice may not create workloadautoscalers.ai-storage.io in namespace "batch".').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), 'free', 'nothing is lost');
});

for (const [status, title] of [[429, 'Too many requests'], [503, 'Authorization unavailable']]) {
  test(`a page that is answered ${status} says so, waits, and comes by itself`, {
    rights: (cluster) => cluster.answer('GET', /^\/fleet/, later(status, title, 30)),
    allowed: [...REFUSED, new RegExp(`answer: ${status}`), new RegExp(`status of ${status}`)],
  }, async (page, cluster) => {
    await page.getByRole('heading', { name: title }).waitFor();
    await page.getByText('It can be tried again in 30 s.').waitFor();
    await page.clock.runFor(25_000);
    assert.equal(asked(cluster, 'GET', /^\/fleet/), 1);
    await page.clock.runFor(6_000);
    await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
  });
}

test('signing in while the cluster cannot be asked says that it is not the token', {
  rights: (cluster) => {
    cluster.answers.push({ method: 'GET', path: /^\/whoami/, response: later(503, 'Authentication unavailable', 5) });
  },
  allowed: [...REFUSED, /answer: 503/, /status of 503/],
}, async (page) => {
  await page.getByRole('dialog').getByRole('alert').getByText(/^Authentication unavailable:.*tried again in 5 s/).waitFor();
  await signIn(page, 'token-of-alice');
  await page.getByRole('button', { name: 'Signed in as alice' }).waitFor();
});

test('long names do not widen the page', {
  viewport: PHONE,
  rights: (cluster) => {
    cluster.users['token-of-alice'] = { name: `system:serviceaccount:${'n'.repeat(200)}:robot`, groups: ['g'.repeat(300)] };
    cluster.forbid('GET', /^\/sources/, `list ${'p'.repeat(500)}`);
  },
  path: '/#/sources',
}, async (page) => {
  await page.getByText(/^You may not see the sources/).waitFor();
  await fits(page, 'sources without rights');
  await page.getByRole('button', { name: /^Signed in as system/ }).click();
  await page.getByRole('dialog', { name: 'Signed in' }).waitFor();
  await fits(page, 'who is signed in');
});
