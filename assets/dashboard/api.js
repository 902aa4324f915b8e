// The service's API.

/** What the service answered, or why it could not be asked (`status` 0). */
export class ApiError extends Error {
  constructor(status, error, details) {
    super(details ? `${error}: ${details}` : error);
    this.name = 'ApiError';
    this.status = status;
    this.error = error;
    this.details = details ?? '';
  }
}

const TOKEN = 'token';

/** Keeps the token as long as the tab lives, and never in an address. */
export class TokenStore {
  #token = '';
  #storage;

  constructor(storage) {
    this.#storage = storage;
    try {
      this.#token = storage?.getItem(TOKEN) ?? '';
    } catch {
      // Storage may be forbidden; the token then lives as long as the page.
    }
  }

  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token;
    try {
      this.#storage?.setItem(TOKEN, token);
    } catch {
      // As above.
    }
  }

  /** The header that carries the token, if there is one. */
  headers() {
    return this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` };
  }
}

/**
 * Requests to the API. `base` is the address of `/`; `askForToken(rejected)` is called on 401 and resolves to
 * whether there is another token now, `rejected` being the one that was refused.
 */
export class Api {
  #base;
  #tokens;
  #askForToken;
  #fetch;

  constructor({ base, tokens, askForToken, fetch = (...request) => globalThis.fetch(...request) }) {
    this.#base = base;
    this.#tokens = tokens;
    this.#askForToken = askForToken;
    this.#fetch = fetch;
  }

  /** Whether requests carry a token. */
  get hasToken() {
    return this.#tokens.token !== '';
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

  /** Of what is not under `/api/v1`, such as `readyz`: answers of 503 are answers too, as `{status, body}`. */
  async probe(path, { signal } = {}) {
    const response = await this.#send('GET', new URL(path, this.#base), undefined, signal);
    return { status: response.status, body: await parsed(response) };
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
      const sent = this.#tokens.token;
      const response = await this.#send(method, url, body, signal);
      const answer = await parsed(response);
      if (response.ok) return answer;
      if (response.status === 401 && (await this.#askForToken(sent))) continue;
      throw new ApiError(response.status, answer?.error ?? `The service answered ${response.status}`, answer?.details);
    }
  }

  async #send(method, url, body, signal) {
    const headers = { accept: 'application/json', ...this.#tokens.headers() };
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

async function parsed(response) {
  const text = await response.text();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return response.ok ? null : { error: `The service answered ${response.status}`, details: text.slice(0, 200) };
  }
}
