// A network that fails, and a service that goes away and comes back.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { openPage, useStage } from './browser.js';
import { startProxy } from './proxy.js';
import { SCENE, createAutoscalers } from './scene.js';
import { api, startService } from './service.js';

let ids;
let proxy;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api: ask, service }) => {
  ids = await createAutoscalers(ask, ['web', 'calm', 'trainer']);
  proxy = await startProxy(service.port);
});
after(() => proxy?.stop());

/** What is said on the console while nothing can be reached. */
const allowed = [/request failed/, /net::ERR_/];
const connection = (page) => page.getByRole('group', { name: 'Connection' });
const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });

stage.test('what is shown while the network is down is marked as old, and what was missed is shown afterwards', {
  get url() { return proxy.url; }, allowed,
}, async (page) => {
  await connection(page).getByText('live', { exact: true }).waitFor();
  await row(page, 'calm').getByText('active').waitFor();
  proxy.cut();
  await connection(page).getByText(/^(reconnecting|offline)$/).first().waitFor();
  await connection(page).getByText(/data .* old/).waitFor();
  await connection(page).getByText('offline', { exact: true }).waitFor({ timeout: 30_000 });
  await row(page, 'calm').getByText('active').waitFor();
  await stage.api('POST', `/autoscaling/${ids.calm}/pause`);
  await stage.api('POST', `/autoscaling/${ids.trainer}/pause`);
  await stage.api('POST', `/autoscaling/${ids.trainer}/resume`);
  proxy.restore();
  await connection(page).getByText('live', { exact: true }).waitFor({ timeout: 40_000 });
  await row(page, 'calm').getByText('paused').waitFor();
  const happened = page.getByRole('complementary', { name: 'What happened' }).getByRole('listitem');
  for (const [name, what] of [['calm', 'paused'], ['trainer', 'paused'], ['trainer', 'resumed']]) {
    await happened.filter({ hasText: name }).filter({ hasText: what }).waitFor();
  }
});

stage.test('the page of an autoscaler fills its gap', {
  get url() { return proxy.url; }, get path() { return `/#/autoscalers/${ids.web}`; }, allowed,
}, async (page) => {
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  await connection(page).getByText('live', { exact: true }).waitFor();
  proxy.cut();
  await connection(page).getByText(/^(reconnecting|offline)$/).first().waitFor();
  await stage.api('PATCH', `/autoscaling/${ids.web}`, { max_replicas: 7 });
  await page.getByRole('region', { name: 'State' }).getByText('max 10').waitFor();
  proxy.restore();
  await page.getByRole('region', { name: 'State' }).getByText('max 7').waitFor({ timeout: 40_000 });
});

stage.test('what cannot be sent is said, and nothing is taken for done', {
  get url() { return proxy.url; }, get path() { return `/#/autoscalers/${ids.web}`; }, allowed,
}, async (page) => {
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  proxy.cut();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByText(/Pausing failed/).waitFor();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  proxy.restore();
  await connection(page).getByText('live', { exact: true }).waitFor({ timeout: 40_000 });
  assert.equal((await stage.api('GET', `/autoscaling/${ids.web}`)).status, 'active');
});

test('a service that was restarted is shown as it is now', { timeout: 120_000 }, async () => {
  const first = await startService({ speed: 20, config: SCENE });
  let second;
  try {
    await createAutoscalers(api(first.url), ['web', 'calm']);
    const { page, problems } = await openPage(stage, { url: first.url, allowed });
    await row(page, 'web').waitFor();
    await connection(page).getByText('live', { exact: true }).waitFor();
    await first.kill();
    await connection(page).getByText(/^(reconnecting|offline)$/).first().waitFor();
    await row(page, 'web').waitFor();
    second = await startService({ speed: 20, config: SCENE, port: first.port });
    await createAutoscalers(api(second.url), ['trainer']);
    await row(page, 'trainer').waitFor({ timeout: 40_000 });
    await row(page, 'web').waitFor({ state: 'detached' });
    assert.deepEqual(problems, []);
    await page.context().close();
  } finally {
    await second?.stop();
  }
});
