// The service's API.

import { retryAfter, wait } from './retry_after.js';

/** What the service answered, or why it could not be asked (`status` 0). */
export class ApiError extends Error {
  /** `retryAfter` is how many milliseconds the service asks to wait; null where it does not say. */
  constructor(status, error, details, retryAfter = null) {
    super(details ? `${error}: ${details}` : error);
    this.name = 'ApiError';
    this.status = status;
    this.error = error;
    this.details = details ?? '';
    this.retryAfter = retryAfter;
  }
}

const TOO_MANY_REQUESTS = 429;
/** Those that wait do not all come at the same moment. */
const JITTER_MS = 500;

/** Requests to the API, as the one of the `session`. `base` is the address of `/`. */
export class Api {
  #base;
  #session;
  #fetch;
  #random;
  #heldUntil = 0;

  constructor({ base, session, fetch = (...request) => globalThis.fetch(...request), random = Math.random }) {
    this.#base = base;
    this.#session = session;
    this.#fetch = fetch;
    this.#random = random;
  }

  /** Whether requests carry a token. */
  get hasToken() {
    return this.#session.isSignedIn;
  }

  /** The address of a path under `/api/v1`. Parameters that are null or empty are left out. */
  url(path, query = {}) {
    const url = new URL(`api/v1${path}`, this.#base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== null && value !== undefined && value !== '') url.searchParams.set(name, value);
    }
    return url;
  }

  /** `GET /api/v1{path}`. */
  get(path, { query, signal } = {}) {
    return this.request('GET', this.url(path, query), { signal });
  }

  /**
   * Of what is not under `/api/v1` and open to everybody, such as `readyz`: answers of 503 are answers too, as
   * `{status, body}`. The token is sent because some are told more than others.
   */
  async probe(path, { signal } = {}) {
    const response = await this.#send('GET', new URL(path, this.#base), {
      signal,
      headers: this.#session.credentials().headers,
    });
    return { status: response.status, body: await parsed(response) };
  }

  /** Who has this token, which need not be the session's. Throws an ApiError when the service does not say. */
  async whoHas(token) {
    const response = await this.#send('GET', this.url('/whoami'), { headers: { authorization: `Bearer ${token}` } });
    const answer = await parsed(response);
    if (!response.ok) throw refusal(response, answer);
    return answer;
  }

  post(path, body, { signal } = {}) {
    return this.request('POST', this.url(path), { body, signal });
  }

  put(path, body, { signal } = {}) {
    return this.request('PUT', this.url(path), { body, signal });
  }

  patch(path, body, { signal } = {}) {
    return this.request('PATCH', this.url(path), { body, signal });
  }

  delete(path, { signal } = {}) {
    return this.request('DELETE', this.url(path), { signal });
  }

  /** The parsed answer. Throws an ApiError for any other than 2xx, and an AbortError when `signal` says so. */
  async request(method, url, { body, signal } = {}) {
    for (;;) {
      if (method === 'GET') await this.#held(signal);
      const credentials = this.#session.credentials();
      const response = await this.#send(method, url, { body, signal, headers: credentials.headers });
      const answer = await parsed(response);
      if (response.ok) return answer;
      if (response.status === 401) {
        await this.#session.renew(credentials);
        continue;
      }
      const error = refusal(response, answer);
      if (error.status === TOO_MANY_REQUESTS) this.#hold(error.retryAfter ?? 1_000);
      throw error;
    }
  }

  /** Whoever asked too much asks nothing more for a while; what somebody wants to have done is tried all the same. */
  #hold(milliseconds) {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + milliseconds);
  }

  async #held(signal) {
    for (;;) {
      const left = this.#heldUntil - performance.now();
      if (left <= 0) return;
      await wait(left + this.#random() * JITTER_MS, signal);
    }
  }

  async #send(method, url, { body, signal, headers: more = {} }) {
    const headers = { accept: 'application/json', ...more };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const sent = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await this.#fetch(url, { method, headers, body: sent, signal, cache: 'no-store' });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(
        0,
        'The service cannot be reached',
        'It may be restarting, or the network is down. This page tries again by itself.',
      );
    }
  }
}

function refusal(response, answer) {
  const error = answer?.error ?? `The service answered ${response.status}`;
  return new ApiError(response.status, error, answer?.details, retryAfter(response.headers.get('retry-after')));
}

async function parsed(response) {
  const text = await response.text();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return response.ok ? null : { error: `The service answered ${response.status}`, details: text.slice(0, 200) };
  }
}
