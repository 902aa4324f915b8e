// Who is signed in: a button in the header, and what it opens.

import { openDialog } from './dialog.js';
import { element, setAttribute, setText, svgElement } from './element.js';

const KNOWN_BY = { kubernetes: 'the cluster', token: 'a token of this service' };

/** The button for the header, which is there while somebody is signed in. `signOut()` ends that. */
export function identityButton({ session, signOut }) {
  const name = element('span', { class: 'identity-name' });
  const button = element(
    'button',
    { type: 'button', class: 'button button-quiet identity', hidden: true, onclick: () => show(session.identity, signOut) },
    person(),
    name,
  );
  const update = () => {
    const { identity } = session;
    button.hidden = !session.isSignedIn || identity === null || identity.mode === 'none';
    if (button.hidden) return;
    const who = nameOf(identity);
    setText(name, who);
    setAttribute(button, 'aria-label', `Signed in as ${who}`);
    setAttribute(button, 'data-tip', `Signed in as ${who}`);
  };
  session.on(update);
  update();
  return button;
}

async function show(identity, signOut) {
  const groups = identity.groups ?? [];
  const answer = await openDialog({
    title: 'Signed in',
    content: [
      element(
        'dl',
        { class: 'identity-facts' },
        fact('Name', nameOf(identity)),
        fact('Known by', KNOWN_BY[identity.mode] ?? String(identity.mode)),
        identity.mode === 'kubernetes' &&
          fact(
            'Groups',
            groups.length === 0 ? 'none' : element('ul', {}, groups.map((group) => element('li', { class: 'foreign' }, group))),
          ),
      ),
      element(
        'p',
        { class: 'faint' },
        identity.mode === 'kubernetes'
          ? 'You see and do here what the cluster lets you see and do.'
          : 'Who has this token may do everything.',
      ),
    ],
    actions: [
      { label: 'Close', value: '' },
      { label: 'Sign out', value: 'sign-out' },
    ],
  });
  if (answer === 'sign-out') signOut();
}

function fact(term, description) {
  return element('div', {}, element('dt', {}, term), element('dd', { class: 'foreign' }, description));
}

function nameOf({ name }) {
  return name ?? 'without a name';
}

function person() {
  return svgElement(
    'svg',
    { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svgElement('circle', { cx: 8, cy: 5.25, r: 2.75, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 }),
    svgElement('path', { d: 'M2.75 14a5.25 5.25 0 0 1 10.5 0', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 }),
  );
}
