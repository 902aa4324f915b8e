// A definition or a request as text to copy: shell, YAML, JSON. Pure.

/** What stands for the token in a copied command. */
export const TOKEN_VARIABLE = 'AUTOSCALER_TOKEN';

/** `text` as one word of a POSIX shell. */
export function shellQuote(text) {
  if (/^[A-Za-z0-9_\/:=.,@%+-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A request as a curl command. `withToken` adds the header with a variable in the token's place, never the token. */
export function curl({ method, url, body, withToken = false }) {
  const lines = [`curl -X ${method} ${shellQuote(url)}`];
  if (withToken) lines.push(`-H "Authorization: Bearer $${TOKEN_VARIABLE}"`);
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${shellQuote(JSON.stringify(body))}`);
  return lines.join(' \\\n  ');
}

// What a YAML 1.1 or 1.2 parser takes for a string, and for nothing else, without quotes.
const PLAIN = /^[A-Za-z_\/][A-Za-z0-9_\/.-]*$/;
const NOT_A_STRING = /^(?:y|n|yes|no|true|false|on|off|null|nan|inf)$/i;

/** A string, number, boolean or null as a YAML scalar. */
export function yamlScalar(value) {
  if (typeof value !== 'string') return JSON.stringify(value ?? null);
  // A JSON string is a double-quoted YAML scalar, once the line breaks that only YAML knows are escaped as well.
  const quoted = () => JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (character) =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return PLAIN.test(value) && !NOT_A_STRING.test(value) ? value : quoted();
}

const isNested = (value) => value !== null && typeof value === 'object';
const isEmpty = (value) => Object.keys(value).length === 0;

function yamlLines(value) {
  if (!isNested(value)) return [yamlScalar(value)];
  if (isEmpty(value)) return [Array.isArray(value) ? '[]' : '{}'];
  if (Array.isArray(value)) {
    return value.flatMap((item) => yamlLines(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  return Object.entries(value).flatMap(([key, its]) => {
    if (!isNested(its) || isEmpty(its)) return [`${yamlScalar(key)}: ${yamlLines(its)[0]}`];
    return [`${yamlScalar(key)}:`, ...yamlLines(its).map((line) => `  ${line}`)];
  });
}

/** A value of JSON as YAML, in block style. */
export function yaml(value) {
  return `${yamlLines(value).join('\n')}\n`;
}

/** A value as JSON for people. */
export function prettyJson(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
