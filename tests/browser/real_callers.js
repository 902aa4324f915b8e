// The dashboard of a service on a real cluster, at DASHBOARD_URL, as somebody sees it whose token is DASHBOARD_TOKEN:
// DASHBOARD_USER, who may only look at the namespace SHOP. OURS is an autoscaler there, THEIRS one elsewhere. The end-to-end
// tests run this.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { REFUSED, signIn } from './callers.js';

const { DASHBOARD_URL: url, DASHBOARD_TOKEN: token, DASHBOARD_USER: user, SHOP: shop, OURS: ours, THEIRS: theirs } = process.env;
if (!url || !token) throw new Error('DASHBOARD_URL and DASHBOARD_TOKEN are not set: the end-to-end tests run this');

const stage = useStage(null);
const allowed = [...REFUSED, /answer: 404/, /status of 404/];

stage.test('somebody sees in the browser what the cluster lets them see', { url, allowed }, async (page) => {
  await signIn(page, `${token}-no-more`);
  await page.getByRole('dialog').getByRole('alert').getByText(/was not accepted/).waitFor();
  await signIn(page, token);
  await page.getByRole('button', { name: `Signed in as ${user}` }).waitFor();
  await page.getByRole('link', { name: 'web', exact: true }).first().waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  const namespaces = await page.getByRole('combobox', { name: 'Namespace' }).getByRole('option').allTextContents();
  assert.deepEqual(namespaces, ['All namespaces', shop]);

  await page.goto(`${url}/#/sources`);
  await page.getByText(`You may not see the sources. ${user} may not list nodes.`).waitFor();
  await page.goto(`${url}/#/autoscalers/${theirs}`);
  await page.getByText(/Or you may not see it\./).waitFor();
  await page.goto(`${url}/#/autoscalers/${ours}`);
  await page.getByText('created by admin').waitFor();
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await page.getByRole('alert').getByText(`You may not pause this: ${user} may not patch workloadautoscalers.ai-storage.io`).waitFor();
  await page.getByRole('button', { name: 'Put the emergency brake on' }).click();
  await page.getByRole('button', { name: 'Stop all scaling' }).click();
  await page.getByRole('alert').getByText(`You may not switch the brake: ${user} may not patch`).waitFor();
});
