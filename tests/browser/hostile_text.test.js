// Texts that want to be more than text. Kubernetes lets no such names in, but a page must not rely on that: every text of
// every answer is replaced on its way to the browser.
import assert from 'node:assert/strict';

import { PHONE, useStage } from './browser.js';
import { fits } from './fitting.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api);
  await eventually('there is a decision with all that a decision has', async () =>
    (await api('GET', `/autoscaling/${ids.trainer}/decisions`)).count > 0
    && (await api('GET', '/sources')).gpu.exporters.every(({ devices }) => devices.length > 0));
});

const TEXTS = {
  'an image that fails': '<img src=x onerror="window.hacked=1">',
  'a script that breaks out of an attribute': '"><script>window.hacked=1</script><svg onload=window.hacked=1>',
  'an address that is a script': 'javascript:window.hacked=1',
  'right to left, with marks': '\u202eevil\u202c \u0645\u0631\u062d\u0628\u0627 \u200b\u200d\ufeff\u0301\u0301\u0301',
  'a word without an end': 'x'.repeat(4_000),
};
/** What the page branches on, or reads as a number or a time, stays. */
const KEPT = new Set([
  'status', 'mode', 'service_mode', 'attention', 'state', 'outcome', 'name_of_metric', 'autoscaling_id', 'type', 'kind', 'rule', 'step',
  'at', 'from', 'to', 'first_at', 'last_at', 'created_at', 'updated_at', 'last_scale_time', 'earliest_action', 'failing_since', 'last_success',
  'continue', 'workload_type', 'compatibility', 'capacity', 'stabilization', 'select_policy',
]);
const METRICS = new Set(['cpu', 'memory', 'gpu', 'gpu_memory']);

function hostile(value, text, key) {
  if (typeof value === 'string') return KEPT.has(key) || METRICS.has(value) ? value : text;
  if (Array.isArray(value)) return value.map((item) => hostile(item, text, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hostile(item, text, name)]));
}

/** Replaces the texts of all answers; of the stream, which never ends, it makes one that does. */
async function poison(page, text) {
  await page.route('**/api/v1/**', async (route) => {
    const url = new URL(route.request().url());
    if (url.pathname.endsWith('/events')) {
      const fleet = await stage.api('GET', '/fleet');
      const row = fleet.autoscalers[0];
      const action = { kind: 'scaled', at: fleet.at, autoscaling_id: ids.web, workload_name: text, workload_namespace: text, workload_type: 'Deployment', from: 1, to: 2, message: text };
      const events = { fleet: { total: fleet.total, counts: fleet.counts, totals: fleet.totals }, row: hostile(row, text), action };
      const body = Object.entries(events).map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
      return route.fulfill({ contentType: 'text/event-stream', body });
    }
    const response = await route.fetch();
    return route.fulfill({ response, json: hostile(await response.json(), text) });
  });
}

const VIEWS = {
  fleet: ['/', (page) => page.getByRole('row').nth(1).waitFor()],
  autoscaler: [() => `/#/autoscalers/${ids.trainer}`, async (page) => {
    await page.getByRole('region', { name: 'Decisions' }).getByRole('listitem').first().getByRole('button').first().click();
    await page.getByRole('region', { name: 'GPUs' }).waitFor();
    await page.getByRole('button', { name: 'Copy as…', exact: true }).click();
    await page.getByRole('dialog').waitFor();
  }],
  sources: ['/#/sources', async (page) => {
    await page.getByRole('listitem').first().waitFor();
    for (const summary of await page.locator('main summary').all()) await summary.click();
  }],
};

for (const [what, text] of Object.entries(TEXTS)) {
  for (const [view, [path, look]] of Object.entries(VIEWS)) {
    stage.test(`${what} stays text: ${view}`, {
      viewport: PHONE,
      beforeLoad: (page) => poison(page, text),
      get path() { return typeof path === 'function' ? path() : path; },
    }, async (page) => {
      await look(page);
      const found = await page.evaluate(() => ({
        hacked: window.hacked,
        foreign: [...document.querySelectorAll('main img, main script, main iframe, dialog img, dialog script, [onerror], [onload], [onclick]')].map((node) => node.outerHTML.slice(0, 120)),
        scripts: [...document.querySelectorAll('a, form')].map((node) => node.href ?? node.action).filter((href) => /^\s*javascript:/i.test(href)),
        text: document.body.textContent,
      }));
      assert.equal(found.hacked, undefined);
      assert.deepEqual([found.foreign, found.scripts], [[], []]);
      assert(found.text.includes(text.slice(0, 50)), 'the text is shown as it is');
      await fits(page, view);
    });
  }
}
