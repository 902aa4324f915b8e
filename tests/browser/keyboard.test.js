// Everything without a pointer.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api, ['web', 'calm', 'trainer']);
});

/** What has the focus, as `role-or-tag: name`, and whether one can see it. */
const focused = (page) => page.evaluate(() => {
  const node = document.activeElement;
  const name = node.getAttribute('aria-label') ?? node.labels?.[0]?.textContent ?? node.textContent;
  const box = node.getBoundingClientRect();
  // In a table the ring is around the whole row.
  const marked = [node, node.closest('[role=row]')].filter(Boolean).some((ringed) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(ringed);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  });
  const onScreen = box.width > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  return { name: name.trim(), tag: node.localName, visible: marked && onScreen };
});

/** Presses Tab until the focus is on what `wanted` accepts; everything on the way must be visible as focused. */
async function tabTo(page, wanted, key = 'Tab') {
  const way = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press(key);
    const now = await focused(page);
    way.push(`${now.tag} ${now.name}`);
    assert.notEqual(now.tag, 'body', `the focus is lost after ${way.join(', ')}`);
    assert(now.visible, `one cannot see that "${now.tag} ${now.name}" has the focus`);
    if (wanted(now)) return;
  }
  assert.fail(`not reached: ${way.join(', ')}`);
}

stage.test('from the first page to a paused autoscaler and back', {}, async (page) => {
  await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
  await tabTo(page, ({ tag, name }) => tag === 'a' && ['web', 'calm', 'trainer'].includes(name));
  await page.keyboard.press('Home');
  while ((await focused(page)).name !== 'calm') {
    const before = (await focused(page)).name;
    await page.keyboard.press('ArrowDown');
    assert.notEqual((await focused(page)).name, before, 'the arrow goes to the next row');
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'calm', level: 1 }).waitFor();
  await tabTo(page, ({ name }) => name === 'Pause');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  assert.equal((await stage.api('GET', `/autoscaling/${ids.calm}`)).status, 'inactive');
  assert.equal((await focused(page)).name, 'Resume', 'the focus stays where it was');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor();
});

stage.test('the first stop leads past the bar to the content', {}, async (page) => {
  await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).name, 'Skip to content');
  await page.keyboard.press('Enter');
  assert.equal((await focused(page)).tag, 'main');
});

stage.test('dialogs keep the focus and give it back', { get path() { return `/#/autoscalers/${ids.web}`; } }, async (page) => {
  await page.getByRole('heading', { name: 'web', level: 1 }).waitFor();
  await tabTo(page, ({ name }) => name === 'Delete…');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let presses = 0; presses < 6; presses += 1) {
    await page.keyboard.press('Tab');
    const inside = await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null);
    assert(inside, 'the focus stays in the dialog');
  }
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal((await focused(page)).name, 'Delete…');
});

stage.test('the shortcuts do what their list says', {}, async (page) => {
  await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  assert.equal((await focused(page)).name, 'Filter by name');
  await page.keyboard.type('web');
  await eventually('one row is left', async () => (await page.getByRole('row').getByRole('link').count()) === 1);
  await page.keyboard.press('Escape');
  await page.getByRole('searchbox').evaluate((field) => field.blur());
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.getByRole('heading', { name: 'Sources' }).first().waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('f');
  await page.getByRole('row').getByRole('link').first().waitFor();
  await page.keyboard.press('j');
  assert.equal((await focused(page)).tag, 'a');
  await page.keyboard.press('n');
  await page.getByRole('heading', { name: 'New autoscaler' }).waitFor();
});

stage.test('who opens another page is taken there', {}, async (page) => {
  await page.getByRole('link', { name: 'calm', exact: true }).waitFor();
  await tabTo(page, ({ name }) => name === 'Sources');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sources' }).first().waitFor();
  assert.match(await page.title(), /^Sources/);
  const current = page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sources' });
  assert.equal(await current.getAttribute('aria-current'), 'page');
});
