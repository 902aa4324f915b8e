// WCAG 2.1 A and AA, as far as axe can see.
import assert from 'node:assert/strict';

import { AxeBuilder } from './tools.js';

/** Fails with each rule that the page breaks, and where. `within` is a selector; the whole page without it. */
export async function isAccessible(page, what, within) {
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
