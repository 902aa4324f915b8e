// Where the service's knowledge comes from, and what to do when it does not come.
import assert from 'node:assert/strict';

import { isAccessible } from './accessibility.js';
import { useStage } from './browser.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

const REFUSING = 'http://127.0.0.1:1/metrics';
const exporters = (api, state, count) => eventually(`${count} exporters are ${state}`, async () =>
  (await api('GET', '/sources')).gpu.exporters.filter((exporter) => exporter.state === state).length === count);

const well = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  await createAutoscalers(api, ['web', 'trainer']);
  await exporters(api, 'ok', 2);
});
const ill = useStage({ speed: 20, config: `${SCENE}\n[gpu]\nurls = ["${REFUSING}"]\n` }, async ({ api }) => {
  await createAutoscalers(api, ['web', 'trainer']);
  await exporters(api, 'failing', 1);
});
const PAGE = { path: '/#/sources' };
const exporter = (page, name) => page.getByRole('region', { name: 'GPU exporters' }).getByRole('listitem').filter({ hasText: name });

well.test('each exporter shows its age and its devices, with their pods', PAGE, async (page) => {
  const { gpu } = await well.api('GET', '/sources');
  const { name, devices } = gpu.exporters.find((its) => its.devices.some(({ pod }) => pod !== null));
  const item = exporter(page, name);
  await item.getByText('ok', { exact: true }).waitFor();
  assert.match(await item.innerText(), /ago/);
  await item.locator('summary').click();
  const table = item.getByRole('table');
  await table.getByText(devices.find(({ pod }) => pod !== null).pod).waitFor();
  assert.match(await table.innerText(), /\d+\s%/);
  // One more for the heads.
  assert.equal(await table.getByRole('row').count(), devices.length + 1);
});

well.test('the bar leads to the sources, which say that all is well', {}, async (page) => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sources' }).click();
  await page.getByText(/^Ready on simulated cluster \(seed 7, speed 20\)\.$/).waitFor();
});

ill.test('an exporter that fails has its error, since when, the cause and what to do', PAGE, async (page) => {
  await page.getByText(/^Ready on.*but not every source can be read/).waitFor();
  const item = exporter(page, REFUSING);
  for (const words of ['connection refused', 'Nothing listens on this address.', "Look at the exporter's log", 'Failing for', 'It has never been read']) {
    await item.getByText(words, { exact: false }).first().waitFor();
  }
});

/** The faults that the simulated network does not have, in the service's words, and what is to be done. */
const FAULTS = {
  'answered with status 404 Not Found': 'Check gpu.path',
  'no complete answer within 5 s': 'Look for a NetworkPolicy',
  'the answer breaks off': 'look at its log and its memory limit',
  'the answer shows no GPU': 'ai-storage-orchestrator gpu-readings --url ADDRESS',
};
for (const [error, todo] of Object.entries(FAULTS)) {
  ill.test(`what to do is known for: ${error}`, {
    ...PAGE,
    beforeLoad: (page) => page.route('**/api/v1/sources', async (route) => {
      const response = await route.fetch();
      const sources = await response.json();
      for (const its of sources.gpu.exporters) its.error = error;
      await route.fulfill({ response, json: sources });
    }),
  }, async (page) => {
    await exporter(page, REFUSING).getByText(todo, { exact: false }).waitFor();
  });
}

well.test('a source that fails and works again is followed', {
  ...PAGE,
  beforeLoad: (page) => page.route('**/api/v1/sources', async (route) => {
    const response = await route.fetch();
    const sources = await response.json();
    sources.cluster = { state: 'failing', error: 'the API server cannot be reached: connection refused' };
    await route.fulfill({ response, json: sources });
  }),
}, async (page) => {
  await page.getByText('The API server does not answer.').waitFor();
  await page.unroute('**/api/v1/sources');
  await page.getByRole('button', { name: 'Read again' }).click();
  await page.getByText('The API server does not answer.').waitFor({ state: 'detached' });
});

/** `/readyz` as one of several replicas answers it. */
const ofReplica = (replica) => (page) => page.route('**/readyz', async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, json: { ...(await response.json()), replica } });
});
well.test('of several replicas it is said which one answers and which one leads', {
  ...PAGE, beforeLoad: ofReplica({ identity: 'pod-1-0a', leads: false, leader: 'pod-2-0b' }),
}, async (page) => {
  await page.getByText('Answered by pod-1-0a, which stands by. pod-2-0b leads, and scales.').waitFor();
  await isAccessible(page, 'the sources of a standby');
});

well.test('a service that runs alone says nothing of replicas', PAGE, async (page) => {
  await page.getByText(/^Ready on/).waitFor();
  assert.equal(await page.getByText('Answered by').count(), 0);
});
