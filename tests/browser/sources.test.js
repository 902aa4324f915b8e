// Where the service's knowledge comes from, with exporters that fail in each their own way.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before } from 'node:test';

import { useStage } from './browser.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

const GOOD = `# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-node-1"} 64
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-node-1"} 2048
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-node-1"} 20480
`;
const ANSWERS = {
  '/good': [200, GOOD],
  '/missing': [404, 'not here'],
  '/page': [200, '<html>welcome</html>'],
};

let exporters;
before(async () => {
  exporters = createServer((request, response) => {
    const answer = ANSWERS[request.url];
    if (!answer) return; // It hangs.
    response.writeHead(answer[0], { 'Content-Type': 'text/plain' }).end(answer[1]);
  });
  exporters.listen(0, '127.0.0.1');
  await once(exporters, 'listening');
});
after(() => {
  exporters.closeAllConnections();
  exporters.close();
});

const address = () => `http://127.0.0.1:${exporters.address().port}`;
const stage = useStage(() => ({
  speed: 20,
  config: `${SCENE}
[gpu]
timeout_seconds = 1
urls = [${['good', 'missing', 'page', 'hangs'].map((path) => `"${address()}/${path}"`)}, "http://127.0.0.1:1/metrics"]
`,
}), async ({ api }) => {
  await createAutoscalers(api, ['web', 'trainer']);
  await eventually('each exporter was read, or tried', async () => {
    const { exporters: all } = (await api('GET', '/sources')).gpu;
    return all.every(({ state }) => state !== 'unread') && all.filter(({ state }) => state === 'ok').length === 1;
  });
});

const exporter = (page, path) => page.getByRole('listitem').filter({ hasText: path });

stage.test('each exporter that fails has its error, the cause, and what to do', { path: '/#/sources' }, async (page) => {
  const cures = {
    '/missing': [/status 404/, /gpu\.path/],
    '/page': [/shows no GPU/, /gpu-readings --url/],
    '/hangs': [/no complete answer within/, /NetworkPolicy/],
    '127.0.0.1:1/metrics': [/refused/, /9400/],
  };
  for (const [path, words] of Object.entries(cures)) {
    for (const word of words) await exporter(page, path).getByText(word).first().waitFor();
    await exporter(page, path).getByText(/Failing for/).waitFor();
  }
});

stage.test('an exporter that works shows its devices', { path: '/#/sources' }, async (page) => {
  const good = exporter(page, '/good');
  await good.getByText('ok', { exact: true }).waitFor();
  await good.locator('summary').click();
  const table = good.getByRole('table');
  await table.getByText('NVIDIA L4').waitFor();
  await table.getByText(/64\s%/).waitFor();
  await table.getByText(/2 of 22 GiB/).waitFor();
});

stage.test('the cluster and the room on its nodes are sources as well', { path: '/' }, async (page) => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Sources' }).click();
  await page.getByText(/Ready on simulated cluster.*but not every source can be read/).waitFor();
});

stage.test('an exporter that works again is shown as such', { path: '/#/sources' }, async (page) => {
  await exporter(page, '/missing').getByText('failing', { exact: true }).waitFor();
  ANSWERS['/missing'] = [200, GOOD];
  await exporter(page, '/missing').getByText('ok', { exact: true }).waitFor({ timeout: 30_000 });
});
