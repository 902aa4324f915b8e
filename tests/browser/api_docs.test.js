// The page to read and try out the API, by somebody who has a token.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { SCENE } from './scene.js';
import { TOKEN_NAME } from './service.js';

const TOKEN = 'correct-horse-battery-staple-0123';
const stage = useStage({ config: SCENE, token: TOKEN });
const whoami = (page) => page.locator('#operations-service-getWhoami');

async function tryOut(page) {
  if (!(await whoami(page).getByRole('button', { name: 'Execute' }).isVisible())) await whoami(page).locator('.opblock-summary-control').click();
  await whoami(page).getByRole('button', { name: 'Execute' }).click();
  return whoami(page).locator('.live-responses-table .response .response-col_status');
}

stage.test('a token that is typed there is sent, and kept nowhere', {
  path: '/api-docs/', allowed: [/answer: 401/, /status of 401/],
}, async (page) => {
  const said = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('request', (request) => said.push(request.url()));
  await (await tryOut(page)).getByText('401').waitFor();
  await page.getByRole('button', { name: 'Authorize', exact: true }).first().click();
  const dialog = page.locator('.dialog-ux');
  await dialog.getByRole('textbox').fill(TOKEN);
  await dialog.getByRole('button', { name: 'Apply credentials' }).click();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await (await tryOut(page)).getByText('200').waitFor();
  await whoami(page).locator('.live-responses-table').getByText(TOKEN_NAME).first().waitFor();
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]));
  assert(!kept.includes(TOKEN), kept);
  assert.deepEqual(said.filter((text) => text.includes(TOKEN)), []);
  await page.reload();
  await (await tryOut(page)).getByText('401').waitFor();
});
