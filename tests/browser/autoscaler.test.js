// The page of one autoscaler: chart, decisions, definition, and what can be done with it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { clipboardText, useStage } from './browser.js';
import { SCENE, createAutoscalers, DEFINITIONS } from './scene.js';
import { eventually } from './service.js';

const run = promisify(execFile);

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api);
  await eventually('web was scaled', async () => (await api('GET', `/autoscaling/${ids.web}`)).details.current_replicas === 4);
  await eventually('it decided again', async () => (await api('GET', `/autoscaling/${ids.web}/decisions`)).count >= 2);
});

const of = (name) => ({ get path() { return `/#/autoscalers/${ids[name]}`; } });
const state = (page) => page.getByRole('region', { name: 'State' });
const decisions = (page) => page.getByRole('region', { name: 'Decisions' });
const definition = (page) => page.getByRole('region', { name: 'Definition' });
const details = async (name) => (await stage.api('GET', `/autoscaling/${ids[name]}`)).details;

stage.test('it says at once what it does and why', of('web'), async (page) => {
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  await state(page).getByText('2 → 4').waitFor();
  await decisions(page).getByRole('button').filter({ hasText: /2 → 4/ }).first().waitFor();
  assert.match(await page.title(), /^web/);
});

stage.test('an unknown metric is called unknown, with what to do', of('boundless'), async (page) => {
  await state(page).getByText('unknown').first().waitFor();
  await page.getByText('What to do:').first().waitFor();
  assert.doesNotMatch(await state(page).innerText(), /\b0\s%/, 'unknown is never zero');
});

stage.test('the chart is read with the pointer and with the keyboard', of('web'), async (page) => {
  const chart = page.getByRole('slider');
  await chart.waitFor();
  const said = () => chart.getAttribute('aria-valuetext');
  await eventually('it has points', async () => /4/.test(await said()));
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width - 30, box.y + 40);
  const late = await said();
  await page.mouse.move(box.x + box.width / 2, box.y + 40);
  assert.notEqual(await said(), late, 'the values are those under the pointer');
  await page.mouse.move(0, 0);
  await chart.focus();
  await page.keyboard.press('End');
  assert.match(await said(), /4/);
  await page.keyboard.press('ArrowDown');
  assert.match(await said(), /2.*4|scaled/i, 'the arrow goes to the last action');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\?at=/);
  await decisions(page).getByText('CPU').first().waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL((url) => !url.hash.includes('at='));
});

stage.test('the same values stand in a table', of('web'), async (page) => {
  await page.getByRole('button', { name: 'Show as table' }).click();
  const table = page.getByRole('table').first();
  await table.waitFor();
  await table.getByRole('row').nth(1).waitFor();
  assert.match(await table.innerText(), /4/);
  await page.getByRole('button', { name: 'Show as chart' }).click();
  await page.getByRole('slider').waitFor();
});

stage.test('a decision opens and shows its steps and inputs', of('web'), async (page) => {
  const entry = decisions(page).getByRole('button').filter({ hasText: /2 → 4/ }).first();
  await entry.click();
  for (const heading of ['Steps', 'Metrics', 'Pods', 'Conditions']) {
    await decisions(page).getByRole('heading', { name: heading }).waitFor();
  }
  const shown = await decisions(page).innerText();
  assert.match(shown, /metrics\.k8s\.io/, 'the source of a reading');
  assert.match(shown, /old|ago/, 'its age');
  await page.waitForURL(/\?at=/);
  await page.getByRole('button', { name: 'Back to now' }).click();
  await page.waitForURL((url) => !url.hash.includes('at='));
});

stage.test('decisions are narrowed to those that scaled', of('web'), async (page) => {
  const filters = decisions(page).getByRole('group', { name: 'Which decisions' });
  await decisions(page).getByRole('listitem').nth(1).waitFor();
  await filters.getByRole('button', { name: 'Scaled', exact: true }).click();
  await eventually('one is left', async () => (await decisions(page).getByRole('listitem').count()) === 1);
  assert.match(await decisions(page).getByRole('listitem').innerText(), /2 → 4/);
});

stage.test('the GPUs of its pods are shown one by one', of('trainer'), async (page) => {
  const gpus = page.getByRole('region', { name: 'GPUs' });
  await gpus.getByText('A100', { exact: false }).first().waitFor();
  assert.match(await gpus.innerText(), /\d+\s%/);
});

stage.test('a change is checked, previewed, applied, and only then in force', of('calm'), async (page) => {
  const before = await details('calm');
  await definition(page).getByRole('button', { name: 'Edit' }).click();
  // What was changed is marked, in its name as well.
  const target = definition(page).getByRole('textbox', { name: /^CPU/ });
  await target.fill('101');
  await eventually('the field says what is wrong', async () => (await target.getAttribute('aria-invalid')) === 'true');
  await page.keyboard.press('Enter');
  assert.equal(await target.evaluate((field) => field === document.activeElement), true, 'the wrong field has the focus');
  await target.fill('30');
  await definition(page).getByText('6 instead of 3', { exact: false }).waitFor();
  await definition(page).getByText(/replica-minutes/).first().waitFor();
  assert.deepEqual((await details('calm')).spec, before.spec, 'a preview changes nothing');
  await definition(page).getByRole('button', { name: 'Apply' }).click();
  await page.getByText('The change was applied', { exact: false }).waitFor();
  assert.deepEqual((await details('calm')).spec, { ...before.spec, target_cpu_percent: 30 });
  await state(page).getByText('3 → 6').waitFor();
  await definition(page).getByRole('button', { name: 'Edit' }).waitFor();
});

stage.test('pause and resume', of('web'), async (page) => {
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  assert.equal((await stage.api('GET', `/autoscaling/${ids.web}`)).status, 'inactive');
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  assert.equal((await stage.api('GET', `/autoscaling/${ids.web}`)).status, 'active');
});

stage.test('the copied curl makes the same autoscaler again', of('boundless'), async (page) => {
  await page.getByRole('button', { name: 'Copy as…', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied.').waitFor();
  const command = await clipboardText(page);
  assert.match(command, /^curl /);
  const before = await details('boundless');
  await stage.api('DELETE', `/autoscaling/${ids.boundless}`);
  const { stdout } = await run('sh', ['-c', `${command} --silent --fail-with-body`]);
  const answer = JSON.parse(stdout);
  assert.deepEqual(answer.details.spec, before.spec);
  ids.boundless = answer.autoscaling_id;
});

stage.test('the copied YAML is the definition', of('search'), async (page) => {
  await page.getByRole('button', { name: 'Copy as…', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'YAML' }).click();
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied.').waitFor();
  const yaml = await clipboardText(page);
  for (const [name, value] of Object.entries(DEFINITIONS.search)) assert.match(yaml, new RegExp(`^${name}: "?${value}"?$`, 'm'));
  await dialog.getByRole('button', { name: 'JSON' }).click();
  await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
  await eventually('the JSON is copied', async () => (await clipboardText(page)).startsWith('{'));
  assert.deepEqual(JSON.parse(await clipboardText(page)), (await details('search')).spec);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
});

stage.test('deleting asks for the name first', {
  beforeLoad: async () => {
    ids.free = (await stage.api('POST', '/autoscaling', { ...DEFINITIONS.calm, workload_name: 'free' })).autoscaling_id;
  },
  path: '/',
}, async (page) => {
  await page.getByRole('link', { name: 'free', exact: true }).first().click();
  const ask = () => page.getByRole('button', { name: 'Delete…' }).click();
  const dialog = page.getByRole('dialog');
  await ask();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await ask();
  await dialog.getByRole('textbox').fill('fre');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog.getByText('That is not free.').waitFor();
  assert.equal((await stage.api('GET', `/autoscaling/${ids.free}`)).status, 'active', 'it is still there');
  await dialog.getByRole('textbox').fill('free');
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('was deleted', { exact: false }).waitFor();
  await assert.rejects(stage.api('GET', `/autoscaling/${ids.free}`), /404/);
});

stage.test('an autoscaler that is not there is no dead end', {
  path: '/#/autoscalers/autoscaler-00000000', allowed: [/answer: 404/, /status of 404/],
}, async (page) => {
  await page.getByRole('heading', { name: 'This autoscaler does not exist' }).waitFor();
  await page.getByRole('main').getByRole('link', { name: 'To the fleet' }).click();
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
});
