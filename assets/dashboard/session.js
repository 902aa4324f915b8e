// Who uses this page. The token is kept in memory only: in no storage of the browser, in no address. A reload asks again.

/** One who signs in, and in again when the token has expired. */
export class Session {
  #token = '';
  #identity = null;
  #person = 0;
  #ask;
  #asking = null;
  #handlers = new Set();

  /**
   * `ask({again})` resolves to `{token, identity}` once somebody has signed in; `again` says that a token was good
   * before.
   */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The service's answer to who this is, `{mode, name, groups}`; null while it is not known. */
  get identity() {
    return this.#identity;
  }

  /** Whether requests carry a token. */
  get isSignedIn() {
    return this.#token !== '';
  }

  /** What a request is sent with: `headers`, and for `renew` whose they are. */
  credentials() {
    const headers = this.isSignedIn ? { authorization: `Bearer ${this.#token}` } : {};
    return { headers, token: this.#token, person: this.#person };
  }

  /** Calls `handler({isAnother})` when it is known who this is; `isAnother` when it was somebody else before. */
  on(handler) {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** The service said who this is. */
  learn(identity) {
    const before = this.#identity;
    const isAnother = isPerson(before) && (before.mode !== identity.mode || before.name !== identity.name);
    if (isAnother) this.#person += 1;
    this.#identity = identity;
    for (const handler of this.#handlers) handler({ isAnother });
  }

  /**
   * The service did not accept `credentials`: asks once for all that wait. Resolves when there are others of the same
   * person; throws an AbortError when it is another one, who does not do what the first one began.
   */
  async renew({ token, person }) {
    if (this.#asking !== null || token === this.#token) {
      await (this.#asking ??= this.#signIn().finally(() => (this.#asking = null)));
    }
    if (person !== this.#person) throw new DOMException('somebody else has signed in', 'AbortError');
  }

  async #signIn() {
    const { token, identity } = await this.#ask({ again: this.isSignedIn });
    this.#token = token;
    this.learn(identity);
  }

  /** Forgets the token, and who had it. */
  forget() {
    this.#token = '';
    this.#identity = null;
    this.#person += 1;
  }
}

/** Where nobody has to say who they are, nobody is anybody. */
function isPerson(identity) {
  return identity !== null && identity.mode !== 'none';
}
