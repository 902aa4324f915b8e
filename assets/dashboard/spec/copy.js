// A dialog that shows a definition or a request as text, and copies it.

import { openDialog } from '../dialog.js';
import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { curl, prettyJson, yaml } from './export.js';

/** Shows `request` as curl, and `value` as YAML and JSON. The token is never among it, a variable stands in its place. */
export function openCopy({ title, api, request, value }) {
  const texts = {
    curl: () => curl({ ...request, withToken: api.hasToken }),
    YAML: () => yaml(value),
    JSON: () => prettyJson(value),
  };
  const code = element('pre', { class: 'code copy-text', tabindex: '0', 'aria-label': 'Text to copy' });
  const said = element('span', { role: 'status', class: 'faint' });
  let current = '';
  const tabs = Object.keys(texts).map((name) =>
    element('button', { type: 'button', class: 'segment', 'aria-pressed': 'false', onclick: () => show(name) }, name));
  const show = (name) => {
    current = texts[name]();
    replaceChildren(code, current);
    setText(said, '');
    for (const tab of tabs) setAttribute(tab, 'aria-pressed', tab.textContent === name ? 'true' : 'false');
  };
  const copy = async () => setText(said, (await copied(current, code)) ? 'Copied.' : 'The browser refused: select the text and copy it.');
  show('curl');
  return openDialog({
    title,
    content: element('div', { class: 'copy' },
      element('div', { class: 'copy-head' }, element('div', { class: 'segments', role: 'group', 'aria-label': 'Format' }, tabs),
        element('button', { type: 'button', class: 'button button-primary', onclick: copy }, 'Copy'), said),
      code),
    actions: [{ label: 'Close', value: '' }],
  });
}

/** Copies; where the page is not served over HTTPS the clipboard is only reachable by selecting. */
async function copied(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand('copy');
  }
}
