// Whether what is shown is live, and how old it is.

import { element, setAttribute, setText } from './element.js';
import { duration } from './format.js';

const WORDS = {
  connecting: 'connecting',
  live: 'live',
  reconnecting: 'reconnecting',
  offline: 'offline',
  refused: 'no access',
  paused: 'paused',
};
const TIPS = {
  connecting: 'Opening the stream of events',
  live: 'Changes appear as they happen',
  reconnecting: 'The stream of events was cut; it is opened again by itself, and what was missed is fetched',
  offline:
    'The service cannot be reached. What is shown is as old as it says. Tried again by itself at least every 30 s',
  refused: 'The service does not let you follow what happens. What is shown is as old as it says. Tried again every 30 s',
  paused: 'Nothing is fetched while the tab is hidden',
};

/** The word and the age for the header. */
export function connectionState(events) {
  const word = element('span', { class: 'connection-word' });
  const age = element('span', { class: 'connection-age' });
  // Changes of state are said aloud, the age is not.
  const spoken = element('span', { class: 'visually-hidden', role: 'status' });
  const root = element(
    'span',
    { class: 'connection', tabindex: '0', role: 'group', 'aria-label': 'Connection' },
    word,
    age,
    spoken,
  );
  const update = () => {
    const { connection, lastHeard } = events;
    setAttribute(root, 'data-state', connection);
    setAttribute(root, 'data-tip', TIPS[connection]);
    setText(word, WORDS[connection]);
    const seconds = lastHeard === null ? null : (performance.now() - lastHeard) / 1_000;
    // The service speaks up every 15 s at least: less than that is no age.
    setText(age, seconds === null || (connection === 'live' && seconds < 16) ? '' : `data ${duration(seconds)} old`);
  };
  events.on('state', (connection) => {
    update();
    if (connection !== 'connecting' && connection !== 'paused') setText(spoken, `Connection: ${WORDS[connection]}`);
  });
  setInterval(update, 1_000);
  update();
  return root;
}
