// The dashboard of a service on a real cluster, at DASHBOARD_URL: the Deployment `web` of the namespace
// DASHBOARD_NAMESPACE is being scaled up from 2. The end-to-end tests run this.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { eventually } from './service.js';

const { DASHBOARD_URL: url, DASHBOARD_NAMESPACE: namespace } = process.env;
if (!url || !namespace) throw new Error('DASHBOARD_URL and DASHBOARD_NAMESPACE are not set: the end-to-end tests run this');

const stage = useStage(null);
/** metrics-server reads every 10 s and shows a new pod after its second reading. */
const SLOW = 90_000;

stage.test('a real Deployment is seen being scaled, and why', {
  url, path: `/#/?namespace=${namespace}`, timeout: 2 * SLOW,
}, async (page) => {
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'web', exact: true }) });
  await row.getByText(/^2 → \d+, /).waitFor({ timeout: SLOW });
  // A rate over two readings, which can be one point more.
  assert.match(await row.textContent(), /CPU\s14[01]\s%\sof\s70\s%/);
  await row.click();
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  const decision = page.getByRole('region', { name: 'Decisions' }).getByRole('button').filter({ hasText: /2 → \d+/ }).first();
  await decision.click();
  await page.getByRole('heading', { name: 'Steps' }).waitFor();
  const chart = page.getByRole('slider');
  await eventually('the chart has it', async () => {
    // By then there may be a point after that of the scaling.
    for (const key of ['End', 'ArrowLeft']) {
      await chart.press(key);
      if (/scaled|→/.test(await chart.getAttribute('aria-valuetext'))) return true;
    }
    return false;
  });
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sources' }).click();
  await page.getByText(/^Ready on/).waitFor();
});
