// Where the service's knowledge comes from, and what to do where it does not come.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { ago, counted } from '../format.js';
import { isForbidden, refusalOf } from '../refusal.js';
import { fleetAddress } from '../router.js';
import { exporterList } from '../sources/exporter_list.js';
import { replicaInWords } from '../sources/replica.js';
import { fault, sourceItem, stateBadge } from '../sources/source_item.js';

const EVERY_MS = 10_000;
const IDLE = 'no autoscaler has a target for GPUs, so none is read';

/** The exporters whose devices are shown, for as long as the tab lives. */
const opened = new Set();

/** Shows the sources in `root`; returns the function that ends it. */
export function mount(root, { api, events }) {
  const request = new AbortController();
  let timer = null;
  let shown = '';
  let readAt = null;
  let mayRead = true;

  const age = element('span', { class: 'label' });
  const again = element('button', { type: 'button', class: 'button', onclick: () => read() }, 'Read again');
  const verdict = element('div', { class: 'verdict', role: 'status' });
  const replica = element('p', { class: 'label source-replica', hidden: true });
  const unknown = element('span', { class: 'source-unknown' });
  const body = element('div', { class: 'sources-body' }, element('p', { class: 'empty' }, 'Reading…'));
  replaceChildren(
    root,
    element(
      'div',
      { class: 'page-head' },
      element('h1', {}, 'Sources'),
      age,
      element('span', { class: 'push' }, again),
    ),
    verdict,
    replica,
    body,
  );

  const ends = [events.on('fleet', ({ counts }) => showUnknown(counts))];
  const ages = setInterval(
    () => setText(age, readAt === null ? '' : `read ${ago(readAt, Date.now())}, every 10 s`),
    1_000,
  );
  document.addEventListener('visibilitychange', followVisibility);
  read();

  return () => {
    request.abort();
    clearTimeout(timer);
    clearInterval(ages);
    ends.forEach((end) => end());
    document.removeEventListener('visibilitychange', followVisibility);
  };

  function followVisibility() {
    clearTimeout(timer);
    if (document.visibilityState === 'visible' && mayRead) read();
  }

  async function read() {
    clearTimeout(timer);
    again.disabled = true;
    let pause = EVERY_MS;
    try {
      const [sources, ready] = await Promise.all([
        api.get('/sources', { signal: request.signal }),
        api.probe('readyz', { signal: request.signal }),
      ]);
      readAt = Date.now();
      show(sources, ready);
    } catch (error) {
      if (error.name === 'AbortError') return;
      showFailure(error);
      // Rights do not come back by themselves: whoever has got some reads again.
      pause = isForbidden(error) ? null : Math.max(EVERY_MS, error.retryAfter ?? 0);
    } finally {
      again.disabled = false;
    }
    mayRead = pause !== null;
    if (mayRead && !request.signal.aborted && document.visibilityState === 'visible') timer = setTimeout(read, pause);
  }

  function show(sources, ready) {
    showVerdict(sources, ready);
    setText(replica, replicaInWords(ready.body?.replica));
    replica.hidden = replica.textContent === '';
    const focused = document.activeElement?.dataset?.exporter;
    // Ages change each time, so all is drawn anew; scroll and opened devices stay, and so does the focus.
    const top = window.scrollY;
    replaceChildren(
      body,
      element(
        'section',
        { class: 'card', 'aria-label': 'Kubernetes' },
        element('div', { class: 'card-head' }, element('h2', {}, 'Kubernetes')),
        element(
          'ul',
          { class: 'source-list' },
          sourceItem({
            title: 'Workloads and pods',
            kind: 'cluster',
            source: sources.cluster,
            about: 'watches that all autoscalers share',
            effect:
              'Until it is back everything is held: nothing is scaled, and nothing will be scaled because of the outage.',
          }),
          sourceItem({
            title: 'Room on the nodes',
            kind: 'capacity',
            source: sources.capacity,
            about: 'a watch of nodes: how many more GPU pods they can hold',
            effect: 'Until it is back the room is unknown and limits nothing.',
          }),
          element(
            'li',
            { class: 'source' },
            element(
              'div',
              { class: 'source-head' },
              element(
                'span',
                { class: 'source-name' },
                element('strong', {}, 'CPU and memory of pods'),
                element(
                  'span',
                  { class: 'label' },
                  'metrics.k8s.io, one request for all; each autoscaler says what it could not read',
                ),
              ),
              unknown,
            ),
          ),
        ),
      ),
      gpus(sources.gpu),
    );
    window.scrollTo(0, top);
    if (focused)
      [...body.querySelectorAll('summary')]
        .find((summary) => summary.dataset.exporter === focused)
        ?.focus({ preventScroll: true });
  }

  function showUnknown(counts) {
    const count = counts.metric_unknown ?? 0;
    replaceChildren(
      unknown,
      count === 0
        ? element('span', { class: 'label' }, 'no metric is unknown')
        : element(
            'a',
            { href: fleetAddress({ attention: 'metric_unknown' }) },
            `${counted(count, 'autoscaler')} with an unknown metric`,
          ),
    );
  }

  function showVerdict({ cluster, capacity, gpu }, { status, body: answer }) {
    const isReady = status === 200;
    const isWhole = [cluster, capacity, gpu].every(({ state }) => state === 'ok' || state === 'idle');
    const text = isReady
      ? `Ready on ${answer?.cluster ?? 'the cluster'}${isWhole ? '' : ', but not every source can be read'}.`
      : `Not ready: ${whyNot(answer, cluster, status)}`;
    if (text === shown) return;
    shown = text;
    setAttribute(verdict, 'data-state', isReady ? (isWhole ? 'ok' : 'degraded') : 'failing');
    setText(verdict, text);
  }

  function showFailure(error) {
    shown = '';
    const { title, text } = refusalOf(error, 'You may not see the sources');
    setAttribute(verdict, 'data-state', isForbidden(error) ? 'forbidden' : 'failing');
    setText(verdict, `${title}. ${text}`);
    if (isForbidden(error)) {
      // They name pods and nodes of all namespaces.
      readAt = null;
      setText(age, '');
      replica.hidden = true;
      replaceChildren(
        body,
        element(
          'p',
          { class: 'sources-rights' },
          'The sources name pods and nodes of the whole cluster. To see them one needs the rights to ',
          element('code', {}, 'list pods'),
          ' in all namespaces and to ',
          element('code', {}, 'list nodes'),
          '.',
        ),
      );
    } else if (readAt === null) replaceChildren(body);
  }
}

/** What is said below is not said twice. */
function whyNot(answer, cluster, status) {
  if (cluster.error !== null && answer?.details === cluster.error)
    return 'the cluster cannot be watched, as shown below.';
  return answer?.details ?? answer?.error ?? `/readyz answered ${status}.`;
}

function gpus(gpu) {
  const devices = gpu.exporters.reduce((sum, exporter) => sum + (exporter.devices_seen ?? 0), 0);
  return element(
    'section',
    { class: 'card source-gpus', 'aria-label': 'GPU exporters' },
    element(
      'div',
      { class: 'card-head' },
      element('h2', {}, 'GPU exporters'),
      element(
        'span',
        { class: 'label' },
        `${counted(gpu.exporters.length, 'exporter')}, ${gpu.state === 'idle' ? IDLE : counted(devices, 'device')}`,
      ),
      element('span', { class: 'push' }, stateBadge(gpu.state)),
    ),
    gpu.error !== null && element('div', { class: 'card-body' }, fault('exporters', gpu.error)),
    gpu.state === 'failing' &&
      element(
        'p',
        { class: 'source-simulated' },
        element('span', { class: 'simulated-swatch hatched', 'aria-hidden': 'true' }),
        'Autoscalers whose GPUs are measured by nobody show a simulated utilisation, hatched wherever it stands. Nothing follows from it, unless gpu.act_on_simulated is set.',
      ),
    exporterList(gpu.exporters, opened),
  );
}
