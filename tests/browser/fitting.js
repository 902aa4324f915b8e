// Whether a page is as wide as its window.
import assert from 'node:assert/strict';

/** Fails with what sticks out of the page at the right. */
export async function fits(page, what) {
  const { wide, out } = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (node) => node.closest('body, dialog') !== node && ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(node).overflowX);
    const out = [...document.querySelectorAll('body *')].filter((node) => {
      if (node.getBoundingClientRect().right <= width + 1 || node.closest('svg, .visually-hidden')) return false;
      for (let parent = node.parentElement; parent; parent = parent.parentElement) if (scrolls(parent)) return false;
      return true;
    });
    return { wide: document.documentElement.scrollWidth - width, out: out.slice(0, 5).map((node) => node.outerHTML.slice(0, 160)) };
  });
  assert.deepEqual(out, [], `${what}: this sticks out`);
  assert.equal(wide, 0, `${what}: the page scrolls sideways`);
}
