// A service with a token.
import assert from 'node:assert/strict';

import { openPage, useStage } from './browser.js';
import { SCENE, DEFINITIONS } from './scene.js';
import { api } from './service.js';

const TOKEN = 'correct-horse-battery';
const stage = useStage({ speed: 20, config: `${SCENE}\n[http]\ntoken = "${TOKEN}"\n` }, async ({ url }) => {
  await api(url, TOKEN)('POST', '/autoscaling', DEFINITIONS.calm);
});
const allowed = [/answer: 401/, /status of 401/];

async function signIn(page, token) {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Token').fill(token);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
}

stage.test('it is asked for, checked, kept for this tab, and in no address', { allowed }, async (page) => {
  const addresses = [];
  page.on('request', (request) => addresses.push(request.url()));
  await page.getByRole('dialog', { name: 'This service asks for a token' }).waitFor();
  await signIn(page, 'wrong');
  await page.getByRole('dialog', { name: 'The token was not accepted' }).waitFor();
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.deepEqual(addresses.filter((address) => address.includes(TOKEN)), []);
  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);

  // A tab of its own asks for itself.
  const other = await openPage(stage, { allowed });
  await other.page.getByRole('dialog', { name: 'This service asks for a token' }).waitFor();
  await other.page.context().close();
});

stage.test('what is copied has no token in it', { allowed }, async (page) => {
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByRole('button', { name: 'Copy as…', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied.').waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(command, /Authorization: Bearer/);
  assert(!command.includes(TOKEN));
});
