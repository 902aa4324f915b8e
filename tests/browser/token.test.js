// A service with a token.
import assert from 'node:assert/strict';

import { isAccessible } from './accessibility.js';
import { DESKTOP, PHONE, clipboardText, openPage, useStage } from './browser.js';
import { signIn } from './callers.js';
import { fits } from './fitting.js';
import { SCENE, DEFINITIONS } from './scene.js';
import { TOKEN_NAME, api } from './service.js';

const TOKEN = 'correct-horse-battery-staple-0123';
const stage = useStage({ speed: 20, config: SCENE, token: TOKEN }, async ({ url }) => {
  await api(url, TOKEN)('POST', '/autoscaling', DEFINITIONS.calm);
});
const allowed = [/answer: 401/, /status of 401/];
const dialog = (page) => page.getByRole('dialog', { name: 'Sign in', exact: true });
const live = (page) => page.getByText('live', { exact: true }).waitFor();

stage.test('it is asked for, checked, and kept in the memory of the page only', { allowed }, async (page) => {
  const addresses = [];
  const said = [];
  page.on('request', (request) => addresses.push(request.url()));
  page.on('console', (message) => said.push(message.text()));
  await dialog(page).waitFor();
  const field = dialog(page).getByLabel('Token');
  assert.equal(await field.evaluate((its) => its === document.activeElement), true);
  assert.deepEqual(
    [await field.getAttribute('type'), await field.getAttribute('autocomplete')],
    ['password', 'off'],
  );
  await dialog(page).getByText(/kubectl create token/).waitFor();
  await signIn(page, 'wrong');
  await dialog(page).getByRole('alert').getByText(/was not accepted/).waitFor();
  await signIn(page, 'no token at all');
  await dialog(page).getByRole('alert').getByText(/That is no token/).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await dialog(page).waitFor();
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  await live(page);
  const address = page.url();
  const kept = await page.evaluate(async () => ({
    storage: JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), history.state]),
    cookies: document.cookie,
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    page: document.documentElement.outerHTML,
    reachable: Object.values(window).filter((value) => typeof value === 'string').join(),
  }));
  assert(!JSON.stringify(kept).includes(TOKEN));
  assert.deepEqual([kept.cookies, kept.databases, kept.caches], ['', 0, 0]);
  assert.deepEqual((await page.context().storageState()).cookies, []);

  await page.reload();
  await dialog(page).waitFor();
  assert.equal(await page.getByText('calm').count(), 0);
  await signIn(page, TOKEN);
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  assert.equal(page.url(), address);
  assert.deepEqual([...addresses, ...said].filter((text) => text.includes(TOKEN)), []);

  // A tab of its own asks for itself.
  const other = await openPage(stage, { allowed });
  await dialog(other.page).waitFor();
  await other.page.context().close();
});

stage.test('who is signed in is said, and signing out leaves nothing', { allowed }, async (page) => {
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  await page.getByRole('button', { name: `Signed in as ${TOKEN_NAME}` }).click();
  const facts = page.getByRole('dialog', { name: 'Signed in' });
  await facts.getByText('a token of this service').waitFor();
  await facts.getByRole('button', { name: 'Sign out' }).click();
  await dialog(page).waitFor();
  for (const text of ['calm', TOKEN_NAME]) assert.equal(await page.getByText(text).count(), 0, text);
  assert.equal(await page.title(), 'AI Storage Orchestrator');
  assert.equal(new URL(page.url()).hash, '#/');
  const asked = page.waitForRequest('**/api/v1/fleet*');
  await signIn(page, TOKEN);
  assert.equal((await asked).headers().authorization, `Bearer ${TOKEN}`);
  await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
});

stage.test('who did what is said', { allowed }, async (page) => {
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByText(`created by ${TOKEN_NAME} · changed by ${TOKEN_NAME}`).waitFor();
  const decisions = page.getByRole('region', { name: 'Decisions' });
  await decisions.getByRole('button').filter({ hasText: /stays at/ }).first().click();
  await decisions.getByText(`By the definition of ${TOKEN_NAME}.`).first().waitFor();
  await page.getByRole('link', { name: 'Fleet', exact: true }).click();
  await live(page);
  const { autoscalers: [{ autoscaling_id: id }] } = await stage.api('GET', '/autoscaling');
  await stage.api('POST', `/autoscaling/${id}/pause`);
  const happened = page.getByRole('complementary', { name: 'What happened' }).getByRole('listitem');
  await happened.filter({ hasText: 'paused' }).getByText(`by ${TOKEN_NAME}`).waitFor();
  await stage.api('POST', `/autoscaling/${id}/resume`);
});

stage.test('what is copied has no token in it', { allowed }, async (page) => {
  await signIn(page, TOKEN);
  await page.getByRole('link', { name: 'calm', exact: true }).click();
  await page.getByRole('button', { name: 'Copy as…', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied.').waitFor();
  const command = await clipboardText(page);
  assert.match(command, /Authorization: Bearer/);
  assert(!command.includes(TOKEN));
});

for (const { viewport, colorScheme } of [{ viewport: DESKTOP, colorScheme: 'light' }, { viewport: PHONE, colorScheme: 'dark' }]) {
  stage.test(`signing in is accessible, and fits: ${viewport.width} px`, { viewport, colorScheme, allowed }, async (page) => {
    await dialog(page).waitFor();
    await isAccessible(page, 'signing in');
    await fits(page, 'signing in');
    await signIn(page, 'wrong');
    await dialog(page).getByRole('alert').getByText(/was not accepted/).waitFor();
    await isAccessible(page, 'a token that was not accepted');
    await fits(page, 'a token that was not accepted');
    await signIn(page, TOKEN);
    await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
    await fits(page, 'the fleet of who is signed in');
    await page.getByRole('button', { name: /^Signed in as/ }).click();
    await page.getByRole('dialog', { name: 'Signed in' }).waitFor();
    await isAccessible(page, 'who is signed in');
    await fits(page, 'who is signed in');
  });
}
