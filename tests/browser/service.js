// The real service on a simulated cluster, as a process of its own.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

const TARGET = process.env.CARGO_TARGET_DIR
  ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ai-storage-orchestrator', 'target');
/** The binary to test: what scripts/test builds, unless another one is named. */
const BINARY = process.env.ORCHESTRATOR_BINARY ?? join(TARGET, 'debug', 'ai-storage-orchestrator');

/** What the token of a test is called. */
export const TOKEN_NAME = 'of-this-test';

/** How long the service may take until it listens, and until it knows its cluster, in milliseconds. */
const START_LIMIT = 30_000;

/**
 * Starts the service and waits until it listens and knows its cluster.
 *
 * `config` is TOML; with a `token` it lets in only who has that one; the other options are flags. It stops with `stop()`, or when this process ends, however it ends.
 */
export async function startService({ port = 0, speed = 1, config = '', token } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'aso-browser-'));
  const file = join(folder, 'config.toml');
  await writeFile(file, config);
  const flags = ['--simulated', '--port', String(port), '--speed', String(speed), '--config', file];
  // Nothing of the caller's surroundings may choose another cluster or other settings.
  const env = { PATH: process.env.PATH, HOME: folder, RUST_BACKTRACE: '1' };
  if (token) {
    env.ORCHESTRATOR__AUTH__TOKEN_FILE = join(folder, 'tokens');
    await writeFile(env.ORCHESTRATOR__AUTH__TOKEN_FILE, `${TOKEN_NAME} ${token}\n`);
  }
  const child = spawn(BINARY, flags, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const watcher = watch(child.pid);
  const log = [];
  const ended = once(child, 'exit');
  let url;
  try {
    url = await address(child, log);
    await eventually('the service is ready', async () => (await fetch(`${url}/readyz`)).ok, START_LIMIT);
  } catch (error) {
    child.kill('SIGKILL');
    watcher.kill();
    throw new Error(`the service does not start: ${error.message}\n${log.join('\n')}`);
  }
  return {
    url,
    token,
    port: Number(new URL(url).port),
    log,
    /** Stops it as an operator would; it must end well. */
    async stop() {
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      watcher.kill();
      await rm(folder, { recursive: true });
      if (code !== 0) throw new Error(`the service ended with ${code ?? signal}:\n${log.join('\n')}`);
    },
    /** Ends it without a word to anyone. */
    async kill() {
      child.kill('SIGKILL');
      await ended;
      watcher.kill();
      await rm(folder, { recursive: true });
    },
  };
}

/** Ends the process `pid` when this one is gone: its end of the watcher's standard input closes then. */
function watch(pid) {
  const watcher = spawn('sh', ['-c', 'read -r _; kill -KILL "$0"', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
  watcher.unref();
  watcher.stdin.unref();
  return watcher;
}

/** Where it listens, which it logs. */
function address(child, log) {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error('it does not listen')), START_LIMIT);
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      const found = line.match(/; open (http:\/\/[^/\s]+)/);
      if (found) {
        clearTimeout(limit);
        resolve(found[1]);
      }
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(limit);
      reject(new Error(`it ended with exit code ${code}`));
    });
  });
}

/** Asks until the answer is neither false nor null, and returns it: for what nobody can be told of. */
export async function eventually(what, look, limit = 30_000) {
  const deadline = Date.now() + limit;
  let failure;
  for (;;) {
    try {
      const seen = await look();
      if (seen) return seen;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${limit / 1000} s: ${what}`, { cause: failure });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The service's API; an answer that is no success is an error. */
export function api(url, token) {
  return async (method, path, body) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
}
