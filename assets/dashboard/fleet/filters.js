// The filters above the table. What is chosen is part of the address, so that a view can be shared.

import { element, replaceChildren, setAttribute } from '../element.js';

const TYPING_MS = 250;
const STATUSES = [
  ['', 'Any status'],
  ['active', 'Active'],
  ['inactive', 'Paused'],
  ['failed', 'Failed'],
];
const SORTS = [
  ['attention', 'Needs attention first'],
  ['name', 'By name'],
];

/** The filters of an address, with defaults; what an address names besides is ignored. */
export function filtersOf(query) {
  const oneOf = (value, choices) => (choices.some(([choice]) => choice === value) ? value : choices[0][0]);
  return {
    namespace: query.namespace ?? '',
    status: oneOf(query.status, STATUSES),
    attention: ['failed', 'wants_more_than_max', 'metric_unknown', 'none'].includes(query.attention)
      ? query.attention
      : '',
    text: query.text ?? '',
    sort: oneOf(query.sort, SORTS),
  };
}

/** What of the filters has to be in the address. */
export function queryOf(filters) {
  const { sort, ...others } = filters;
  return sort === 'attention' ? others : { ...others, sort };
}

/** Whether anything is filtered out. */
export function isFiltering({ namespace, status, attention, text }) {
  return [namespace, status, attention, text].some((value) => value !== '');
}

export class FilterBar {
  #timer = null;
  #namespaces = '';

  /** `onChange(changes)` is called with what was chosen; for text when the typing has paused. */
  constructor(onChange) {
    this.text = element('input', {
      id: 'filter-text',
      type: 'search',
      class: 'input filter-text',
      placeholder: 'Filter by name…',
      'aria-label': 'Filter by name',
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-keyshortcuts': '/',
    });
    this.namespace = element('select', { class: 'input filter-namespace', 'aria-label': 'Namespace' });
    this.status = element('select', { class: 'input', 'aria-label': 'Status' }, options(STATUSES));
    this.sort = element('select', { class: 'input', 'aria-label': 'Order' }, options(SORTS));
    this.text.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => onChange({ text: this.text.value.trim() }), TYPING_MS);
    });
    for (const name of ['namespace', 'status', 'sort']) {
      this[name].addEventListener('change', () => onChange({ [name]: this[name].value }));
    }
    this.root = element(
      'div',
      { class: 'filters', role: 'search', 'aria-label': 'Filter the fleet' },
      element('div', { class: 'filter-search' }, this.text, element('kbd', { 'aria-hidden': 'true' }, '/')),
      this.namespace,
      this.status,
      this.sort,
      element('a', { class: 'button button-primary', href: '#/new' }, 'New autoscaler'),
    );
  }

  show(filters) {
    this.setNamespaces(null, filters.namespace);
    this.status.value = filters.status;
    this.sort.value = filters.sort;
    if (this.text.value.trim() !== filters.text) this.text.value = filters.text;
    for (const name of ['namespace', 'status']) setAttribute(this[name], 'data-set', filters[name] !== '');
  }

  /** The namespaces to choose from (null: as before); the chosen one is among them in any case. */
  setNamespaces(namespaces, chosen) {
    const names = namespaces ?? [...this.namespace.options].map(({ value }) => value).filter(Boolean);
    const all = names.includes(chosen) || chosen === '' ? names : [...names, chosen];
    const key = JSON.stringify(all);
    if (key !== this.#namespaces) {
      this.#namespaces = key;
      replaceChildren(this.namespace, options([['', 'All namespaces'], ...all.map((name) => [name, name])]));
    }
    this.namespace.value = chosen;
  }

  focus() {
    this.text.focus();
    this.text.select();
  }

  unmount() {
    clearTimeout(this.#timer);
  }
}

function options(choices) {
  return choices.map(([value, label]) => element('option', { value }, label));
}
