// What a change would do, asked of the service while one types.

import { element, replaceChildren } from '../element.js';
import { number, timeOfDay } from '../format.js';
import { refusalLine } from '../refusal.js';

const DEBOUNCE_MS = 350;

/**
 * `{root, ask(patch, faulty), end()}`; a patch of null changes nothing. `onRefused(error)` gets what the service refuses,
 * `onAccepted()` is called when it answered.
 */
export function previewOf({ api, id, onRefused, onAccepted }) {
  const root = element('div', { class: 'preview', role: 'status', 'aria-live': 'polite' });
  let timer = null;
  let asked = null;
  const say = (...content) => replaceChildren(root, ...content);
  const idle = () => say(element('p', { class: 'faint' }, 'Change something to see what it would do: now, and over the last hour.'));
  const stop = () => {
    clearTimeout(timer);
    asked?.abort();
    asked = null;
  };
  const ask = (patch, faulty) => {
    stop();
    if (patch === null && !faulty) return idle();
    if (faulty) return say(element('p', { class: 'faint' }, 'No preview while something is not valid.'));
    root.classList.add('preview-stale');
    timer = setTimeout(async () => {
      const current = new AbortController();
      asked = current;
      try {
        const answer = await api.post(`/autoscaling/${encodeURIComponent(id)}/preview`, patch, { signal: current.signal });
        if (asked !== current) return;
        say(...shown(answer));
        onAccepted();
      } catch (error) {
        if (error.name === 'AbortError' || asked !== current) return;
        say(element('p', { class: 'field-error' }, refusalLine(error, 'You may not see what it would do')));
        onRefused(error);
      } finally {
        if (asked === current) root.classList.remove('preview-stale');
      }
    }, DEBOUNCE_MS);
    return undefined;
  };
  idle();
  return { root, ask, end: stop };
}

function shown(answer) {
  const { as_is: asIs, with_change: changed, past } = answer;
  return [
    element('div', { class: 'preview-facts' },
      fact('Now', changed ? number(changed.desired_replicas) : 'unknown', asIs ? `instead of ${number(asIs.desired_replicas)}` : 'nothing is known of the workload yet',
        changed && asIs ? Math.sign(changed.desired_replicas - asIs.desired_replicas) : 0),
      past && fact(`${timeOfDay(past.from).slice(0, 5)} to ${timeOfDay(past.to).slice(0, 5)}`, signed(past.difference),
        `replica-minutes: ${number(past.replica_minutes_with_change, 1)} instead of ${number(past.replica_minutes_as_is, 1)}`, Math.sign(past.difference))),
    element('p', { class: 'preview-message' }, sentence(answer.message)),
  ];
}

function fact(label, value, note, direction) {
  return element('div', { class: 'preview-fact', 'data-direction': direction > 0 ? 'more' : direction < 0 ? 'less' : 'same' },
    element('span', { class: 'label' }, label), element('span', { class: 'preview-value' }, value), element('span', { class: 'faint' }, note));
}

function signed(value) {
  return value > 0 ? `+${number(value, 1)}` : number(value, 1);
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
