// Modal dialogs on the native <dialog>, which keeps the focus inside and gives it back afterwards.

import { element } from './element.js';

/**
 * Shows `content` (nodes or text) and resolves to the value of the button that closed it; null when it was dismissed.
 */
export function openDialog({ title, content, actions, onSubmit }) {
  return new Promise((resolve) => {
    const form = element(
      'form',
      { method: 'dialog' },
      element('div', { class: 'dialog-body' }, element('h2', { id: 'dialog-title' }, title), content),
      element('div', { class: 'dialog-actions' }, actions.map(actionButton)),
    );
    const dialog = element('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      dialog.close(onSubmit ? onSubmit(event.submitter?.value ?? '') : (event.submitter?.value ?? ''));
    });
    dialog.addEventListener('cancel', () => (dialog.returnValue = ''));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === '' ? null : dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Asks before something is done. Resolves to true when it was confirmed. */
export async function confirmed({ title, text, confirm, danger = false }) {
  const answer = await openDialog({
    title,
    content: [text].flat().map((paragraph) => (paragraph instanceof Node ? paragraph : element('p', {}, paragraph))),
    actions: [
      { label: 'Cancel', value: '' },
      { label: confirm, value: 'confirm', kind: danger ? 'danger' : 'primary' },
    ],
  });
  return answer === 'confirm';
}

function actionButton({ label, value, kind }) {
  // The first one is the one that Enter presses, so nothing dangerous may stand there.
  return element('button', { type: 'submit', value, class: `button ${kind ? `button-${kind}` : ''}` }, label);
}
