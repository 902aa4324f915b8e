// Asks before an autoscaler is deleted, for which its workload's name has to be typed, and deletes it.

import { done, openDialog } from '../dialog.js';
import { element, setText } from '../element.js';

/** Resolves to whether it was deleted, which `remove()` does. */
export async function confirmRemoval({ workload_name: name, current_replicas: replicas }, remove) {
  const input = element('input', { class: 'input', id: 'removal-name', type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'removal-error' });
  const error = element('span', { class: 'field-error', id: 'removal-error', role: 'alert' });
  const perform = () => {
    if (input.value.trim() === name) return done(remove, error, 'You may not delete this');
    setText(error, `That is not ${name}.`);
    return false;
  };
  const answer = await openDialog({
    title: `Delete the autoscaler of ${name}?`,
    content: [
      element('p', {}, `Nothing is scaled afterwards: the workload keeps its ${replicas} replicas. History and decisions are gone.`),
      element('div', { class: 'field' }, element('label', { for: 'removal-name' }, 'Type ', element('strong', { class: 'mono' }, name), ' to confirm'), input, error),
    ],
    actions: [{ label: 'Cancel', value: '' }, { label: 'Delete', value: 'delete', kind: 'danger' }],
    perform,
  });
  return answer === 'delete';
}
