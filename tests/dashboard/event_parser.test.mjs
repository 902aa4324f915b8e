import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventParser } from '../../assets/dashboard/event_parser.js';

const STREAM =
  ': keep-alive\n\nid: 7\nevent: action\ndata: {"a":\ndata: 1}\n\nevent: fleet\r\ndata:x\r\n\r\ndata\n\nevent: nothing\n\n';
const EVENTS = [
  { type: 'action', data: '{"a":\n1}', id: '7' },
  { type: 'fleet', data: 'x', id: undefined },
  { type: 'message', data: '', id: undefined },
];

test('a stream is read, wherever its pieces end', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    assert.deepEqual(events, EVENTS, `pieces of ${size}`);
  }
});

test('an event that has not ended is not told', () => {
  const parser = new EventParser();
  assert.deepEqual(parser.push('event: row\ndata: {}\n'), []);
  assert.deepEqual(parser.push('\n'), [{ type: 'row', data: '{}', id: undefined }]);
});
