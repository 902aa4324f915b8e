// The one stream of events of this tab: fleet, rows of watched autoscalers, actions. It is read with fetch, because
// EventSource cannot send a token. It reconnects by itself and asks for what was missed.

import { EventParser } from './event_parser.js';
import { retryAfter } from './retry_after.js';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
const FAILURES_UNTIL_OFFLINE = 3;
const FAILURES_UNTIL_LONGEST_DELAY = 7;
/** One page goes and another comes: their wishes are put together. */
const REOPEN_MS = 100;
/**
 * The service sends something at least every 15 s; a stream that is silent for longer is dead, whatever TCP believes.
 */
const SILENCE_MS = 40_000;

/**
 * How long to wait before attempt number `failures` + 1: doubles, with jitter, so that many tabs do not come at once.
 */
export function retryDelay(failures, random = Math.random) {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.max(0, failures - 1));
  return longest * (0.5 + random() / 2);
}

/**
 * Handlers get `fleet`, `row`, `action` and `reset` with the event's data, and `state` whenever `connection` changed:
 * `connecting`, `live`, `reconnecting`, `offline`, `refused` or `paused`.
 */
export class EventStream {
  #url;
  #session;
  #fetch;
  #random;
  #handlers = new Map();
  #watched = [];
  #lastId;
  #failures = 0;
  #connection = 'connecting';
  #current = null;
  #timer = null;
  #reopening = null;
  #silence = null;
  #running = false;
  #lastHeard = null;
  #refusal = null; // how the service refused the last attempt: `{status, wait}`

  /** `url(query)` makes the address; what is followed is followed as the one of the `session`. */
  constructor({ url, session, fetch = (...request) => globalThis.fetch(...request), random = Math.random }) {
    this.#url = url;
    this.#session = session;
    this.#fetch = fetch;
    this.#random = random;
  }

  get connection() {
    return this.#connection;
  }

  /** When something was heard last, by `performance.now()`; null before that. */
  get lastHeard() {
    return this.#lastHeard;
  }

  get watched() {
    return this.#watched;
  }

  /** Calls `handler(data)` for each event of this type; returns the function that ends that. */
  on(type, handler) {
    if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
    this.#handlers.get(type).add(handler);
    return () => this.#handlers.get(type).delete(handler);
  }

  /**
   * The autoscalers whose rows are wanted, at most 200. The stream is opened anew only if another one is among them.
   */
  watch(ids) {
    const wanted = [...new Set(ids)].slice(0, 200);
    const watched = new Set(this.#watched);
    if (wanted.every((id) => watched.has(id)) && (wanted.length > 0 || watched.size === 0)) return;
    this.#watched = wanted;
    // Who waits for another attempt goes on waiting; that one asks for these.
    if (this.#current === null) return;
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => this.#current && this.#open(), REOPEN_MS);
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#open();
  }

  /** Lets go of the connection, for instance while nobody looks; `start` goes on where it was. */
  pause() {
    this.#running = false;
    this.#close();
    this.#enter('paused');
  }

  /** Begins anew, with nothing of what was before: somebody else looks now. */
  restart() {
    this.#lastId = undefined;
    this.#failures = 0;
    if (this.#running) this.#open();
  }

  /** Tries at once instead of waiting: the network is back. */
  retryNow() {
    if (this.#running && this.#connection !== 'live') this.#open();
  }

  #open() {
    this.#close();
    const attempt = new AbortController();
    this.#current = attempt;
    if (this.#connection === 'paused') this.#enter('connecting');
    this.#read(attempt).then(
      () => this.#ended(attempt),
      () => this.#ended(attempt),
    );
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    clearTimeout(this.#reopening);
    const open = this.#current;
    this.#current = null;
    open?.abort();
  }

  async #read(attempt) {
    const credentials = this.#session.credentials();
    const headers = { accept: 'text/event-stream', ...credentials.headers };
    if (this.#lastId !== undefined) headers['last-event-id'] = this.#lastId;
    this.#expectSound(attempt);
    const url = this.#url({ ids: this.#watched.join(',') });
    const response = await this.#fetch(url, { headers, signal: attempt.signal, cache: 'no-store' });
    if (attempt.signal.aborted) return;
    if (response.status === 401) {
      await this.#session.renew(credentials);
      this.#failures = 0;
      return;
    }
    if (!response.ok || !response.body) {
      this.#refusal = { status: response.status, wait: retryAfter(response.headers.get('retry-after')) ?? 0 };
      return;
    }
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || attempt.signal.aborted) return;
      this.#expectSound(attempt);
      this.#lastHeard = performance.now();
      this.#failures = 0;
      this.#enter('live');
      for (const event of parser.push(value)) this.#dispatch(event);
    }
  }

  #expectSound(attempt) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => attempt.abort(), SILENCE_MS);
  }

  #dispatch({ type, data, id }) {
    if (id !== undefined) this.#lastId = id;
    let parsed;
    try {
      parsed = JSON.parse(data);
    } catch {
      return;
    }
    // The ids of a service that was restarted mean nothing to it.
    if (type === 'reset' && id === undefined) this.#lastId = undefined;
    this.#tell(type, parsed);
  }

  #ended(attempt) {
    if (attempt !== this.#current) return;
    this.#current = null;
    clearTimeout(this.#silence);
    this.#failures += 1;
    const refusal = this.#refusal;
    this.#refusal = null;
    // Rights do not come back within a moment.
    if (refusal?.status === 403) this.#failures = Math.max(this.#failures, FAILURES_UNTIL_LONGEST_DELAY);
    const away = this.#failures >= FAILURES_UNTIL_OFFLINE ? 'offline' : 'reconnecting';
    this.#enter(refusal?.status === 403 ? 'refused' : away);
    const delay = Math.max(retryDelay(this.#failures, this.#random), refusal?.wait ?? 0);
    this.#timer = setTimeout(() => this.#open(), delay);
  }

  #enter(connection) {
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.#tell('state', connection);
  }

  #tell(type, data) {
    for (const handler of this.#handlers.get(type) ?? []) {
      try {
        handler(data);
      } catch (error) {
        // Goes to the console like any other error, but does not end the stream for the other handlers.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
