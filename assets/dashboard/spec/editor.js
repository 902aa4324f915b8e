// The definition of one autoscaler: for reading, and for changing it with a preview.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { notify } from '../notices.js';
import { refusalLine } from '../refusal.js';
import { openCopy } from './copy.js';
import { definitionOf, formOf, patchOf, rebase, sortFaults } from './definition.js';
import { SpecForm } from './form.js';
import { previewOf } from './preview.js';
import { definition } from './shown.js';

const FORBIDDEN = 'You may not change this';
const EDITABLE = ['bounds', 'targets', 'up', 'down', 'rest'];

export class SpecEditor {
  #api;
  #id;
  #onApplied;
  #spec = null;
  #original = null;
  #form = null;
  #preview = null;
  #refused = new Map();
  #nodes = {};

  /** `onApplied(answer)` gets the service's answer to a change. */
  constructor({ api, id, onApplied }) {
    this.#api = api;
    this.#id = id;
    this.#onApplied = onApplied;
    const nodes = this.#nodes;
    nodes.edit = element('button', { type: 'button', class: 'button', onclick: () => this.edit() }, 'Edit');
    nodes.body = element('div', { class: 'card-body' });
    this.root = element('section', { class: 'card spec', 'aria-label': 'Definition', tabindex: '-1' },
      element('div', { class: 'card-head' }, element('h2', {}, 'Definition'), element('span', { class: 'push' }, nodes.edit)), nodes.body);
  }

  /** Shows this definition; while it is edited, what was not touched follows. */
  update(spec) {
    if (this.#spec && JSON.stringify(this.#spec) === JSON.stringify(spec)) return;
    const before = this.#original;
    this.#spec = spec;
    this.#original = formOf(spec);
    if (!this.#form) {
      replaceChildren(this.#nodes.body, definition(spec));
      return;
    }
    this.#form.fill(rebase(this.#form.form, before, this.#original));
    this.#form.compareWith(this.#original);
    setText(this.#nodes.note, 'The definition was changed meanwhile; your own changes are kept.');
    this.#changed();
  }

  /** Begins to edit. */
  edit() {
    if (!this.#spec) return;
    if (!this.#form) this.#begin();
    this.root.scrollIntoView({ block: 'start' });
    this.#form.root.querySelector('input')?.focus({ preventScroll: true });
  }

  end() {
    this.#preview?.end();
  }

  #begin() {
    const nodes = this.#nodes;
    this.#refused = new Map();
    this.#form = new SpecForm({ form: this.#original, groups: EDITABLE, onChange: () => { this.#refused = new Map(); this.#changed(); } });
    this.#form.compareWith(this.#original);
    this.#preview = previewOf({
      api: this.#api, id: this.#id,
      onRefused: (error) => this.#refuse(error),
      onAccepted: () => setText(nodes.error, ''),
    });
    nodes.apply = element('button', { type: 'submit', class: 'button button-primary' }, 'Apply');
    nodes.copy = element('button', { type: 'button', class: 'button', onclick: () => this.#copyChange() }, 'Copy the change as…');
    nodes.error = element('p', { class: 'field-error', role: 'alert' });
    nodes.note = element('p', { class: 'faint' });
    nodes.patch = element('code', { class: 'spec-patch' });
    const form = element('form', { class: 'spec-edit', novalidate: true, onsubmit: (event) => this.#submit(event) }, this.#form.root,
      element('div', { class: 'spec-foot' }, this.#preview.root,
        element('p', { class: 'spec-sent' }, element('span', { class: 'label' }, 'What is sent: '), nodes.patch),
        nodes.error, nodes.note,
        element('div', { class: 'spec-buttons' }, nodes.apply,
          element('button', { type: 'button', class: 'button', onclick: () => this.#discard() }, 'Discard'), nodes.copy)));
    replaceChildren(nodes.body, form);
    nodes.edit.hidden = true;
    this.#changed();
  }

  #changed() {
    const nodes = this.#nodes;
    const { faults } = definitionOf(this.#form.form);
    const patch = faults.length === 0 ? patchOf(this.#original, this.#form.form) : null;
    const all = new Map(faults.map(({ path, message }) => [path, message]));
    for (const [path, text] of this.#refused) all.set(path, text);
    this.#form.setFaults(all);
    setText(nodes.patch, patch ? JSON.stringify(patch) : 'nothing');
    setAttribute(nodes.apply, 'aria-disabled', patch === null ? 'true' : null);
    nodes.copy.disabled = patch === null;
    if (this.#refused.size === 0) {
      setText(nodes.error, '');
      this.#preview.ask(patch, faults.length > 0);
    }
  }

  #refuse(error) {
    const { fields, rest } = error.status === 400 ? sortFaults(error.details) : { fields: new Map(), rest: [] };
    this.#refused = fields;
    // In the service's own words; what belongs to a field stands there as well.
    setText(this.#nodes.error, error.status === 400 && rest.length === 0 ? '' : refusalLine(error, FORBIDDEN));
    if (fields.size > 0) this.#changed();
  }

  async #submit(event) {
    event.preventDefault();
    const { faults } = definitionOf(this.#form.form);
    if (faults.length > 0) {
      this.#form.focusFault();
      return;
    }
    const patch = patchOf(this.#original, this.#form.form);
    if (patch === null) return;
    const { apply, error: place } = this.#nodes;
    apply.disabled = true;
    try {
      const answer = await this.#api.patch(`/autoscaling/${encodeURIComponent(this.#id)}`, patch);
      this.#finish();
      notify('The change was applied; it is evaluated at once.');
      this.#onApplied(answer);
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#refuse(error);
      setText(place, refusalLine(error, FORBIDDEN));
      this.#form?.focusFault();
    } finally {
      apply.disabled = false;
    }
  }

  #discard() {
    this.#finish();
    this.#nodes.edit.focus();
  }

  #finish() {
    this.#preview.end();
    this.#form = null;
    this.#preview = null;
    this.#nodes.edit.hidden = false;
    replaceChildren(this.#nodes.body, definition(this.#spec));
  }

  #copyChange() {
    const patch = patchOf(this.#original, this.#form.form);
    if (patch === null) return;
    openCopy({
      title: 'Copy the change', api: this.#api,
      request: { method: 'PATCH', url: this.#api.url(`/autoscaling/${encodeURIComponent(this.#id)}`).href, body: patch },
      value: patch,
    });
  }
}
