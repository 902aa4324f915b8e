// A new autoscaler by the form.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { SCENE, createAutoscalers } from './scene.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api, ['web']);
});
const NEW = { path: '/#/new' };

async function fillIn(page, { namespace = 'batch', name, min = '1', max = '5', cpu = '60' }) {
  await page.getByRole('textbox', { name: 'Namespace' }).fill(namespace);
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(name);
  await page.getByRole('textbox', { name: 'Minimum' }).fill(min);
  await page.getByRole('textbox', { name: 'Maximum' }).fill(max);
  await page.getByRole('textbox', { name: 'CPU' }).fill(cpu);
}

stage.test('the form puts a workload under autoscaling and shows it', { path: '/' }, async (page) => {
  await page.getByRole('link', { name: 'New autoscaler' }).click();
  await fillIn(page, { name: 'free' });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'free', level: 1 }).waitFor();
  const id = page.url().match(/autoscaler-[0-9a-f]+/)[0];
  const { details: { spec } } = await stage.api('GET', `/autoscaling/${id}`);
  assert.deepEqual([spec.workload_type, spec.min_replicas, spec.max_replicas, spec.target_cpu_percent], ['Deployment', 1, 5, 60]);
});

stage.test('what is missing or wrong is said at its field, and nothing is sent', NEW, async (page) => {
  const sent = [];
  page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const namespace = page.getByRole('textbox', { name: 'Namespace' });
  assert.equal(await namespace.evaluate((field) => field === document.activeElement), true, 'the first wrong field has the focus');
  for (const name of ['Namespace', 'Name', 'Minimum', 'Maximum']) {
    const field = page.getByRole('textbox', { name, exact: true });
    assert.equal(await field.getAttribute('aria-invalid'), 'true', name);
    const described = await field.getAttribute('aria-describedby');
    const said = await page.locator(described.split(' ').map((id) => `#${id}`).join(', ')).allTextContents();
    assert.match(said.join(' '), /required/, name);
  }
  await fillIn(page, { name: 'Not A Name', min: '7', max: '3' });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).getAttribute('aria-invalid'), 'true');
  assert.equal(await page.getByRole('textbox', { name: 'Maximum' }).getAttribute('aria-invalid'), 'true');
  assert.deepEqual(sent, []);
});

stage.test('a workload that is not there is refused in words of the service', {
  ...NEW, allowed: [/answer: 500/, /status of 500/],
}, async (page) => {
  await fillIn(page, { name: 'nowhere' });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('alert').getByText(/nowhere.*not found/).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Name', exact: true }).inputValue(), 'nowhere', 'nothing is lost');
});

stage.test('a workload that has an autoscaler already leads to it', {
  ...NEW, allowed: [/answer: 409/, /status of 409/],
}, async (page) => {
  await fillIn(page, { namespace: 'shop', name: 'web' });
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('link', { name: 'To the autoscaler that exists' }).click();
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  assert(page.url().endsWith(ids.web));
});
