// From a definition to what the form holds, and back; faults; and the smallest merge patch. Pure.

import { FIELDS, GROUPS, MOST_POLICIES, RATE_FIELDS, TARGETS_GROUP } from './fields.js';

const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const INT32 = 2 ** 31 - 1;

function read(spec, path) {
  return path.split('.').reduce((value, key) => value?.[key], spec);
}

function write(spec, path, value) {
  const keys = path.split('.');
  const last = keys.pop();
  const parent = keys.reduce((object, key) => (object[key] ??= {}), spec);
  parent[last] = value;
}

/** What the form holds for `field` when the definition has `value`: texts, or rows of texts for rate limits. */
function held(field, value) {
  if (field.kind === 'policies') {
    return (value ?? []).map((policy) => Object.fromEntries(RATE_FIELDS.map(({ path }) => [path, String(policy[path] ?? '')])));
  }
  if (value === undefined || value === null || (field.zeroIsNone && value === 0)) return '';
  return String(value);
}

/** The form of a new autoscaler. */
export function emptyForm() {
  return Object.fromEntries(FIELDS.map((field) => [field.path, field.kind === 'policies' ? [] : field.initial ?? '']));
}

/** The form of an existing definition. */
export function formOf(spec) {
  return Object.fromEntries(FIELDS.map((field) => [field.path, held(field, read(spec, field.path))]));
}

/** A rate limit as it is when one is added. */
export function newRateLimit() {
  return Object.fromEntries(RATE_FIELDS.map(({ path, initial }) => [path, initial ?? '']));
}

/** Why `text` is not a value of `field`, or null. */
function faultOf(field, text) {
  if (text === '') return field.required ? 'is required' : null;
  switch (field.kind) {
    case 'integer': {
      if (!/^-?\d+$/.test(text)) return 'must be a whole number';
      const value = Number(text);
      if (field.most !== undefined && (value < field.least || value > field.most)) {
        return `must be between ${field.least} and ${field.most}`;
      }
      if (value < field.least) return `must be at least ${field.least}`;
      return value > INT32 ? `must be at most ${INT32}` : null;
    }
    case 'number': {
      const value = Number(text);
      if (!Number.isFinite(value)) return 'must be a number';
      return value < field.least ? `must be at least ${field.least}` : null;
    }
    case 'label':
      return text.length <= 63 && LABEL.test(text) ? null
        : "must be at most 63 lower case letters, digits or '-', starting and ending with a letter or digit";
    case 'subdomain':
      return text.length <= 253 && text.split('.').every((part) => LABEL.test(part)) ? null
        : "must be at most 253 lower case letters, digits, '-' or '.', starting and ending with a letter or digit";
    default:
      return null;
  }
}

function valueOf(field, text) {
  return field.kind === 'integer' || field.kind === 'number' ? Number(text) : text;
}

/**
 * The definition that the form says, and what is wrong with it as `{path, message}`, where the path may be that of a group.
 * What is empty is left out. `omitDefaults` leaves out as well what has its default.
 */
export function definitionOf(form, { omitDefaults = false } = {}) {
  const spec = {};
  const faults = [];
  for (const field of FIELDS) {
    if (field.kind === 'policies') {
      const { policies, faults: its } = rateLimits(field.path, form[field.path]);
      faults.push(...its);
      if (policies.length > 0) write(spec, field.path, policies);
      continue;
    }
    const text = form[field.path].trim();
    const message = faultOf(field, text);
    if (message) faults.push({ path: field.path, message });
    else if (text !== '' && !(field.zeroIsNone && Number(text) === 0)
      && !(omitDefaults && !field.required && text === field.initial)) write(spec, field.path, valueOf(field, text));
  }
  const at = (path) => faults.some((fault) => fault.path === path);
  if (!at('min_replicas') && !at('max_replicas') && spec.max_replicas < spec.min_replicas) {
    faults.push({ path: 'max_replicas', message: 'must be greater than or equal to min_replicas' });
  }
  const targets = GROUPS.find((group) => group.id === TARGETS_GROUP).fields.map(({ path }) => path);
  if (!targets.some((path) => spec[path] > 0) && !targets.some(at)) {
    faults.push({ path: TARGETS_GROUP, message: 'at least one target is required' });
  }
  return { spec, faults };
}

function rateLimits(path, rows) {
  const faults = [];
  const policies = rows.map((row, index) => {
    const policy = {};
    for (const field of RATE_FIELDS) {
      const text = row[field.path].trim();
      const message = faultOf(field, text);
      if (message) faults.push({ path: `${path}[${index}].${field.path}`, message });
      else policy[field.path] = valueOf(field, text);
    }
    return policy;
  });
  if (rows.length > MOST_POLICIES) faults.push({ path, message: `must be at most ${MOST_POLICIES}` });
  return { policies, faults };
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The smallest merge patch (RFC 7396) that makes `after` of `before`; null when they are the same. */
export function mergePatch(before, after) {
  const patch = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!(key in after)) patch[key] = null;
    else if (isObject(before[key]) && isObject(after[key])) {
      const inner = mergePatch(before[key], after[key]);
      if (inner) patch[key] = inner;
    } else if (!same(before[key], after[key])) patch[key] = after[key];
  }
  return Object.keys(patch).length > 0 ? patch : null;
}

/** The patch that `edited` asks of an autoscaler whose form is `original`; null when it changes nothing. */
export function patchOf(original, edited) {
  return mergePatch(definitionOf(original).spec, definitionOf(edited).spec);
}

/** The paths of the fields in which two forms differ. */
export function changedPaths(a, b) {
  return FIELDS.map(({ path }) => path).filter((path) => !same(a[path], b[path]));
}

/** `edited` when the definition that it began with became another: what was not touched follows. */
export function rebase(edited, before, after) {
  return Object.fromEntries(FIELDS.map(({ path }) => [path, same(edited[path], before[path]) ? after[path] : edited[path]]));
}

const PATH = /^[a-z_]+(?:\.[a-z_]+|\[\d+\])*/;

/**
 * The service's own words about a request, sorted to the fields that they name: `{fields: Map of path to text, rest: [text]}`.
 * Nothing is left out and nothing is reworded.
 */
export function sortFaults(details) {
  const fields = new Map();
  const rest = [];
  const paths = new Set(FIELDS.map(({ path }) => path));
  const add = (path, text) => fields.set(path, fields.has(path) ? `${fields.get(path)}; ${text}` : text);
  for (const text of details.split('; ')) {
    const path = PATH.exec(text)?.[0] ?? '';
    if (paths.has(path) || paths.has(path.replace(/\[\d+\].*$/, ''))) add(path, text);
    else if (text.startsWith('at least one of target_')) add(TARGETS_GROUP, text);
    else rest.push(text);
  }
  return { fields, rest };
}
