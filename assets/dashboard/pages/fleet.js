// The fleet.

import { element, replaceChildren } from '../element.js';

/** Shows the fleet in `root`; returns the function that ends it. */
export function mount(root) {
  replaceChildren(root, element('h1', {}, 'Fleet'));
  return () => {};
}
