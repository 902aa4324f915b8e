// The fleet: what is in it, in which order, and how it is narrowed.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { SCENE, createAutoscalers, settle } from './scene.js';
import { eventually } from './service.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api);
  await settle(api);
});

const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
/** The names in the table, from above. */
const names = (page) => page.getByRole('row').getByRole('link').allTextContents();
const shows = (page, wanted) => eventually(`the table shows ${wanted}`, async () => {
  const shown = await names(page);
  return JSON.stringify(shown) === JSON.stringify(wanted);
});

stage.test('each row says how its autoscaler stands and what it did last, in words', {}, async (page) => {
  const web = row(page, 'web');
  await web.getByText('active').waitFor();
  await web.getByText('shop · Deployment').waitFor();
  await web.getByText('2 → 4', { exact: false }).waitFor();
  await web.getByText(/CPU \d+ % of 60 %/i).waitFor();
  await row(page, 'search').getByText('wants more than max').waitFor();
  await row(page, 'boundless').getByText('metric unknown').waitFor();
  assert.match(await row(page, 'trainer').textContent(), /GPU/);
});

stage.test('what needs attention comes first, and the order by name is one choice away', {}, async (page) => {
  await shows(page, ['search', 'boundless', 'calm', 'trainer', 'web']);
  await page.getByRole('combobox', { name: 'Order' }).selectOption({ label: 'By name' });
  await shows(page, ['boundless', 'calm', 'trainer', 'search', 'web']);
});

stage.test('filters by namespace, status, attention and text work together, and stay in the address', {}, async (page) => {
  await page.getByRole('combobox', { name: 'Namespace' }).selectOption('shop');
  await shows(page, ['search', 'web']);
  await page.getByRole('button', { name: /wants more than max/ }).click();
  await shows(page, ['search']);
  await page.reload();
  await shows(page, ['search']);
  assert.equal(await page.getByRole('combobox', { name: 'Namespace' }).inputValue(), 'shop');
  await page.getByRole('combobox', { name: 'Status' }).selectOption({ label: 'Paused' });
  await page.getByText('No autoscaler matches these filters.').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await page.getByRole('searchbox', { name: 'Filter by name' }).fill('tRaIn');
  await shows(page, ['trainer']);
});

stage.test('the totals are those of the service', {}, async (page) => {
  const { total_autoscalers, total_scale_ups } = await stage.api('GET', '/autoscaling/metrics');
  const figures = page.getByRole('region', { name: 'Figures over all' });
  await figures.getByRole('button', { name: `${total_autoscalers} autoscalers` }).waitFor();
  await eventually('scaled up as often', async () =>
    (await figures.getByRole('definition').allTextContents()).includes(String(total_scale_ups)));
});

stage.test('the sparkline shows the replicas of the last half hour', {}, async (page) => {
  const line = row(page, 'web').locator('svg').first();
  await line.waitFor();
  const described = await line.evaluate((svg) => [svg.getAttribute('role'), svg.getAttribute('aria-label') ?? svg.textContent]);
  assert.match(described.join(' '), /img.*[24]/s, `it is said in words what the line shows: ${described}`);
  // Its gaps are a path of their own, and there are none.
  const paths = await line.locator('path').evaluateAll((all) => all.map((path) => path.getAttribute('d')));
  assert.match(paths.join(), /^,?M/, 'it has a line');
});

stage.test('a row follows what others do, without a reload', {}, async (page) => {
  await row(page, 'calm').getByText('active').waitFor();
  await stage.api('POST', `/autoscaling/${ids.calm}/pause`);
  await row(page, 'calm').getByText('paused').waitFor();
  const happened = page.getByRole('complementary', { name: 'What happened' }).getByRole('listitem');
  await happened.filter({ hasText: 'calm' }).filter({ hasText: 'paused' }).waitFor();
  await stage.api('POST', `/autoscaling/${ids.calm}/resume`);
  await row(page, 'calm').getByText('active').waitFor();
});

stage.test('a row leads to its autoscaler, and back leads to the same view', {}, async (page) => {
  await page.getByRole('combobox', { name: 'Namespace' }).selectOption('shop');
  await shows(page, ['search', 'web']);
  await row(page, 'web').click();
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  await page.goBack();
  await shows(page, ['search', 'web']);
});
