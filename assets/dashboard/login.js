// Asks for the API's token, once for all requests that wait for it.

import { openDialog } from './dialog.js';
import { element } from './element.js';

let asking = null;

/** Resolves to whether `tokens` has another token than `rejected` now. */
export function askForToken(tokens, rejected) {
  if (tokens.token !== rejected) return Promise.resolve(true);
  asking ??= ask(tokens).finally(() => (asking = null));
  return asking;
}

async function ask(tokens) {
  const field = element('input', {
    id: 'token',
    class: 'input mono',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    spellcheck: 'false',
  });
  const answer = await openDialog({
    title: tokens.token === '' ? 'This service asks for a token' : 'The token was not accepted',
    content: [
      element(
        'div',
        { class: 'field' },
        element('label', { for: 'token' }, 'Token'),
        field,
        element(
          'p',
          { class: 'field-hint' },
          'The one that the service was started with (http.token). It is kept in this tab until it is closed.',
        ),
      ),
    ],
    actions: [{ label: 'Sign in', value: 'sign-in', kind: 'primary' }],
  });
  if (answer !== 'sign-in' || field.value.trim() === '') return false;
  tokens.token = field.value.trim();
  return true;
}
