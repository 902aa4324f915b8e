// Tabs that stay open: what they cost the service, and what they keep in the browser.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { openPage, useStage } from './browser.js';
import { startProxy } from './proxy.js';
import { SCENE, createAutoscalers, settle } from './scene.js';
import { eventually } from './service.js';

const TABS = 50;

let ids;
let proxy;
// Not so fast that on a busy machine the readings get too old: then there would be a reason to ask.
const stage = useStage({ speed: 5, config: SCENE }, async ({ api, service }) => {
  ids = await createAutoscalers(api);
  await settle(api);
  proxy = await startProxy(service.port);
});
after(() => proxy?.stop());

const connection = (page) => page.getByRole('group', { name: 'Connection' });
const isLive = (page, limit = 30_000) => connection(page).getByText('live', { exact: true }).waitFor({ timeout: limit });

/** As if another tab was in front, or this one again. */
const hide = (page, hidden) => page.evaluate((state) => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
  document.dispatchEvent(new Event('visibilitychange'));
}, hidden ? 'hidden' : 'visible');

/** Reads events as a tab does; `count()` is how many have come. */
async function listen() {
  const stop = new AbortController();
  const response = await fetch(`${stage.url}/api/v1/events?ids=${ids.web},${ids.search}`, { signal: stop.signal });
  let count = 0;
  const reading = (async () => {
    for await (const chunk of response.body) count += Buffer.from(chunk).toString().split('event: row').length - 1;
  })().catch((error) => { if (error.name !== 'AbortError') throw error; });
  return { count: () => count, stop: () => (stop.abort(), reading) };
}

stage.test(`${TABS} tabs are told, and ask for nothing`, { timeout: 180_000 }, async (page) => {
  const asked = [];
  const follow = (its) => its.on('request', (request) => request.url().includes('/api/') && asked.push(new URL(request.url()).pathname));
  await isLive(page);
  const tabs = [page];
  for (let more = 0; more < 4; more += 1) tabs.push((await openPage(stage)).page);
  await Promise.all(tabs.map((tab) => isLive(tab)));
  // The rest of them without their pictures.
  const streams = await Promise.all(Array.from({ length: TABS - tabs.length }, listen));
  const row = (tab) => tab.getByRole('row').filter({ has: tab.getByRole('link', { name: 'calm', exact: true }) });
  await Promise.all(tabs.map((tab) => row(tab).getByText('active').waitFor()));
  tabs.forEach(follow);
  let last = Date.now();
  tabs.forEach((tab) => tab.on('request', () => { last = Date.now(); }));
  await eventually('each tab has all that it shows', () => Date.now() - last > 4_000);
  asked.length = 0;

  const before = streams.map((stream) => stream.count());
  await eventually('each stream was told of several evaluations', async () => streams.every((stream, index) => stream.count() >= before[index] + 4));
  assert.deepEqual(asked, [], 'evaluations alone are no reason to ask');

  await stage.api('POST', `/autoscaling/${ids.calm}/pause`);
  await Promise.all(tabs.map((tab) => row(tab).getByText('paused').waitFor()));
  await stage.api('POST', `/autoscaling/${ids.calm}/resume`);
  await Promise.all(tabs.map((tab) => row(tab).getByText('active').waitFor()));
  assert(asked.length <= 2 * tabs.length, `two changes made ${tabs.length} tabs ask ${asked.length} times: ${asked}`);
  await Promise.all(streams.map((stream) => stream.stop()));
  for (const tab of tabs.slice(1)) await tab.context().close();
});

stage.test('tabs that nobody looks at leave their connections to the one that somebody does', { timeout: 120_000 }, async (first) => {
  // Browsers open six connections to a service, over all tabs.
  const tabs = [first];
  while (tabs.length < 6) {
    const tab = await first.context().newPage();
    await tab.goto(stage.url);
    tabs.push(tab);
  }
  await Promise.all(tabs.map((tab) => isLive(tab)));
  for (const tab of tabs) await hide(tab, true);
  await Promise.all(tabs.map((tab) => connection(tab).getByText('paused', { exact: true }).waitFor({ timeout: 20_000 })));
  const seventh = await first.context().newPage();
  await seventh.goto(stage.url);
  await isLive(seventh);
  await hide(first, false);
  await isLive(first);
});

stage.test('what was closed is let go of', { timeout: 180_000, get url() { return proxy.url; } }, async (page) => {
  await isLive(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const look = async () => {
    await page.getByRole('link', { name: 'web', exact: true }).first().click();
    await page.getByRole('slider').waitFor();
    await page.getByRole('region', { name: 'Decisions' }).getByRole('listitem').first().waitFor();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Fleet' }).click();
    await page.getByRole('row').nth(1).waitFor();
  };
  const measure = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (name) => metrics.find((metric) => metric.name === name).value;
    return { heap: of('JSHeapUsedSize'), nodes: of('Nodes'), listeners: of('JSEventListeners'), connections: proxy.connections() };
  };
  for (let warm = 0; warm < 5; warm += 1) await look();
  const before = await measure();
  for (let times = 0; times < 30; times += 1) await look();
  const after = await measure();
  const grown = `30 times there and back: ${JSON.stringify(before)} became ${JSON.stringify(after)}`;
  assert(after.heap < before.heap + 1_500_000, grown);
  assert(after.nodes < before.nodes * 1.2 + 200, grown);
  assert(after.listeners < before.listeners * 1.2 + 50, grown);
  assert(after.connections <= 6, grown);
});
