// Asks for a token, and the service whose it is.

import { openDialog } from './dialog.js';
import { element, setText } from './element.js';
import { refusalLine } from './refusal.js';

/**
 * Resolves to `{token, identity}` once the service has accepted a token. `whoHas(token)` asks it; `again` says that one
 * was good before.
 */
export async function askForToken({ again, whoHas }) {
  const field = element('input', {
    id: 'token',
    class: 'input mono',
    type: 'password',
    autocomplete: 'off',
    autocapitalize: 'off',
    required: true,
    spellcheck: 'false',
    'aria-describedby': 'token-help token-error',
  });
  const error = element('span', { class: 'field-error', id: 'token-error', role: 'alert' });
  let signedIn = null;
  const signIn = async () => {
    setText(error, '');
    const token = field.value.trim();
    try {
      signedIn = { token, identity: await accepted(token, whoHas) };
      return true;
    } catch (failure) {
      setText(error, whyNot(failure));
      field.select();
      return false;
    }
  };
  await openDialog({
    title: again ? 'Sign in again' : 'Sign in',
    content: [
      element(
        'p',
        {},
        again
          ? 'The token is not accepted any more: it has expired, or was taken back. Afterwards you are where you were.'
          : 'This service asks who you are.',
      ),
      element(
        'div',
        { class: 'field' },
        element('label', { for: 'token' }, 'Token'),
        field,
        error,
        element('div', { class: 'field-hint', id: 'token-help' }, help()),
      ),
    ],
    actions: [{ label: 'Sign in', value: 'sign-in', kind: 'primary' }],
    perform: signIn,
    dismissable: false,
  });
  field.value = '';
  return signedIn;
}

function help() {
  return [
    element(
      'p',
      {},
      'In a cluster it is one of yours, or of a service account: ',
      element('code', {}, 'kubectl create token SERVICE-ACCOUNT -n NAMESPACE'),
      ', with ',
      element('code', {}, '--audience'),
      ' where the service wants one. A service with tokens of its own has them from its operator.',
    ),
    element('p', {}, 'It is kept in the memory of this page only: whoever reloads it is asked again.'),
    !window.isSecureContext &&
      element(
        'p',
        { class: 'field-error' },
        'This page came over plain HTTP: whoever is on the way can read the token. Use HTTPS, or a port that is forwarded to this machine.',
      ),
  ];
}

/** Whose token it is. What no header can carry is not sent. */
async function accepted(token, whoHas) {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('That is no token: it has a space, or a character that no token has.');
  return whoHas(token);
}

function whyNot(failure) {
  if (failure.status === 401) return 'The token was not accepted: it may have expired, or be meant for another service.';
  return refusalLine(failure, 'You may not sign in');
}
