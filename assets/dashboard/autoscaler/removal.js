// Asks before an autoscaler is deleted: its workload's name has to be typed.

import { openDialog } from '../dialog.js';
import { element, setText } from '../element.js';

/** Resolves to whether it was confirmed. */
export async function confirmRemoval({ workload_name: name, current_replicas: replicas }) {
  const input = element('input', { class: 'input', id: 'removal-name', type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', 'aria-describedby': 'removal-error' });
  const error = element('span', { class: 'field-error', id: 'removal-error', role: 'alert' });
  for (;;) {
    const answer = await openDialog({
      title: `Delete the autoscaler of ${name}?`,
      content: [
        element('p', {}, `Nothing is scaled afterwards: the workload keeps its ${replicas} replicas. History and decisions are gone.`),
        element('div', { class: 'field' }, element('label', { for: 'removal-name' }, 'Type ', element('strong', { class: 'mono' }, name), ' to confirm'), input, error),
      ],
      actions: [{ label: 'Cancel', value: '' }, { label: 'Delete', value: 'delete', kind: 'danger' }],
    });
    if (answer !== 'delete') return false;
    if (input.value.trim() === name) return true;
    setText(error, `That is not ${name}.`);
  }
}
