// WCAG 2.1 A and AA, as far as axe can see.
import assert from 'node:assert/strict';

import { AxeBuilder } from './tools.js';

/** A busy browser shows the colours of a moment ago for a while, even where transitions take no time. */
async function hasSettled(page) {
  await page.evaluate(async () => {
    await new Promise((settled) => { requestAnimationFrame(() => requestAnimationFrame(settled)); });
    const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(transitions.map(({ finished }) => finished));
  });
}

/** Fails with each rule that the page breaks, and where. `within` is a selector; the whole page without it. */
export async function isAccessible(page, what, within) {
  await hasSettled(page);
  let axe = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']);
  // It would open a page of its own to collect what frames say, and there are none.
  axe = axe.setLegacyMode(true);
  if (within) axe = axe.include(within);
  const { violations, passes } = await axe.analyze();
  assert(passes.length > 10, `${what}: axe looked at next to nothing`);
  const found = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    where: nodes.slice(0, 5).map((node) => `${node.target.join(' ')}: ${node.failureSummary}`),
  }));
  assert.deepEqual(found, [], `${what} is not accessible`);
}
