// Modal dialogs on the native <dialog>, which keeps the focus inside and gives it back afterwards.

import { element, setText } from './element.js';
import { refusalLine } from './refusal.js';

let opened = 0;

/**
 * Shows `content` (nodes or text) and resolves to the value of the button that closed it; null when it was dismissed.
 * `perform(value)` is done before it closes; it stays open when that resolves to false. What has no other way out is not
 * `dismissable`.
 */
export function openDialog({ title, content, actions, perform = () => true, dismissable = true }) {
  return new Promise((resolve) => {
    const name = `dialog-title-${(opened += 1)}`;
    const form = element(
      'form',
      { method: 'dialog' },
      element('div', { class: 'dialog-body' }, element('h2', { id: name }, title), content),
      element('div', { class: 'dialog-actions' }, actions.map(actionButton)),
    );
    const dialog = element('dialog', { 'aria-labelledby': name }, form);
    let performing = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (performing) return;
      const value = event.submitter?.value ?? '';
      performing = true;
      dialog.setAttribute('aria-busy', 'true');
      try {
        if (value !== '' && (await perform(value)) === false) return;
      } finally {
        performing = false;
        dialog.removeAttribute('aria-busy');
      }
      dialog.close(value);
    });
    dialog.addEventListener('cancel', (event) => {
      if (performing || !dismissable) event.preventDefault();
      else dialog.returnValue = '';
    });
    dialog.addEventListener('close', () => {
      // A browser closes on the second Escape, whatever it was told on the first.
      if (!dismissable && dialog.returnValue === '' && dialog.isConnected) {
        dialog.showModal();
        return;
      }
      dialog.remove();
      resolve(dialog.returnValue === '' ? null : dialog.returnValue);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Ends all dialogs that are open, as if they had been dismissed. */
export function dismissDialogs() {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close('');
}

/**
 * Asks before something is done, and does it. Resolves to whether it was done; why it was not is said in the dialog, with
 * `forbidden` where rights are missing.
 */
export async function confirmed({ title, text, confirm, danger = false, perform, forbidden }) {
  const failure = element('p', { class: 'field-error', role: 'alert' });
  const answer = await openDialog({
    title,
    content: [[text].flat().map((paragraph) => element('p', {}, paragraph)), failure],
    actions: [
      { label: 'Cancel', value: '' },
      { label: confirm, value: 'confirm', kind: danger ? 'danger' : 'primary' },
    ],
    perform: () => done(perform, failure, forbidden),
  });
  return answer === 'confirm';
}

/** Does it; resolves to false when it failed, and says why in `place`. */
export async function done(perform, place, forbidden) {
  setText(place, '');
  try {
    await perform();
    return true;
  } catch (error) {
    if (error.name !== 'AbortError') setText(place, refusalLine(error, forbidden));
    return false;
  }
}

function actionButton({ label, value, kind }) {
  // The first one is the one that Enter presses, so nothing dangerous may stand there.
  return element('button', { type: 'submit', value, class: `button ${kind ? `button-${kind}` : ''}` }, label);
}
