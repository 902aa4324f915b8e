// What the page of one autoscaler shows, read once and then kept up to date: only what is new is read, when the stream of
// events says that there is something new.

import { mergeHistory, readHistory, since } from '../chart/history.js';
import { milliseconds } from '../format.js';
import { serverNow, sighted } from '../server_clock.js';

/** However fast evaluations come, they are not read more often than this. */
const BETWEEN_MS = 1_500;
const MOST_DECISIONS = 500;
/** The finest steps reach back half an hour of the service's clock, of which this page knows a little less than now. */
const FINE_MARGIN_MS = 45_000;
/** So many of the newest points are read again: the last one was not over yet. */
const OVERLAP = 2;

export class Feed {
  range = null;
  #id;
  #api;
  #events;
  #on;
  #off = [];
  #decisions = [];
  #history = null;
  #to = null;
  #coarse = 0; // how often the history came in longer steps than asked for
  #aborter = new AbortController();
  #running = null;
  #again = false;
  #timer = null;
  #whole = true;
  #lastRead = null;
  #wasCut = false;
  #notBefore = 0;

  constructor({ id, api, events, onData, onGone, onFailure }) {
    this.#id = id;
    this.#api = api;
    this.#events = events;
    this.#on = { data: onData, gone: onGone, failure: onFailure };
  }

  start() {
    const mine = (handler) => (data) => data.autoscaling_id === this.#id && handler(data);
    this.#off = [
      this.#events.on('row', mine((row) => {
        if (row.updated_at) sighted(row.updated_at);
        this.#soon();
      })),
      this.#events.on('action', mine(({ kind }) => (kind === 'deleted' ? this.#gone() : this.#soon()))),
      this.#events.on('reset', () => this.reload()),
      // What may not be seen any more is not told of: whoever was cut off looks whether it is still there.
      this.#events.on('state', (connection) => {
        if (connection === 'live' && this.#wasCut) this.#soon();
        this.#wasCut = connection !== 'live';
      }),
    ];
    this.#events.watch([this.#id]);
    return this.reload();
  }

  end() {
    this.#off.forEach((off) => off());
    this.#off = [];
    clearTimeout(this.#timer);
    this.#aborter.abort();
  }

  /** Reads everything anew. */
  reload() {
    this.#whole = true;
    return this.refresh();
  }

  /** Reads what is new; calls while one is under way become one more afterwards. */
  refresh() {
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#read().finally(() => {
      this.#running = null;
      if (this.#again && !this.#aborter.signal.aborted) {
        this.#again = false;
        this.#soon();
      }
    });
    return this.#running;
  }

  #soon() {
    if (this.#timer !== null) return;
    const earliest = Math.max(this.#notBefore, this.#lastRead === null ? 0 : this.#lastRead + BETWEEN_MS);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.refresh();
    }, Math.max(0, earliest - performance.now()));
  }

  async #read() {
    const whole = this.#whole;
    this.#whole = false;
    const { range } = this;
    this.#lastRead = performance.now();
    try {
      const autoscaler = await this.#get('');
      if (autoscaler.details.updated_at) sighted(autoscaler.details.updated_at);
      const [decisions, history] = await Promise.all([
        this.#get('/decisions', whole ? {} : { since: this.#newestDecision() }), this.#get('/history', this.#historyQuery(whole)),
      ]);
      if (this.#aborter.signal.aborted) return;
      this.#takeDecisions(decisions.decisions, whole);
      if (range !== this.range || !this.#takeHistory(history, whole)) {
        this.#whole = true;
        this.#again = true;
        if (this.#history === null) return;
      }
      this.#on.data({ autoscaler, decisions: this.#decisions, history: this.#history, to: this.#to });
    } catch (error) {
      this.#whole ||= whole;
      if (error.name === 'AbortError') return;
      if (error.status === 404) this.#gone();
      else {
        this.#on.failure(error);
        this.#wait(error.retryAfter);
      }
    }
  }

  /** Reads again when the service wants to be asked again, and not before. */
  #wait(milliseconds) {
    if (milliseconds === null || this.#aborter.signal.aborted) return;
    this.#notBefore = performance.now() + milliseconds;
    this.#soon();
  }

  #get(path, query) {
    return this.#api.get(`/autoscaling/${encodeURIComponent(this.#id)}${path}`, { query, signal: this.#aborter.signal });
  }

  #gone() {
    this.end();
    this.#on.gone();
  }

  #newestDecision() {
    return this.#decisions[0]?.last_at ?? null;
  }

  #historyQuery(whole) {
    const step = this.range.step;
    // The service's time is known by now: that of the newest evaluation, or later.
    if (whole || !this.#history) return { step, from: instant(Math.max(this.#to ?? 0, serverNow()) - this.range.length + (step < 60 ? FINE_MARGIN_MS : 0)) };
    const from = this.#history.points.at(-OVERLAP)?.t ?? this.#to - this.range.length;
    return { step: this.#history.step / 1000, from: instant(from) };
  }

  #takeDecisions(newer, whole) {
    const read = newer.map((decision) => ({
      ...decision, first: milliseconds(decision.first_at), last: milliseconds(decision.last_at), key: `${decision.first_at} ${decision.outcome}`,
    }));
    const keys = new Set(read.map(({ key }) => key));
    const older = whole ? [] : this.#decisions.filter(({ key }) => !keys.has(key));
    this.#decisions = [...read, ...older].sort((a, b) => b.last - a.last).slice(0, MOST_DECISIONS);
  }

  /** Whether the answer fits to what is there. */
  #takeHistory(body, whole) {
    const read = readHistory(body);
    const to = Date.parse(body.to);
    // Coarser than what was asked for: this page's idea of the service's time is too old, and here is a better one.
    const tooCoarse = read.step > this.range.step * 1000 && (this.#to ?? 0) < to;
    this.#to = Math.max(this.#to ?? 0, to);
    const history = whole || !this.#history ? read : mergeHistory(this.#history, read);
    if (history === null || (whole && tooCoarse && this.#coarse < 2)) {
      this.#coarse += 1;
      return false;
    }
    this.#coarse = 0;
    this.#history = since(history, this.#to - this.range.length);
    return true;
  }
}

const instant = (time) => new Date(time).toISOString();
