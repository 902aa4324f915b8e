// Parses a stream of server-sent events (the format of the HTML standard) from pieces that may end anywhere.

export class EventParser {
  #rest = '';
  #type = '';
  #data = [];
  #id;

  /**
   * The events that are complete with this piece, as `{type, data, id}`; `id` is undefined where the event names
   * none.
   */
  push(text) {
    this.#rest += text;
    const events = [];
    for (;;) {
      const end = this.#rest.search(/[\r\n]/);
      // A CR at the very end may be the first half of CR LF.
      if (end < 0 || (this.#rest[end] === '\r' && end === this.#rest.length - 1)) return events;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith('\r\n', end) ? 2 : 1));
      const event = line === '' ? this.#completed() : this.#field(line);
      if (event) events.push(event);
    }
  }

  #field(line) {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
  }

  #completed() {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id };
    const isEmpty = this.#data.length === 0;
    this.#type = '';
    this.#data = [];
    this.#id = undefined;
    return isEmpty ? undefined : event;
  }
}
