// The emergency brake: the switch in the header, and the banner while it is on.

import { confirmed } from './dialog.js';
import { element, replaceChildren, setAttribute, setText } from './element.js';
import { notify } from './notices.js';

/** The switch for the header. It keeps `banner` as well, and follows what the events say. */
export function brakeSwitch({ api, events, session, banner }) {
  let mode = null;
  const word = element('span', { class: 'brake-word' }, '…');
  const button = element(
    'button',
    { type: 'button', class: 'brake', disabled: true, onclick: () => toggle() },
    element('span', { class: 'brake-lamp', 'aria-hidden': 'true' }),
    word,
  );

  events.on('fleet', ({ totals }) => show(totals?.mode ?? 'active'));
  session.on(() =>
    api.get('/mode').then(
      (answer) => show(answer.mode),
      () => {
        // The events tell it as soon as the service can be reached.
      },
    ),
  );
  return button;

  function show(now) {
    if (now === mode) return;
    mode = now;
    button.disabled = false;
    const isOn = mode === 'observe';
    setText(word, isOn ? 'Observing' : 'Scaling');
    setAttribute(button, 'data-mode', mode);
    setAttribute(
      button,
      'aria-label',
      isOn ? 'Emergency brake is on. Release it' : 'Scaling is on. Put the emergency brake on',
    );
    setAttribute(
      button,
      'data-tip',
      isOn
        ? 'The emergency brake is on: nothing is scaled. Press to release it'
        : 'All autoscalers scale. Press to put the emergency brake on',
    );
    replaceChildren(
      banner,
      isOn &&
        element(
          'div',
          { class: 'banner' },
          element('strong', {}, 'Emergency brake on.'),
          element('span', {}, 'Every autoscaler goes on deciding, and nothing is scaled.'),
          element('button', { type: 'button', class: 'button', onclick: () => toggle() }, 'Release the brake…'),
        ),
    );
  }

  async function toggle() {
    const wanted = mode === 'observe' ? 'active' : 'observe';
    const isDone = await confirmed({
      ...(wanted === 'observe'
        ? {
            title: 'Put the emergency brake on?',
            text: [
              'Every autoscaler goes on deciding and records what it would do, but nothing is scaled until the brake is released.',
              'It holds for the whole service and for everybody.',
            ],
            confirm: 'Stop all scaling',
            danger: true,
          }
        : {
            title: 'Release the emergency brake?',
            text: 'Every autoscaler may scale its workload again, at its next evaluation.',
            confirm: 'Let them scale',
          }),
      forbidden: 'You may not switch the brake',
      perform: async () => show((await api.put('/mode', { mode: wanted })).mode),
    });
    if (!isDone) return;
    notify(
      wanted === 'observe'
        ? 'The emergency brake is on; nothing is scaled from now on.'
        : 'The emergency brake is released.',
    );
  }
}
