// Texts that want to be more than text. Kubernetes lets no such names in, but a page must not rely on that: every text of
// every answer is replaced on its way to the browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE, openPage, useStage } from './browser.js';
import { REFUSED, signIn } from './callers.js';
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
/** Times and ids: what is no time is no text that is shown, and an id is what the page was opened with. */
const TIMES_AND_IDS = [
  'at', 'from', 'to', 'first_at', 'last_at', 'created_at', 'updated_at', 'last_scale_time', 'earliest_action', 'failing_since',
  'last_success', 'autoscaling_id',
];
/** What the page branches on. */
const WORDS = [
  'status', 'mode', 'service_mode', 'attention', 'state', 'outcome', 'name_of_metric', 'type', 'kind', 'rule', 'step', 'continue',
  'workload_type', 'compatibility', 'capacity', 'stabilization', 'select_policy',
];
const METRICS = new Set(['cpu', 'memory', 'gpu', 'gpu_memory']);
const KEPT = new Set([...TIMES_AND_IDS, ...WORDS]);

/** The same with this text in place of each text but those in the fields of `kept`. */
function hostile(value, text, kept = KEPT, key) {
  if (kept.has(key)) return value;
  if (typeof value === 'string') return kept.has('name_of_metric') && METRICS.has(value) ? value : text;
  if (Array.isArray(value)) return value.map((item) => hostile(item, text, kept, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hostile(item, text, kept, name)]));
}

/** Who did what, which a simulated cluster does not know. */
function withPeople(answer, text) {
  for (const details of [answer.details, ...(answer.autoscalers ?? []).map((its) => its.details)]) {
    if (details) Object.assign(details, { created_by: text, changed_by: text });
  }
  for (const decision of [...(answer.decisions ?? []), answer.details?.last_decision]) {
    if (decision) decision.rules_by = text;
  }
  return answer;
}

const TOKEN = 'token-of-this-test';
const WHAT_HAPPENS = ['created', 'updated', 'paused', 'resumed', 'deleted', 'scaled', 'failed', 'recovered', 'conflict'];

/**
 * Replaces the texts of all answers; of the stream, which never ends, it makes one that does. Whoever has no token, and what
 * `refused(method, path)` names, is refused in this text.
 */
async function poison(page, text, { kept = KEPT, refused = () => false } = {}) {
  await page.route('**/api/v1/**', async (route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    const path = pathname.replace('/api/v1', '');
    const { authorization, ...headers } = request.headers();
    const refusal = (status) => route.fulfill({ status, json: { error: status === 403 ? 'Forbidden' : text, details: text } });
    if (authorization !== `Bearer ${TOKEN}`) return refusal(401);
    const status = refused(request.method(), path);
    if (status) return refusal(status);
    if (path === '/whoami') {
      const mode = kept.has('mode') ? 'kubernetes' : text;
      return route.fulfill({ json: { mode, name: text, groups: [text, text] } });
    }
    if (path === '/events') {
      const fleet = await stage.api('GET', '/fleet');
      const actions = WHAT_HAPPENS.map((kind) => ({
        kind: kept.has('kind') ? kind : text, at: fleet.at, autoscaling_id: ids.web, workload_name: text, workload_namespace: text,
        workload_type: 'Deployment', from: 1, to: 2, by: text, message: text,
      }));
      const events = [
        ['fleet', { total: fleet.total, counts: fleet.counts, totals: fleet.totals }], ['row', hostile(fleet.autoscalers[0], text, kept)],
        ...actions.map((action) => ['action', action]),
      ];
      const body = events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
      return route.fulfill({ contentType: 'text/event-stream', body });
    }
    const response = await route.fetch({ headers });
    return route.fulfill({ response, json: withPeople(hostile(await response.json(), text, kept), text) });
  });
  await page.route('**/readyz', async (route) => {
    const response = await route.fetch();
    const replica = { identity: text, leads: false, leader: text };
    return route.fulfill({ response, json: hostile({ ...(await response.json()), replica }, text, kept) });
  });
}

const closed = (page) => page.getByRole('dialog').waitFor({ state: 'detached' });
const opened = async (page, name) => {
  await page.getByRole('button', { name, exact: true }).first().click();
  await page.getByRole('dialog').waitFor();
};

/** Where texts are shown: the address, which requests are refused, and the steps after each of which the page is looked at. */
const VIEWS = {
  fleet: {
    path: () => '/',
    steps: [
      (page) => page.getByRole('row').nth(1).waitFor(),
      async (page) => {
        const happened = page.getByRole('complementary', { name: 'What happened' });
        await happened.getByRole('heading').click();
        await happened.getByRole('listitem').nth(WHAT_HAPPENS.length - 1).waitFor();
      },
      async (page) => {
        await page.getByRole('button', { name: /^Signed in as/ }).click();
        await page.getByRole('dialog').waitFor();
      },
    ],
  },
  autoscaler: {
    path: () => `/#/autoscalers/${ids.trainer}`,
    refused: (method, path) => (method === 'DELETE' || path.endsWith('/pause') ? 403 : false),
    steps: [
      async (page) => {
        await page.getByRole('region', { name: 'Decisions' }).getByRole('listitem').first().getByRole('button').first().click();
        await page.getByRole('region', { name: 'GPUs' }).waitFor();
      },
      async (page) => {
        await page.getByRole('button', { name: 'Pause', exact: true }).click();
        await page.getByRole('alert').filter({ hasText: 'You may not pause this' }).waitFor();
      },
      (page) => opened(page, 'Copy as…'),
      async (page, text) => {
        await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
        await closed(page);
        await opened(page, 'Delete…');
        await page.getByRole('dialog').getByRole('textbox').fill(text);
        await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
        await page.getByRole('dialog').getByRole('alert').filter({ hasText: /./ }).waitFor();
      },
    ],
  },
  'a change': {
    path: () => `/#/autoscalers/${ids.trainer}`,
    // No other definition can be changed.
    kept: new Set([...KEPT, 'spec']),
    refused: (method) => method === 'PATCH' && 403,
    steps: [
      async (page) => {
        await page.getByRole('region', { name: 'Definition' }).getByRole('button', { name: 'Edit' }).click();
        await page.getByRole('textbox', { name: 'Maximum' }).fill('11');
        await page.locator('.preview-message').waitFor();
      },
      async (page) => {
        await page.getByRole('button', { name: 'Apply' }).click();
        await page.getByRole('alert').filter({ hasText: 'You may not change this' }).waitFor();
      },
    ],
  },
  sources: {
    path: () => '/#/sources',
    steps: [async (page) => {
      await page.getByRole('listitem').first().waitFor();
      for (const summary of await page.locator('main summary').all()) await summary.click();
    }],
  },
  'what is refused': {
    path: () => '/#/sources',
    refused: (method, path) => ({ '/sources': 403, '/mode': method === 'PUT' && 403, '/fleet': 503, '/autoscaling': 409 })[path] ?? false,
    steps: [
      (page) => page.getByText(/^You may not see the sources/).waitFor(),
      async (page) => {
        await page.getByRole('button', { name: 'Put the emergency brake on' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Stop all scaling' }).click();
        await page.getByRole('dialog').getByRole('alert').filter({ hasText: /./ }).waitFor();
      },
      async (page) => {
        await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
        await page.getByRole('link', { name: 'Fleet', exact: true }).click();
        await page.getByRole('button', { name: 'Try again' }).waitFor();
      },
      async (page) => {
        await page.goto(`${stage.url}/#/new`);
        for (const [name, value] of [['Namespace', 'batch'], ['Name', 'free'], ['Minimum', '1'], ['Maximum', '5'], ['CPU', '60']]) {
          await page.getByRole('textbox', { name, exact: name === 'Name' }).fill(value);
        }
        await page.getByRole('button', { name: 'Create', exact: true }).click();
        await page.getByRole('alert').filter({ hasText: /./ }).first().waitFor();
      },
    ],
  },
};
const allowed = [...REFUSED, /answer: (409|50[03])/, /status of (409|50[03])/];

/** Fails when a text has become more than text. */
async function isOnlyText(page, text) {
  const found = await page.evaluate(() => ({
    hacked: window.hacked,
    foreign: [...document.querySelectorAll('main img, main script, main iframe, dialog img, dialog script, .bar img, .notices img, [onerror], [onload], [onclick], [srcdoc], [style*="url"]')].map((node) => node.outerHTML.slice(0, 120)),
    scripts: [...document.querySelectorAll('a, area, form, button, use')].map((node) => node.getAttribute('href') ?? node.action ?? node.formAction ?? '')
      .filter((address) => /^\s*javascript:/i.test(address)),
    text: document.body.textContent,
  }));
  assert.equal(found.hacked, undefined);
  assert.deepEqual([found.foreign, found.scripts], [[], []]);
  assert(found.text.includes(text.slice(0, 50)), 'the text is shown as it is');
}

function testView(what, text, view, others = {}) {
  const { path, steps, refused, kept } = { ...VIEWS[view], ...others };
  stage.test(`${what} stays text: ${view}`, {
    viewport: PHONE,
    allowed,
    beforeLoad: (page) => poison(page, text, { kept, refused }),
    get path() { return path(); },
  }, async (page) => {
    await signIn(page, TOKEN);
    for (const step of steps) {
      await step(page, text);
      await isOnlyText(page, text);
      // A word that is known is short.
      if (!others.kept) await fits(page, view);
    }
  });
}

for (const [what, text] of Object.entries(TEXTS)) {
  for (const view of Object.keys(VIEWS)) testView(what, text, view);
}
// Words that the page branches on are no better.
for (const view of ['fleet', 'sources']) {
  const text = TEXTS['a script that breaks out of an attribute'];
  testView('even in a word that the page knows, a script', text, view, { kept: new Set(TIMES_AND_IDS) });
}

stage.test('a refusal to let somebody in stays text', {
  allowed,
  beforeLoad: (page) => page.route('**/api/v1/**', (route) =>
    route.fulfill({ status: 503, json: { error: TEXTS['an image that fails'], details: TEXTS['an image that fails'] } })),
}, async (page) => {
  await page.getByRole('button', { name: 'Try again' }).waitFor();
  await isOnlyText(page, TEXTS['an image that fails']);
  await page.unroute('**/api/v1/**');
  await page.route('**/api/v1/**', (route) => {
    const status = route.request().headers().authorization ? 500 : 401;
    const text = TEXTS['an image that fails'];
    return route.fulfill({ status, json: { error: text, details: text }, headers: { 'retry-after': text } });
  });
  // The stream comes back by itself.
  await signIn(page, TOKEN);
  await page.getByRole('dialog').getByRole('alert').filter({ hasText: /./ }).waitFor();
  await isOnlyText(page, TEXTS['an image that fails']);
});

test('markup that becomes more than text fails a test', { timeout: 60_000 }, async () => {
  const { page, problems } = await openPage(stage);
  await page.getByRole('row').nth(1).waitFor();
  await page.evaluate(() => {
    document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="data:x" onerror="window.hacked=1"><b style="color: red">x</b>');
  });
  assert.equal(await page.evaluate(() => window.hacked), undefined, 'the policy holds');
  for (const directive of ['script-src-attr', 'style-src-attr']) {
    await eventually(`a violation of ${directive}`, () => problems.some((problem) => problem.includes(`violation of the Content-Security-Policy: ${directive}`)));
  }
  await assert.rejects(isOnlyText(page, ''));
  await page.context().close();
});
