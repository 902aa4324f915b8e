// The form of a definition, for a new autoscaler and for a change.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { newRateLimit } from './definition.js';
import { GROUPS, MOST_POLICIES, RATE_FIELDS } from './fields.js';

export class SpecForm {
  #form;
  #onChange;
  #controls = new Map();
  #groupErrors = new Map();
  #groups = new Map();
  #base = null;

  /** `groups` are the ids of those that are shown; `onChange(form)` is called with each change. */
  constructor({ form, groups, onChange }) {
    this.#form = structuredClone(form);
    this.#onChange = onChange;
    const shown = GROUPS.filter(({ id }) => groups.includes(id));
    this.root = element('div', { class: 'spec-form' },
      shown.filter(({ advanced }) => !advanced).map((group) => this.#group(group)),
      shown.filter(({ advanced }) => advanced).map((group) => this.#group(group)));
  }

  get form() {
    return structuredClone(this.#form);
  }

  /** Puts other values in. */
  fill(form) {
    this.#form = structuredClone(form);
    for (const [path, control] of this.#controls) control.fill(this.#form[path]);
    this.#markChanged();
  }

  /** Marks what differs from `form`. */
  compareWith(form) {
    this.#base = form;
    this.#markChanged();
  }

  /** Shows what is wrong: a Map of field paths and group ids to texts. */
  setFaults(faults) {
    for (const control of this.#controls.values()) control.fault(faults);
    for (const [id, place] of this.#groupErrors) {
      setText(place, faults.get(id) ?? '');
      place.hidden = !faults.has(id);
    }
    for (const group of this.#groups.values()) {
      const wrong = group.paths.some((path) => [...faults.keys()].some((its) => its === path || its.startsWith(`${path}[`)));
      if (wrong && group.details) group.details.open = true;
    }
  }

  /** Moves the focus to the first field that is wrong. */
  focusFault() {
    this.root.querySelector('[aria-invalid="true"]')?.focus();
  }

  #group({ id, title, hint, fields, advanced }) {
    const error = element('p', { class: 'field-error', role: 'alert', hidden: true });
    this.#groupErrors.set(id, error);
    const grid = element('div', { class: 'spec-grid' }, fields.map((field) => this.#field(field)));
    const content = [!advanced && hint && element('p', { class: 'field-hint' }, hint), error, grid];
    const paths = fields.map(({ path }) => path);
    if (!advanced) {
      this.#groups.set(id, { paths });
      return element('fieldset', { class: 'spec-group' }, element('legend', {}, title), content);
    }
    const count = element('span', { class: 'spec-changed' });
    const details = element('details', { class: 'spec-group' }, element('summary', {}, title, element('span', { class: 'faint spec-summary' }, hint), count), content);
    this.#groups.set(id, { paths, details, count });
    return details;
  }

  #field(field) {
    const change = (value) => {
      this.#form[field.path] = value;
      this.#markChanged();
      this.#onChange(this.form);
    };
    const control = field.kind === 'policies' ? rateLimits(field, this.#form[field.path], change) : input(field, this.#form[field.path], change);
    this.#controls.set(field.path, control);
    return control.root;
  }

  #markChanged() {
    if (!this.#base) return;
    const differs = (path) => JSON.stringify(this.#form[path]) !== JSON.stringify(this.#base[path]);
    for (const [path, control] of this.#controls) control.root.classList.toggle('field-changed', differs(path));
    for (const { paths, count } of this.#groups.values()) {
      if (!count) continue;
      const changed = paths.filter(differs).length;
      setText(count, changed > 0 ? `${changed} changed` : '');
    }
  }
}

let ids = 0;

/** One field as `{root, fill(text), fault(faults)}`. */
function input(field, text, change, label = field.label, faultPath = field.path) {
  ids += 1;
  const id = `field-${ids}`;
  const listen = { oninput: (event) => change(event.target.value) };
  const isChoice = field.kind === 'choice';
  const control = isChoice
    ? element('select', { id, class: 'input', name: field.path, ...listen }, field.options.map(([value, name]) => element('option', { value }, name)))
    : element('input', {
      id, class: 'input', name: field.path, type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off',
      inputmode: field.kind === 'integer' ? 'numeric' : field.kind === 'number' ? 'decimal' : null,
      placeholder: field.placeholder, required: field.required, ...listen,
    });
  control.value = text;
  const hint = element('span', { class: 'field-hint', id: `${id}-hint` }, field.hint ?? '');
  const error = element('span', { class: 'field-error', id: `${id}-error`, hidden: true });
  setAttribute(control, 'aria-describedby', [field.hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(' '));
  const root = element('div', { class: 'field' }, element('label', { for: id }, label),
    field.unit ? element('span', { class: 'with-unit' }, control, element('span', { class: 'unit', 'aria-hidden': 'true' }, field.unit)) : control,
    field.hint && hint, error);
  return {
    root,
    fill: (value) => (control.value = value),
    fault: (faults) => {
      const message = faults.get(faultPath);
      setText(error, message ?? '');
      error.hidden = message === undefined;
      hint.hidden = message !== undefined;
      setAttribute(control, 'aria-invalid', message === undefined ? null : 'true');
    },
  };
}

/** The list of rate limits, to which rows are added. */
function rateLimits(field, rows, change) {
  let current = rows;
  let controls = [];
  const list = element('ol', { class: 'rate-limits' });
  const error = element('span', { class: 'field-error', hidden: true });
  const none = element('p', { class: 'field-hint' }, 'None: no limit.');
  const add = element('button', {
    type: 'button', class: 'button', onclick: () => {
      set([...current, newRateLimit()]);
      controls.at(-1)[0].root.querySelector('select, input').focus();
    },
  }, 'Add a rate limit');
  const draw = () => {
    controls = current.map((row, index) => RATE_FIELDS.map((its) =>
      input(its, row[its.path], (value) => {
        current = current.map((other, at) => (at === index ? { ...other, [its.path]: value } : other));
        change(current);
      }, its.label, `${field.path}[${index}].${its.path}`)));
    replaceChildren(list, controls.map((fields, index) => element('li', { class: 'rate-limit' }, fields.map(({ root }) => root),
      element('button', {
        type: 'button', class: 'button button-quiet', 'aria-label': `Remove rate limit ${index + 1}`,
        onclick: () => {
          set(current.filter((_, at) => at !== index));
          add.focus();
        },
      }, 'Remove'))));
    none.hidden = current.length > 0;
    add.disabled = current.length >= MOST_POLICIES;
  };
  const set = (next) => {
    current = next;
    draw();
    change(current);
  };
  draw();
  return {
    root: element('div', { class: 'field field-wide' }, element('span', { class: 'field-label' }, field.label), none, list, error, element('div', {}, add)),
    fill: (next) => {
      current = next;
      draw();
    },
    fault: (faults) => {
      const message = faults.get(field.path);
      setText(error, message ?? '');
      error.hidden = message === undefined;
      for (const control of controls.flat()) control.fault(faults);
    },
  };
}
