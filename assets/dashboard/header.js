// The bar on top of every page.

import { brakeSwitch } from './brake.js';
import { connectionState } from './connection.js';
import { element, replaceChildren, setAttribute, svgElement } from './element.js';
import { identityButton } from './identity.js';
import { showKeys } from './keys.js';
import { themeSwitch } from './theme_switch.js';

const PAGES = [
  { page: 'fleet', href: '#/', label: 'Fleet' },
  { page: 'sources', href: '#/sources', label: 'Sources' },
];

/** Fills `bar`; returns the function that marks the current page. */
export function buildHeader({ bar, banner, api, events, session, signOut }) {
  const links = PAGES.map(({ page, href, label }) => element('a', { href, 'data-page': page }, label));
  const keys = element(
    'button',
    {
      type: 'button',
      class: 'button button-quiet button-icon hide-on-touch',
      'aria-label': 'Keyboard shortcuts',
      'data-tip': 'Keyboard shortcuts (?)',
      onclick: showKeys,
    },
    '?',
  );
  replaceChildren(
    bar,
    element(
      'a',
      { class: 'bar-brand', href: '#/', 'aria-label': 'AI Storage Orchestrator, fleet' },
      mark(),
      element('span', {}, 'AI Storage Orchestrator'),
    ),
    element('nav', { class: 'bar-nav', 'aria-label': 'Pages' }, links),
    element(
      'div',
      { class: 'bar-end' },
      connectionState(events),
      brakeSwitch({ api, events, session, banner }),
      themeSwitch(),
      keys,
      identityButton({ session, signOut }),
    ),
  );
  return (page) => {
    for (const link of links) setAttribute(link, 'aria-current', link.dataset.page === page ? 'page' : null);
  };
}

function mark() {
  return svgElement(
    'svg',
    { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svgElement('path', { d: 'M2 12.5h4v-4h4v-5h4', fill: 'none', stroke: 'var(--accent)', 'stroke-width': 2 }),
  );
}
