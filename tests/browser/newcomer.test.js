// Who runs the first command of the README sees, within a minute and without a click, a workload being scaled and why.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';

let started;
const stage = useStage(() => {
  started = Date.now();
  return {};
});

stage.test('within a minute of the start a workload is scaled, and it says why', {}, async (page) => {
  const left = () => 60_000 - (Date.now() - started);
  const scaled = page.getByRole('row').filter({ hasText: /\d+ → \d+, .*(ago|now)/ }).first();
  await scaled.waitFor({ timeout: left() });
  const text = await scaled.textContent();
  assert.match(text, /(CPU|Memory|GPU|GPU memory)\s\d+\s%\sof\s\d+\s%/, 'the reason is in the row');
  // Of two numbers that are apart, as the sentence says.
  const name = await scaled.getByRole('link').textContent();
  await scaled.click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  const decision = page.getByRole('region', { name: 'Decisions' }).getByRole('button').filter({ hasText: /\d+ → \d+/ }).first();
  await decision.waitFor({ timeout: left() });
  assert.match(await decision.textContent(), /(CPU|Memory|GPU)\s\d+\s%\sof\s\d+\s%/);
  assert(left() > 0, 'within a minute');
});
