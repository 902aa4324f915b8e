// The fleet's page with 10,000 autoscalers.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { useStage } from './browser.js';
import { COUNT, nameOf, startGreatFleet } from './great_fleet.js';
import { eventually } from './service.js';

let fleet;
const stage = useStage({}, async ({ service }) => {
  fleet = await startGreatFleet(service);
});
after(() => fleet?.stop());

/** The rows on screen: their place in the whole, and their names. */
const onScreen = (page) => page.getByRole('row').evaluateAll((rows) => rows.filter((row) => {
  const { top, bottom } = row.getBoundingClientRect();
  return row.querySelector('a') && bottom > 0 && top < innerHeight;
}).map((row) => ({ index: Number(row.getAttribute('aria-rowindex')) - 2, name: row.querySelector('a').textContent })));

/** Waits until all rows on screen are those that belong there, and returns the index of the first. */
async function rightRows(page, place) {
  let first;
  await eventually(`the right rows ${place}`, async () => {
    const rows = await onScreen(page);
    first = Math.min(...rows.map(({ index }) => index));
    return rows.length > 5 && rows.every(({ index, name }) => name === nameOf(index));
  });
  return first;
}

/** Scrolls what scrolls: the table, or where it is as long as the page, that. */
const scrollTo = (page, part) => page.evaluate((share) => {
  let node = document.querySelector('[role=grid]');
  while (node && node.scrollHeight <= node.clientHeight + 1) node = node.parentElement;
  const scroller = node ?? document.scrollingElement;
  scroller.scrollTop = share * (scroller.scrollHeight - scroller.clientHeight);
}, part);

stage.test(`${COUNT} autoscalers: any row is a moment away, and only those on screen exist`, {
  get url() { return fleet.url; },
}, async (page, { t }) => {
  await rightRows(page, 'at the top');
  const begun = await page.evaluate(() => performance.now());
  const usedAt = async () => {
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return Math.round(usedSize / 1024 / 102.4) / 10;
  };
  const nodes = () => page.evaluate(() => document.querySelectorAll('*').length);
  const atFirst = { nodes: await nodes(), heap: await usedAt() };
  assert(atFirst.nodes < 3_000, `${atFirst.nodes} elements`);

  await scrollTo(page, 0.5);
  const middle = await rightRows(page, 'in the middle');
  assert(Math.abs(middle - COUNT / 2) < 60, `${middle} is at the middle`);
  await scrollTo(page, 1);
  await page.getByRole('link', { name: nameOf(COUNT - 1), exact: true }).waitFor();
  await rightRows(page, 'at the end');
  for (let step = 0; step < 40; step += 1) await scrollTo(page, (step * 7 % 40) / 40);
  await rightRows(page, 'after a lot of scrolling');
  const atLast = { nodes: await nodes(), heap: await usedAt() };
  assert(atLast.nodes < atFirst.nodes + 500, `${atFirst.nodes} elements became ${atLast.nodes}`);
  assert(atLast.heap < 40, `${atLast.heap} MiB`);
  t.diagnostic(`${COUNT} autoscalers: rows after ${Math.round(begun)} ms, ${atFirst.nodes} elements and ${atFirst.heap} MiB at first, ${atLast.nodes} and ${atLast.heap} MiB after scrolling`);
});

stage.test('the rows on screen are live, and the others cost nothing', { get url() { return fleet.url; } }, async (page) => {
  await rightRows(page, 'at the top');
  await scrollTo(page, 0.25);
  await rightRows(page, 'at a quarter');
  const asked = fleet.asked();
  const replicas = () => page.getByRole('row').filter({ has: page.getByRole('link') }).evaluateAll((rows) =>
    rows.filter((row) => row.getBoundingClientRect().top > innerHeight / 2).at(0).textContent.match(/(\d+)1 to/)[1]);
  const before = await replicas();
  await eventually('the numbers change', async () => (await replicas()) !== before);
  assert(fleet.watched() <= 200, `${fleet.watched()} rows are watched`);
  assert(fleet.asked() <= asked + 1, `asked ${fleet.asked() - asked} times`);
});

stage.test('a name is found among all', { get url() { return fleet.url; } }, async (page) => {
  await rightRows(page, 'at the top');
  await page.getByRole('searchbox', { name: 'Filter by name' }).fill(nameOf(8_765));
  await page.getByText(/^1 of 10\s000 autoscalers$/).waitFor();
  assert.deepEqual((await onScreen(page)).map(({ name }) => name), [nameOf(8_765)]);
});
