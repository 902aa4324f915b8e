// The fleet: every autoscaler, what needs attention first.

import { element, replaceChildren, setText } from '../element.js';
import { counted, number } from '../format.js';
import { beginning } from '../fleet/beginning.js';
import { Feed, actionsOfRows } from '../fleet/feed.js';
import { FilterBar, filtersOf, isFiltering, queryOf } from '../fleet/filters.js';
import { RowPages } from '../fleet/row_pages.js';
import { FleetTable } from '../fleet/table.js';
import { Totals } from '../fleet/totals.js';
import { isShortcut } from '../keys.js';
import { isForbidden, refusalOf } from '../refusal.js';
import { autoscalerAddress, fleetAddress } from '../router.js';
import { sighted } from '../server_clock.js';

const SETTLED_MS = 200;
/** The order is fetched anew at most this often by itself: of a small fleet at once, of a great one it costs more. */
const REFRESH_MS = { small: 2_000, great: 10_000 };
const SMALL_FLEET = 200;
/** How many rows beyond those on screen are watched, so that a little scrolling needs no new stream. */
const WATCHED_BEYOND = 40;

/** Where the fleet was left, for who comes back from a row. */
let left = { address: null };

/** Shows the fleet in `root`; returns how to tell it of another query, and how to end it. */
export function mount(root, { query, api, events, session, navigate }) {
  let filters = filtersOf(query);
  let fleet = null;
  let onScreen = { first: 0, end: 0 };
  let refreshedAt = performance.now();
  let isOrderOld = false;
  let settle = null;
  let seeded = false;
  let hasFailed = false;
  let retry = null;
  let wasCut = events.connection === 'offline';

  const pages = new RowPages({
    fetchPage: ({ offset, limit, signal }) => api.get('/fleet', { query: { ...filters, offset, limit }, signal }),
    onChange: arrived,
    onError: showFailure,
  });
  const totals = new Totals((attention) => choose({ attention: attention === filters.attention ? '' : attention }));
  const bar = new FilterBar(choose);
  const table = new FleetTable({
    rowAt: (index) => pages.at(index),
    onView: viewed,
    open: (row) => navigate(autoscalerAddress(row.autoscaling_id)),
  });
  const feed = new Feed();
  const summary = element('span', { role: 'status' });
  const refreshButton = element(
    'button',
    { type: 'button', class: 'button-link', hidden: true, onclick: () => refresh(), 'aria-keyshortcuts': 'r' },
    'The order has changed: refresh',
  );
  const instead = element('div', { class: 'grid-instead', hidden: true });
  const card = element(
    'section',
    { class: 'card fleet-card', 'aria-label': 'Fleet' },
    table.root,
    instead,
    element('div', { class: 'fleet-foot' }, summary, refreshButton),
  );
  root.classList.add('fleet-is-loading');
  replaceChildren(
    root,
    element('h1', { class: 'visually-hidden' }, 'Fleet'),
    totals.root,
    bar.root,
    element('div', { class: 'fleet-body' }, card, feed.root),
  );

  const ends = [
    events.on('fleet', fleetChanged),
    events.on('row', rowChanged),
    events.on('action', (action) => {
      sighted(action.at);
      feed.add(action);
    }),
    events.on('reset', () => refresh()),
    events.on('state', (connection) => {
      if (connection === 'live' && wasCut) refresh();
      wasCut = connection !== 'live';
    }),
  ];
  const ordering = setInterval(refreshWhenIdle, 1_000);
  document.addEventListener('keydown', pressed);
  showFilters();
  pages.want(0, 1);

  return {
    changed(newQuery) {
      filters = filtersOf(newQuery);
      showFilters();
      start();
    },
    unmount() {
      left = { address: fleetAddress(queryOf(filters)), place: table.place };
      ends.forEach((end) => end());
      clearInterval(ordering);
      clearTimeout(settle);
      clearTimeout(retry);
      document.removeEventListener('keydown', pressed);
      pages.clear();
      for (const part of [table, bar, feed]) part.unmount();
    },
  };

  function choose(changes) {
    navigate(fleetAddress(queryOf({ ...filters, ...changes })), { replace: true });
  }

  function showFilters() {
    bar.show(filters);
    totals.setAttention(filters.attention);
  }

  function start() {
    hasFailed = false;
    clearTimeout(retry);
    pages.clear();
    table.toTop();
    isOrderOld = false;
    onScreen = { first: 0, end: 0 };
    pages.want(0, 1);
  }

  function refresh() {
    refreshedAt = performance.now();
    isOrderOld = false;
    refreshButton.hidden = true;
    return pages.refresh(onScreen.first, onScreen.end);
  }

  function arrived(answer) {
    sighted(answer.at, true);
    const isFirst = fleet === null;
    fleet = { total: answer.total, counts: answer.counts, matching: answer.matching };
    totals.update(answer);
    bar.setNamespaces(answer.namespaces, filters.namespace);
    table.setCount(answer.matching, filters.sort);
    table.changed();
    // Rows tell what happened before, but not of those that are not here.
    if (!seeded && answer.autoscalers.length === answer.total) feed.seed(actionsOfRows(answer.autoscalers));
    seeded = true;
    setText(
      summary,
      isFiltering(filters)
        ? `${number(answer.matching)} of ${counted(answer.total, 'autoscaler')}`
        : counted(answer.total, 'autoscaler'),
    );
    showInstead(answer);
    if (isFirst && left.address === fleetAddress(queryOf(filters))) table.goTo(left.place);
  }

  function showInstead({ total, matching }) {
    root.classList.remove('fleet-is-loading');
    root.classList.toggle('fleet-is-empty', total === 0);
    table.root.hidden = matching === 0;
    instead.hidden = matching > 0;
    if (matching > 0) return;
    replaceChildren(
      instead,
      total === 0
        ? beginning(location.origin, { hasToken: api.hasToken, seesAll: session.identity?.mode !== 'kubernetes' })
        : element(
            'div',
            { class: 'empty' },
            element('p', {}, 'No autoscaler matches these filters.'),
            element(
              'button',
              { type: 'button', class: 'button', onclick: () => navigate(fleetAddress(), { replace: true }) },
              'Show all',
            ),
          ),
    );
  }

  function showFailure(error) {
    // What is shown stays, and the header says how old it is; but not what may not be seen any more.
    if (fleet !== null && !isForbidden(error)) return;
    fleet = null;
    pages.clear();
    if (isForbidden(error)) feed.clear();
    events.watch([]);
    setText(summary, '');
    refreshButton.hidden = true;
    hasFailed = !isForbidden(error) && error.retryAfter === null;
    if (error.retryAfter !== null) retry = setTimeout(start, error.retryAfter);
    const { title, text } = refusalOf(error, 'You may not see these autoscalers');
    root.classList.remove('fleet-is-loading');
    table.root.hidden = true;
    instead.hidden = false;
    replaceChildren(
      instead,
      element(
        'div',
        { class: 'empty' },
        element('h2', {}, title),
        element('p', { class: 'foreign' }, text),
        element('button', { type: 'button', class: 'button', onclick: () => start() }, 'Try again'),
      ),
    );
  }

  /** Fetches and watches what is on screen once the scrolling has paused. */
  function viewed(range) {
    const isSame = range.first === onScreen.first && range.end === onScreen.end;
    onScreen = range;
    if (isSame && settle !== null) return;
    clearTimeout(settle);
    settle = setTimeout(
      () => {
        settle = null;
        if (onScreen.end > onScreen.first) pages.want(onScreen.first, onScreen.end);
        watchOnScreen();
      },
      isSame ? 1_000 : SETTLED_MS,
    );
  }

  function watchOnScreen() {
    const inSight = pages.ids(onScreen.first, onScreen.end);
    const watched = new Set(events.watched);
    if (inSight.length === 0 || inSight.every((id) => watched.has(id))) return;
    events.watch(pages.ids(Math.max(0, onScreen.first - WATCHED_BEYOND), onScreen.end + WATCHED_BEYOND));
  }

  function rowChanged(row) {
    if (row.updated_at) sighted(row.updated_at);
    if (pages.update(row) !== undefined) table.changed();
  }

  function fleetChanged(event) {
    totals.update(event);
    if (fleet === null) {
      if (hasFailed) start();
      return;
    }
    const isAnotherTotal = event.total !== fleet.total;
    const areOtherCounts = JSON.stringify(event.counts) !== JSON.stringify(fleet.counts);
    fleet = { ...fleet, total: event.total, counts: event.counts };
    const dependsOnCounts = filters.sort === 'attention' || filters.attention !== '' || filters.status !== '';
    if (isAnotherTotal || (areOtherCounts && dependsOnCounts)) isOrderOld = true;
    refreshWhenIdle();
  }

  /** Nothing jumps under the pointer or away from the focus: who is in the table is asked instead. */
  function refreshWhenIdle() {
    if (!isOrderOld || fleet === null) return;
    const every = fleet.total <= SMALL_FLEET ? REFRESH_MS.small : REFRESH_MS.great;
    if (performance.now() - refreshedAt < every) return;
    if (table.hasAttention && fleet.matching > 0) refreshButton.hidden = false;
    else refresh();
  }

  function pressed(event) {
    if (!isShortcut(event)) return;
    const action = {
      '/': () => bar.focus(),
      j: () => table.move(1),
      k: () => table.move(-1),
      ArrowDown: () => event.target === document.body && table.move(1),
      r: () => refresh(),
    }[event.key];
    if (!action || action() === false) return;
    event.preventDefault();
  }
}
