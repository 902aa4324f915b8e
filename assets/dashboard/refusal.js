// Why the service did not show or do something, in words. Pure.

import { duration } from './format.js';

/** Whether rights are missing: asking again does not help until somebody grants them. */
export function isForbidden(error) {
  return error.status === 403;
}

/**
 * `{title, text}` of an ApiError, or of whatever was thrown. `forbidden` is the title when rights are missing; the text
 * says which.
 */
export function refusalOf(error, forbidden) {
  const rights = isForbidden(error) && error.error === 'Forbidden';
  const title = rights ? forbidden : (error.error ?? error.message);
  return { title, text: [sentence(error.details ?? ''), whenAgain(error)].filter(Boolean).join(' ') };
}

/** The same on one line. */
export function refusalLine(error, forbidden) {
  const { title, text } = refusalOf(error, forbidden);
  return text === '' ? title : `${title}: ${text}`;
}

function whenAgain({ retryAfter }) {
  return retryAfter ? `It can be tried again in ${duration(Math.ceil(retryAfter / 1_000))}.` : '';
}

function sentence(text) {
  return text === '' || /[.!?…]$/.test(text) ? text : `${text}.`;
}
