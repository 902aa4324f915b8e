// The form that creates an autoscaler.

import { element, replaceChildren } from '../element.js';

/** Shows the form in `root`; returns the function that ends it. */
export function mount(root) {
  replaceChildren(root, element('h1', {}, 'New autoscaler'));
  return () => {};
}
