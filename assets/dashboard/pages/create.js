// The form that creates an autoscaler.

import { element, replaceChildren } from '../element.js';
import { notify } from '../notices.js';
import { refusalOf } from '../refusal.js';
import { autoscalerAddress } from '../router.js';
import { openCopy } from '../spec/copy.js';
import { definitionOf, emptyForm, sortFaults } from '../spec/definition.js';
import { SpecForm } from '../spec/form.js';

const GROUPS = ['workload', 'bounds', 'targets', 'up', 'down', 'rest'];

/** Shows the form in `root`; returns the function that ends it. `query` may name the workload. */
export function mount(root, { query, api, navigate }) {
  const sent = new AbortController();
  let tried = false;
  let refused = new Map();
  const initial = { ...emptyForm(), ...named(query) };
  const form = new SpecForm({ form: initial, groups: GROUPS, onChange: () => { refused = new Map(); check(); } });
  const error = element('div', { class: 'message message-failed', role: 'alert', hidden: true });
  const create = element('button', { type: 'submit', class: 'button button-primary' }, 'Create');
  const body = () => definitionOf(form.form, { omitDefaults: true });

  /** Shows what is wrong, but not that fields are empty before somebody tried to send them. */
  function check() {
    const { faults } = body();
    const shown = faults.filter(({ path, message }) => tried || (message !== 'is required' && path !== 'targets'));
    form.setFaults(new Map([...shown.map(({ path, message }) => [path, message]), ...refused]));
    error.hidden = true;
    return faults;
  }

  async function submit(event) {
    event.preventDefault();
    tried = true;
    refused = new Map();
    if (check().length > 0) {
      form.focusFault();
      return;
    }
    create.disabled = true;
    try {
      const answer = await api.post('/autoscaling', body().spec, { signal: sent.signal });
      notify(answer.message);
      navigate(autoscalerAddress(answer.autoscaling_id));
    } catch (failure) {
      if (failure.name === 'AbortError') return;
      refuse(failure);
    } finally {
      create.disabled = false;
    }
  }

  function refuse(failure) {
    const { fields } = failure.status === 400 ? sortFaults(failure.details) : { fields: new Map() };
    refused = fields;
    check();
    const id = /autoscaler-[0-9a-f]+/.exec(failure.details)?.[0];
    const { title, text } = refusalOf(failure, 'You may not create this');
    replaceChildren(error, element('strong', {}, title), element('span', { class: 'foreign' }, text),
      failure.status === 409 && id && element('a', { href: autoscalerAddress(id) }, 'To the autoscaler that exists'));
    error.hidden = false;
    if (fields.size > 0) form.focusFault();
    else error.scrollIntoView({ block: 'nearest' });
  }

  const copy = () => openCopy({
    title: 'Copy this definition', api,
    request: { method: 'POST', url: api.url('/autoscaling').href, body: body().spec }, value: body().spec,
  });
  replaceChildren(root, element('div', { class: 'create' },
    element('div', { class: 'page-head' }, element('h1', {}, 'New autoscaler')),
    element('form', { class: 'card create-form', novalidate: true, onsubmit: submit },
      element('div', { class: 'card-body' }, form.root),
      element('div', { class: 'create-foot' }, error,
        element('div', { class: 'spec-buttons' }, create, element('button', { type: 'button', class: 'button', onclick: copy }, 'Copy as…'),
          element('a', { class: 'button button-quiet', href: '#/' }, 'Cancel'))))));
  form.root.querySelector('[name="workload_namespace"]').focus();
  return () => sent.abort();
}

function named({ namespace, name, kind }) {
  return Object.fromEntries(Object.entries({ workload_namespace: namespace, workload_name: name, workload_type: kind }).filter(([, value]) => value));
}
