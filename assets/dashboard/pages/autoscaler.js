// The page of one autoscaler.

import { element, replaceChildren } from '../element.js';

/** Shows the autoscaler `id` in `root`; returns the function that ends it. */
export function mount(root, { id }) {
  replaceChildren(root, element('h1', {}, id));
  return () => {};
}
