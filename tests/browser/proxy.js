// A network between the browser and the service that a test can cut.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Forwards connections to `port` of this machine while it is open. */
export async function startProxy(port) {
  const sockets = new Set();
  let open = true;
  const server = createServer((client) => {
    if (!open) return client.destroy();
    const upstream = connect(port, '127.0.0.1');
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Ends every connection, and refuses new ones. */
    cut() {
      open = false;
      for (const socket of sockets) socket.destroy();
    },
    restore() {
      open = true;
    },
    /** How many connections are open. */
    connections: () => sockets.size / 2,
    async stop() {
      this.cut();
      server.close();
      await once(server, 'close');
    },
  };
}
