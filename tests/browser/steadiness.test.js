// Nothing moves when numbers change, and nothing moves at all for who asks for that.
import assert from 'node:assert/strict';

import { useStage } from './browser.js';
import { eventually } from './service.js';

// The default cluster: its loads change all the time.
const stage = useStage({ speed: 60 }, async ({ api }) => {
  await eventually('all are evaluated', async () => (await api('GET', '/fleet')).autoscalers.every((row) => row.updated_at !== null));
});

/** How far things moved that nobody had touched, as the browser counts it, while the page was updated `updates` times. */
async function shiftsWhile(page, updates) {
  return page.evaluate((wanted) => new Promise((resolve) => {
    const shifts = [];
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        // A new decision comes on top of the others: that is no number that changed.
        const isNewDecision = sources.length > 0 && sources.every(({ node }) => node?.closest?.('[aria-label="Decisions"] ol'));
        if (!hadRecentInput && !isNewDecision) shifts.push({ value, nodes: sources.map(({ node }) => node?.outerHTML?.slice(0, 120)) });
      }
    }).observe({ type: 'layout-shift', buffered: false });
    let seen = 0;
    const changes = new MutationObserver(() => {
      seen += 1;
      if (seen < wanted) return;
      changes.disconnect();
      // The observer is told after the frame.
      requestAnimationFrame(() => setTimeout(() => resolve(shifts), 100));
    });
    changes.observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true });
  }), updates);
}

const sum = (shifts) => shifts.reduce((all, { value }) => all + value, 0);

for (const [what, path] of [['the fleet', '/'], ['an autoscaler', 'ai-training-job']]) {
  stage.test(`${what} does not shift when numbers change`, { path: '/' }, async (page) => {
    await page.getByText('live', { exact: true }).waitFor();
    if (path !== '/') await page.getByRole('link', { name: path, exact: true }).first().click();
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    // What loads may move; what is there may not.
    await shiftsWhile(page, 5);
    const shifts = await shiftsWhile(page, 40);
    assert(sum(shifts) < 0.01, JSON.stringify(shifts, null, 2));
  });
}

/** Elements with a transition or an animation that takes time. */
const moving = (page) => page.evaluate(() => [...document.querySelectorAll('*')].filter((node) => {
  const { transitionDuration, animationName, animationDuration } = getComputedStyle(node);
  const lasts = (durations) => durations.split(', ').some((duration) => parseFloat(duration) > 0.01);
  return lasts(transitionDuration) || (animationName !== 'none' && lasts(animationDuration));
}).map((node) => node.outerHTML.slice(0, 100)));

stage.test('with less motion asked for, nothing takes time to move', { reducedMotion: 'reduce' }, async (page) => {
  await page.getByRole('link', { name: 'ai-training-job', exact: true }).first().waitFor();
  assert.deepEqual(await moving(page), []);
  await page.getByRole('link', { name: 'ai-training-job', exact: true }).first().click();
  await page.getByRole('slider').waitFor();
  assert.deepEqual(await moving(page), []);
  const slid = await page.evaluate(() => new Promise((resolve) => {
    let moved = false;
    const chart = document.querySelector('[role=slider]').closest('figure, section');
    const observer = new MutationObserver((changes) => { moved ||= changes.some(({ target }) => target.localName === 'g' && target.hasAttribute('transform')); });
    observer.observe(chart, { subtree: true, attributes: true, attributeFilter: ['transform'] });
    setTimeout(() => resolve(moved), 3_000);
  }));
  assert.equal(slid, false, 'the chart glides');
});
