// The sources.

import { element, replaceChildren } from '../element.js';

/** Shows the sources in `root`; returns the function that ends it. */
export function mount(root) {
  replaceChildren(root, element('h1', {}, 'Sources'));
  return () => {};
}
