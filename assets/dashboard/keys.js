// The keyboard shortcuts, and the dialog that lists them.

import { openDialog } from './dialog.js';
import { element } from './element.js';

const KEYS = [
  [['/'], 'to the filter'],
  [['j', '↓'], 'next row'],
  [['k', '↑'], 'previous row'],
  [['Home', 'End'], 'first and last row'],
  [['Enter'], 'open the row'],
  [['r'], 'refresh the order'],
  [['g', 'f'], 'fleet'],
  [['g', 's'], 'sources'],
  [['n'], 'new autoscaler'],
  [['?'], 'this list'],
];

export function showKeys() {
  return openDialog({
    title: 'Keyboard shortcuts',
    content: element(
      'dl',
      { class: 'keys' },
      KEYS.map(([keys, meaning]) =>
        element(
          'div',
          {},
          element(
            'dt',
            {},
            keys.map((key) => [element('kbd', {}, key), ' ']),
          ),
          element('dd', {}, meaning),
        ),
      ),
    ),
    actions: [{ label: 'Close', value: '' }],
  });
}

/** Whether a key press is meant for the page and not for a field, a dialog or the browser. */
export function isShortcut(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (document.querySelector('dialog[open]')) return false;
  return !event.target.closest?.('input, textarea, select, [contenteditable]');
}

/** The shortcuts that work on every page. */
export function startKeys(navigate) {
  const after = { f: '#/', s: '#/sources' };
  let sinceG = -Infinity;
  document.addEventListener('keydown', (event) => {
    if (!isShortcut(event)) return;
    if (event.key === '?') showKeys();
    else if (event.key === 'n') navigate('#/new');
    else if (event.key === 'g') sinceG = event.timeStamp;
    else if (after[event.key] && event.timeStamp - sinceG < 1_000) navigate(after[event.key]);
    else return;
    event.preventDefault();
  });
}
