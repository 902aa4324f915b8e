// Makes the screenshots of the documents: `node tests/browser/screenshots.js [FOLDER]`, after the service was built.
// The cluster is the default one with its fixed seed, so they show the same story each time; the times of day differ.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { DESKTOP, launch, openPage } from './browser.js';
import { api, eventually, startService } from './service.js';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/screenshots', import.meta.url));
/** The story: after a quarter of an hour it was scaled up, held, and scaled down again. */
const HERO = 'ai-training-job';
const MINUTES = 22;
const SPEED = 20;

const service = await startService({ speed: SPEED });
const stage = { url: service.url, browser: await launch() };
const ask = api(service.url);
await mkdir(folder, { recursive: true });
try {
  await eventually(`${MINUTES} minutes are over`, async () => {
    const { autoscalers } = await ask('GET', '/fleet');
    return autoscalers.every(({ replicas }) => replicas.filter((count) => count !== null).length >= MINUTES);
  }, (MINUTES + 8) * 60_000 / SPEED);
  const { autoscalers } = await ask('GET', '/fleet');
  const id = autoscalers.find(({ workload_name: name }) => name === HERO).autoscaling_id;
  for (const colorScheme of ['light', 'dark']) {
    const shoot = async (name, path, prepare) => {
      const { page, problems } = await openPage(stage, { path, viewport: DESKTOP, colorScheme, reducedMotion: 'reduce', deviceScaleFactor: 1 });
      await page.getByText('live', { exact: true }).waitFor();
      await prepare(page);
      await page.mouse.move(0, 0);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), animations: 'disabled', caret: 'hide' });
      await page.context().close();
      if (problems.length > 0) throw new Error(`${name}: ${problems.join('\n')}`);
    };
    const decisions = (page) => page.getByRole('region', { name: 'Decisions' });
    await shoot('fleet', '/', (page) => page.getByRole('link', { name: HERO, exact: true }).first().waitFor());
    await shoot('autoscaler', `/#/autoscalers/${id}`, async (page) => {
      await page.getByRole('slider').waitFor();
      await decisions(page).getByRole('listitem').first().waitFor();
    });
    await shoot('decisions', `/#/autoscalers/${id}`, async (page) => {
      await decisions(page).getByRole('button', { name: 'Scaled', exact: true }).click();
      await decisions(page).getByRole('listitem').first().getByRole('button').first().click();
      await page.getByRole('heading', { name: 'Steps' }).waitFor();
    });
    await shoot('sources', '/#/sources', async (page) => {
      await page.getByText(/^Ready on/).waitFor();
      await page.getByRole('region', { name: 'GPU exporters' }).locator('summary').first().click();
    });
  }
} finally {
  await stage.browser.close();
  await service.stop();
}
