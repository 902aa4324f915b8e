// Builds elements. Text goes in as text nodes only, so no name, label or message can become markup.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An HTML element. Attributes: `on...` are listeners, true and false switch one, null leaves it out; strings among
 * the children are text.
 */
export function element(name, attributes = {}, ...children) {
  return built(document.createElement(name), attributes, children);
}

/** An SVG element; otherwise as `element`. */
export function svgElement(name, attributes = {}, ...children) {
  return built(document.createElementNS(SVG, name), attributes, children);
}

/** Puts these children in place of those that are there. */
export function replaceChildren(parent, ...children) {
  parent.replaceChildren(...nodes(children));
}

/** Sets a text only when it changed: setting it anyway costs layout and wakes screen readers. */
export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Sets an attribute only when it changed; null and false remove it. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
    return;
  }
  const wanted = value === true ? '' : String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

function built(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'style')
      throw new TypeError('the content security policy forbids style attributes: use a class, or node.style');
    else setAttribute(node, name, value);
  }
  node.append(...nodes(children));
  return node;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}
