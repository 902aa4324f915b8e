// The emergency brake.
import assert from 'node:assert/strict';

import { openPage, useStage } from './browser.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

const stage = useStage({ speed: 20, config: SCENE }, ({ api }) => createAutoscalers(api, ['calm']));

stage.test('the brake asks first, stops all scaling, says so on every page, and is released', {}, async (page, { problems }) => {
  const mode = async () => (await stage.api('GET', '/mode')).mode;
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Put the emergency brake on' }).click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await mode(), 'active');
  await page.getByRole('button', { name: 'Put the emergency brake on' }).click();
  await dialog.getByRole('button', { name: 'Stop all scaling' }).click();
  await page.getByText('Emergency brake on.').waitFor();
  assert.equal(await mode(), 'observe');

  const other = await openPage(stage, { path: '/#/sources' });
  await other.page.getByText('Emergency brake on.').waitFor();

  // While it is on, what would be scaled is not.
  const { autoscaling_id: id } = await stage.api('POST', '/autoscaling', {
    workload_name: 'web', workload_namespace: 'shop', workload_type: 'Deployment', min_replicas: 1, max_replicas: 9, target_cpu_percent: 60,
  });
  await eventually('it would be scaled', async () =>
    (await stage.api('GET', `/autoscaling/${id}/decisions?outcome=observed`)).count > 0);
  assert.equal((await stage.api('GET', `/autoscaling/${id}`)).details.current_replicas, 2);
  await page.getByRole('row').filter({ hasText: 'web' }).getByText('observing').waitFor();

  await page.getByRole('button', { name: 'Release the brake…' }).click();
  await dialog.getByRole('button', { name: 'Let them scale' }).click();
  await page.getByText('Emergency brake on.').waitFor({ state: 'detached' });
  // The other one was told.
  await other.page.getByText('Emergency brake on.').waitFor({ state: 'detached' });
  assert.equal(await mode(), 'active');
  await page.getByRole('row').filter({ hasText: 'web' }).getByText('2 → 4').waitFor();
  assert.deepEqual([...problems, ...other.problems], []);
  await other.page.context().close();
});
