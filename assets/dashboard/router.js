// Which page an address names. All addresses are hashes, so the service serves one document.

/**
 * `{page, id, query}` of a hash as in `location.hash`. Page is `fleet`, `autoscaler`, `create`, `sources` or
 * `missing`.
 */
export function route(hash) {
  const [path, search = ''] = splitOnce(hash.replace(/^#/, ''), '?');
  const query = Object.fromEntries(new URLSearchParams(search));
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 0) return { page: 'fleet', query };
  if (parts.length === 1 && parts[0] === 'sources') return { page: 'sources', query };
  if (parts.length === 1 && parts[0] === 'new') return { page: 'create', query };
  if (parts.length === 2 && parts[0] === 'autoscalers') return { page: 'autoscaler', id: decoded(parts[1]), query };
  return { page: 'missing', query };
}

/** The fleet's address with these filters; empty ones are left out. */
export function fleetAddress(query = {}) {
  const search = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined),
  );
  const text = search.toString();
  return text === '' ? '#/' : `#/?${text}`;
}

/** The address of one autoscaler's page. */
export function autoscalerAddress(id) {
  return `#/autoscalers/${encodeURIComponent(id)}`;
}

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
