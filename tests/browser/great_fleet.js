// A fleet of 10,000 in front of a real service, which answers all but what the fleet's page asks: the simulated cluster
// would take minutes to make that many.
import { once } from 'node:events';
import { createServer } from 'node:http';

export const COUNT = 10_000;
const NAMES = Array.from({ length: COUNT }, (_, index) => `workload-${String(index).padStart(5, '0')}`);
const idOf = (index) => `autoscaler-${index.toString(16).padStart(8, '0')}`;
export const nameOf = (index) => NAMES[index];

/** The answer to `GET /fleet`, and the stream of events with the watched rows each second, in `replicas` that tell the age. */
export async function startGreatFleet(service) {
  const streams = new Set();
  let asked = 0;
  let beat = 0;
  const row = (index) => ({
    autoscaling_id: idOf(index), workload_name: NAMES[index], workload_namespace: `team-${index % 20}`, workload_type: 'Deployment',
    status: 'active', mode: 'active', attention: 'none', attention_message: null,
    min_replicas: 1, max_replicas: 1_000, current_replicas: 100 + beat, desired_replicas: 100 + beat, recommended_replicas: 100 + beat,
    metrics: [{ name: 'cpu', state: 'known', utilization_percent: 50 + (index % 20), target_percent: 60 }],
    last_action: { at: new Date().toISOString(), from: 99, to: 100, because: 'CPU 91 % of 60 %' },
    replicas: Array(30).fill(100), updated_at: new Date().toISOString(),
  });
  const totals = { total_autoscalers: COUNT, active_autoscalers: COUNT, total_scale_ups: 1, total_scale_downs: 0, average_cpu_utilization: 59.5 };
  const whole = () => ({ total: COUNT, counts: { failed: 0, wants_more_than_max: 0, metric_unknown: 0, none: COUNT }, totals });

  function fleet(query) {
    const text = query.get('text') ?? '';
    const found = NAMES.flatMap((name, index) => (name.includes(text) ? [index] : []));
    const offset = Number(query.get('offset') ?? 0);
    const shown = found.slice(offset, offset + Number(query.get('limit') ?? 100));
    return { at: new Date().toISOString(), ...whole(), matching: found.length, offset, namespaces: Array.from({ length: 20 }, (_, team) => `team-${team}`), autoscalers: shown.map(row) };
  }

  const send = (stream, event, data) => stream.response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const beating = setInterval(() => {
    beat += 1;
    for (const stream of streams) for (const id of stream.ids) send(stream, 'row', row(parseInt(id.slice(11), 16)));
  }, 1_000);

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, service.url);
    if (url.pathname === '/api/v1/fleet') {
      asked += 1;
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(fleet(url.searchParams)));
    } else if (url.pathname === '/api/v1/events') {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const stream = { response, ids: (url.searchParams.get('ids') ?? '').split(',').filter(Boolean) };
      streams.add(stream);
      response.on('close', () => streams.delete(stream));
      send(stream, 'fleet', whole());
    } else {
      const answer = await fetch(url);
      const headers = Object.fromEntries(answer.headers);
      for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection']) delete headers[name];
      response.writeHead(answer.status, headers).end(Buffer.from(await answer.arrayBuffer()));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked: () => asked,
    /** How many rows the open streams watch together. */
    watched: () => [...streams].reduce((all, { ids }) => all + ids.length, 0),
    stop() {
      clearInterval(beating);
      server.closeAllConnections();
      server.close();
    },
  };
}
