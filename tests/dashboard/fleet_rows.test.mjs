import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RowPages } from '../../assets/dashboard/fleet/row_pages.js';
import { scrollToShow, visibleRows } from '../../assets/dashboard/fleet/window.js';

const row = (index) => ({ autoscaling_id: `autoscaler-${index}`, workload_name: `w-${index}` });

/** Pages of a fleet of 10,000; `fetched` has the offsets that were asked for, `clock` the time. */
function pages({
  answer = async ({ offset, limit }) => ({
    autoscalers: Array.from({ length: limit }, (_, index) => row(offset + index)),
  }),
} = {}) {
  const clock = { now: 0 };
  const fetched = [];
  const errors = [];
  const rows = new RowPages({
    fetchPage: (request) => {
      fetched.push(request.offset);
      return answer(request);
    },
    onChange: () => {},
    onError: (error) => errors.push(error),
    now: () => clock.now,
  });
  return { rows, fetched, errors, clock };
}

test('the rows on screen, and some more', () => {
  const view = { top: 600, bottom: 1200, rowHeight: 60, count: 10_000 };
  assert.deepEqual(visibleRows(view), { first: 10, end: 20 });
  assert.deepEqual(visibleRows({ ...view, overscan: 5 }), { first: 5, end: 25 });
  assert.deepEqual(visibleRows({ ...view, top: 610 }), { first: 10, end: 20 });
  assert.deepEqual(visibleRows({ ...view, count: 12 }), { first: 10, end: 12 });
  assert.deepEqual(visibleRows({ ...view, count: 0 }), { first: 0, end: 0 });
  assert.deepEqual(visibleRows({ ...view, top: -500, bottom: -100 }), { first: 0, end: 0 });
});

test('a row is scrolled to only when it is not wholly in view', () => {
  const view = { rowHeight: 60, top: 600, viewHeight: 600 };
  assert.equal(scrollToShow({ ...view, index: 10 }), 0);
  assert.equal(scrollToShow({ ...view, index: 9 }), -60);
  assert.equal(scrollToShow({ ...view, index: 20 }), 60);
});

test('each page is fetched once, while it is fresh', async () => {
  const { rows, fetched, clock } = pages();
  await rows.want(90, 110);
  assert.deepEqual(fetched, [0, 100]);
  assert.equal(rows.at(105).workload_name, 'w-105');
  assert.equal(rows.at(305), undefined);
  await rows.want(95, 120);
  assert.deepEqual(fetched, [0, 100]);
  clock.now = 20_000;
  await rows.want(0, 10);
  assert.deepEqual(fetched, [0, 100, 0]);
});

test('a page whose rows are told of is not fetched again, however long it is looked at', async () => {
  const { rows, fetched, clock } = pages();
  await rows.want(0, 10);
  for (clock.now = 0; clock.now < 60_000; clock.now += 10_000) {
    rows.update(row(3));
    await rows.want(0, 10);
  }
  assert.deepEqual(fetched, [0]);
});

test('memory is bounded, however far one scrolls', async () => {
  const { rows } = pages();
  for (let first = 0; first < 10_000; first += 100) await rows.want(first, first + 100);
  assert(rows.known().length <= 800);
  assert.equal(rows.at(9_999).workload_name, 'w-9999');
  assert.equal(rows.update({ ...row(3), workload_name: 'new' }), undefined, 'forgotten rows take no part');
});

test('an event changes the row where it stands', async () => {
  const { rows } = pages();
  await rows.want(0, 10);
  assert.equal(rows.update({ ...row(7), workload_name: 'new' }), 7);
  assert.equal(rows.at(7).workload_name, 'new');
});

test('a refresh takes the new order and forgets the pages that were not asked for', async () => {
  let shift = 0;
  const { rows } = pages({
    answer: async ({ offset, limit }) => ({
      autoscalers: Array.from({ length: limit }, (_, index) => row(offset + index + shift)),
    }),
  });
  await rows.want(0, 200);
  shift = 1;
  await rows.refresh(0, 10);
  assert.equal(rows.at(0).autoscaling_id, 'autoscaler-1');
  assert.equal(rows.at(150), undefined);
  assert.equal(rows.update(row(1)), 0);
});

test('a row that moved to another page is found there', async () => {
  let first = 0;
  const { rows, clock } = pages({
    answer: async ({ offset, limit }) => ({
      autoscalers: Array.from({ length: limit }, (_, index) => row(first + offset + index)),
    }),
  });
  await rows.want(0, 100);
  // All rows move down by ten: the last ones of the first page are on the second one now.
  first = -10;
  await rows.want(100, 200);
  clock.now = 20_000;
  await rows.want(0, 100);
  assert.equal(rows.update(row(95)), 105);
  assert.equal(rows.update(row(85)), 95);
});

test('what is not wanted any more is given up, and is no error', async () => {
  const aborted = [];
  const { rows, errors } = pages({
    answer: ({ offset, signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted.push(offset);
          reject(new DOMException('given up', 'AbortError'));
        }),
      ),
  });
  const first = rows.want(0, 10);
  rows.want(500, 510);
  await first;
  assert.deepEqual(aborted, [0]);
  rows.clear();
  assert.deepEqual(aborted, [0, 500]);
  assert.deepEqual(errors, []);
});

test('an answer that comes after another filter was chosen is not shown', async () => {
  let answer;
  const { rows } = pages({ answer: () => new Promise((resolve) => (answer = resolve)) });
  const wanted = rows.want(0, 10);
  rows.clear();
  answer({ autoscalers: [row(1)] });
  await wanted;
  assert.equal(rows.at(0), undefined);
});

test('a failure is told', async () => {
  const { rows, errors } = pages({ answer: () => Promise.reject(new Error('away')) });
  await rows.want(0, 10);
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['away'],
  );
});
