// Starts the dashboard and shows the page that the address names.

import { Api } from './api.js';
import { dismissDialogs } from './dialog.js';
import { element, replaceChildren } from './element.js';
import { EventStream } from './events.js';
import { buildHeader } from './header.js';
import { startKeys } from './keys.js';
import { askForToken } from './login.js';
import { clearNotices } from './notices.js';
import { route } from './router.js';
import { Session } from './session.js';
import { startTooltips } from './tooltip.js';

const TITLES = {
  fleet: 'Fleet',
  autoscaler: 'Autoscaler',
  create: 'New autoscaler',
  sources: 'Sources',
  missing: 'Not found',
};
/**
 * A hidden tab lets go of its stream after this time: browsers allow only six connections to one service, over all
 * tabs.
 */
const HIDDEN_MS = 10_000;

const session = new Session(({ again }) => askForToken({ again, whoHas: (token) => api.whoHas(token) }));
const api = new Api({ base: document.baseURI.split('#')[0], session });
const events = new EventStream({ url: (query) => api.url('/events', query), session });

const root = document.getElementById('page');
const markPage = buildHeader({
  bar: document.getElementById('bar'),
  banner: document.getElementById('banner'),
  api,
  events,
  session,
  signOut,
});
let shown = { key: null, mounted: null };

/** Goes to an address such as `#/sources`. `replace` leaves no entry in the browser's history. */
function navigate(hash, { replace = false } = {}) {
  if (!replace) {
    location.hash = hash;
    return;
  }
  history.replaceState(null, '', hash);
  show();
}

/**
 * Shows the page of the current address. A page whose query alone changed is told so, if it wants to know, and stays.
 */
async function show() {
  const { page, id = null, query } = route(location.hash);
  const key = JSON.stringify([page, id]);
  if (key === shown.key) {
    shown.mounted?.changed?.(query);
    return;
  }
  unmount();
  const entry = { key, mounted: null };
  shown = entry;
  markPage(page);
  document.title = `${TITLES[page]} · AI Storage Orchestrator`;
  replaceChildren(root);
  root.className = `page page-${page}`;
  try {
    const module = page === 'missing' ? { mount: mountMissing } : await import(`./pages/${page}.js`);
    if (shown !== entry) return;
    window.scrollTo(0, 0);
    const mounted = module.mount(root, { id, query, api, events, session, navigate });
    entry.mounted = typeof mounted === 'function' ? { unmount: mounted } : mounted;
  } catch (error) {
    if (shown === entry) replaceChildren(root, failure(error));
    throw error;
  }
}

function unmount() {
  shown.mounted?.unmount?.();
  events.watch([]);
}

function mountMissing(place) {
  replaceChildren(
    place,
    element(
      'div',
      { class: 'empty' },
      element('h1', {}, 'There is no such page'),
      element('p', {}, element('a', { href: '#/' }, 'To the fleet')),
    ),
  );
  return () => {};
}

function failure(error) {
  return element(
    'div',
    { class: 'message message-failed', role: 'alert' },
    element('strong', {}, 'This page could not be shown'),
    element('span', {}, error.message),
    element(
      'span',
      {},
      'Reload it; if that does not help, the browser may be too old (Chromium 123, Firefox 120 and Safari 17.5 are new enough).',
    ),
  );
}

/** The service says who this is, and asks for a token first where it wants one. */
async function identify() {
  try {
    session.learn(await api.get('/whoami'));
  } catch {
    // It cannot be asked. The page says so, and the stream when it is back.
  }
}

/** Nothing is asked for before it is known who asks. */
async function begin() {
  await identify();
  window.addEventListener('hashchange', show);
  followVisibility();
  events.start();
  show();
}

/** Nothing stays of what somebody else was shown. */
function showAnew() {
  dismissDialogs();
  clearNotices();
  events.restart();
  unmount();
  shown = { key: null, mounted: null };
  show();
}

/** Ends everything and begins anew, which leaves nothing in the page's memory. */
function signOut() {
  session.forget();
  events.pause();
  unmount();
  document.title = 'AI Storage Orchestrator';
  document.body.replaceChildren();
  history.replaceState(null, '', '#/');
  location.reload();
}

/** `focus` moves into the new page, as it would with a new document; the skip link's address is no page. */
function skipToPage(event) {
  event.preventDefault();
  root.focus();
}

function followVisibility() {
  let timer = null;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.visibilityState === 'hidden') timer = setTimeout(() => events.pause(), HIDDEN_MS);
    else events.start();
  });
  window.addEventListener('online', () => events.retryNow());
  window.addEventListener('pagehide', () => events.pause());
  window.addEventListener('pageshow', () => events.start());
}

document.querySelector('.skip-link').addEventListener('click', skipToPage);
startTooltips();
startKeys(navigate);
session.on(({ isAnother }) => isAnother && showAnew());
events.on('state', (connection) => connection === 'live' && session.identity === null && identify());
begin();
