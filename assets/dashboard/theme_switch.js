// The switch between light, dark and the system's theme.

import { element, setAttribute, svgElement } from './element.js';

const ORDER = ['system', 'light', 'dark'];
const NAMES = { system: 'as the system', light: 'light', dark: 'dark' };

export function themeSwitch() {
  const icon = svgElement(
    'svg',
    { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    svgElement('circle', { cx: 8, cy: 8, r: 5.75, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 }),
    svgElement('path', { d: 'M8 2.5a5.5 5.5 0 0 1 0 11z', fill: 'currentColor' }),
  );
  const button = element('button', { type: 'button', class: 'button button-quiet button-icon', onclick: next }, icon);
  let chosen = document.documentElement.dataset.theme ?? 'system';
  describe();
  return button;

  function next() {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    if (chosen === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem('theme', chosen);
    } catch {
      // Storage may be forbidden; the choice then lives as long as the page.
    }
    describe();
  }

  function describe() {
    setAttribute(button, 'aria-label', `Theme: ${NAMES[chosen]}`);
    setAttribute(button, 'data-tip', `Theme: ${NAMES[chosen]}`);
  }
}
