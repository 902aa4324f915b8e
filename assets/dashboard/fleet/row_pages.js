// The rows of the fleet, fetched page by page as they come into view. Only the pages near the view are kept.

const PAGE_SIZE = 100;
const PAGES_KEPT = 8;
/** A page that comes into view again after this time is fetched anew: nobody told of its changes meanwhile. */
const FRESH_MS = 15_000;

export class RowPages {
  #fetchPage;
  #onChange;
  #onError;
  #now;
  #pages = new Map();
  #places = new Map();
  #pending = new Map();
  #generation = 0;

  /**
   * `fetchPage({offset, limit, signal})` resolves to an answer of `/fleet`; `onChange(answer)` is called when rows
   * arrived, and `onError(error)` when they could not be had.
   */
  constructor({ fetchPage, onChange, onError, now = () => performance.now() }) {
    this.#fetchPage = fetchPage;
    this.#onChange = onChange;
    this.#onError = onError;
    this.#now = now;
  }

  /** The row at this place of the order; undefined while it is not known. */
  at(index) {
    return this.#pages.get(Math.floor(index / PAGE_SIZE))?.rows[index % PAGE_SIZE];
  }

  /** The ids of the known rows `first..end`. */
  ids(first, end) {
    const ids = [];
    for (let index = first; index < end; index += 1) {
      const row = this.at(index);
      if (row) ids.push(row.autoscaling_id);
    }
    return ids;
  }

  /** All rows that are known. */
  known() {
    return [...this.#pages.values()].flatMap((page) => page.rows);
  }

  /**
   * A newer state of an autoscaler; returns its place in the order, or undefined where it is not among the kept ones.
   */
  update(row) {
    const place = this.#places.get(row.autoscaling_id);
    if (place === undefined) return undefined;
    const page = this.#pages.get(Math.floor(place / PAGE_SIZE));
    page.rows[place % PAGE_SIZE] = row;
    // What is watched is not old: without this, each open tab would ask again and again.
    page.at = this.#now();
    return place;
  }

  /** Fetches what is missing or old of the rows `first..end`, and gives up on what is not wanted any more. */
  want(first, end) {
    const wanted = pagesOf(first, end);
    for (const [number, request] of this.#pending) {
      if (!wanted.includes(number)) request.abort();
    }
    return Promise.all(wanted.filter((number) => !this.#isFresh(number)).map((number) => this.#load(number)));
  }

  /** Fetches the rows `first..end` anew, and forgets all others, whose order may have changed. */
  refresh(first, end) {
    this.#abandon();
    const wanted = pagesOf(first, Math.max(end, first + 1));
    return Promise.all(wanted.map((number) => this.#load(number, wanted)));
  }

  /** Forgets everything, for instance because of another filter. */
  clear() {
    this.#abandon();
    this.#pages.clear();
    this.#places.clear();
  }

  #abandon() {
    this.#generation += 1;
    for (const request of this.#pending.values()) request.abort();
    this.#pending.clear();
  }

  #isFresh(number) {
    if (this.#pending.has(number)) return true;
    const page = this.#pages.get(number);
    return page !== undefined && this.#now() - page.at < FRESH_MS;
  }

  async #load(number, onlyKeep = null) {
    const request = new AbortController();
    const generation = this.#generation;
    this.#pending.set(number, request);
    try {
      const answer = await this.#fetchPage({ offset: number * PAGE_SIZE, limit: PAGE_SIZE, signal: request.signal });
      if (generation !== this.#generation) return;
      if (onlyKeep) for (const kept of [...this.#pages.keys()]) if (!onlyKeep.includes(kept)) this.#drop(kept);
      this.#keep(number, answer.autoscalers);
      this.#onChange(answer);
    } catch (error) {
      if (error.name !== 'AbortError' && generation === this.#generation) this.#onError(error);
    } finally {
      if (this.#pending.get(number) === request) this.#pending.delete(number);
    }
  }

  #keep(number, rows) {
    this.#drop(number);
    this.#pages.set(number, { rows, at: this.#now() });
    rows.forEach((row, index) => this.#places.set(row.autoscaling_id, number * PAGE_SIZE + index));
    for (const oldest of [...this.#pages.keys()].slice(0, Math.max(0, this.#pages.size - PAGES_KEPT)))
      this.#drop(oldest);
  }

  #drop(number) {
    for (const row of this.#pages.get(number)?.rows ?? []) {
      // It may stand on another page by now.
      if (Math.floor(this.#places.get(row.autoscaling_id) / PAGE_SIZE) === number)
        this.#places.delete(row.autoscaling_id);
    }
    this.#pages.delete(number);
  }
}

function pagesOf(first, end) {
  if (end <= first) return [];
  const from = Math.floor(first / PAGE_SIZE);
  const to = Math.floor((end - 1) / PAGE_SIZE);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
