// The top of the page: what is scaled, how it stands, and what is wrong.

import { element, replaceChildren, setAttribute, setText } from '../element.js';
import { ago, duration, metricName, milliseconds, percent, timeOfDay, UNKNOWN } from '../format.js';
import { fleetAddress } from '../router.js';
import { minutes } from '../decisions/details.js';
import { cure } from '../decisions/words.js';

const STATUS = { active: ['active', 'ok'], inactive: ['paused', 'inactive'], failed: ['failed', 'failed'] };
const REFUSALS = ['AbleToScale', 'ScalingActive'];
/** What is wanted, or over at the next evaluation: nothing that anybody has to look at. */
const NO_TROUBLE = new Set(['ObserveOnly', 'NotLeading', 'ObjectChanged']);
const LIMITED = new Set(['TooManyReplicas', 'InsufficientCapacity']);

export class Overview {
  #nodes = {};
  #metrics = new Map();
  #details = null;
  #earliest = null;
  #action = null;
  #interval = 15;
  #said = ''; // what the messages are, so that they are not said again

  /** `actions` are the functions `pause`, `resume`, `copy`, `remove`, `edit`. */
  constructor(actions) {
    const nodes = this.#nodes;
    nodes.title = element('h1', { class: 'overview-title' });
    nodes.crumb = element('p', { class: 'overview-crumb' });
    nodes.status = element('span', { class: 'badge' });
    nodes.mode = element('span', { class: 'badge badge-observe' }, 'observe');
    const button = (label, action, kind = '') => element('button', { type: 'button', class: `button ${kind}`, onclick: () => action() }, label);
    nodes.pause = button('Pause', () => (this.#details.status === 'inactive' ? actions.resume() : actions.pause()));
    nodes.refusal = element('p', { class: 'message foreign', role: 'alert', hidden: true });
    nodes.messages = element('div', { class: 'overview-messages' });
    nodes.current = element('span', { class: 'stat-value' });
    nodes.recommended = element('span', { class: 'stat-value' });
    nodes.bounds = boundsBar();
    nodes.next = element('span', { class: 'stat-text' });
    nodes.nextNote = element('span', { class: 'stat-note' });
    nodes.last = element('span', { class: 'stat-text' });
    nodes.lastNote = element('span', { class: 'stat-note' });
    nodes.metrics = element('div', { class: 'stat-metrics' });
    this.root = element('header', { class: 'overview' },
      element('div', { class: 'overview-head' },
        element('div', { class: 'overview-name' }, nodes.crumb,
          element('div', { class: 'overview-line' }, nodes.title, nodes.status, nodes.mode)),
        element('div', { class: 'overview-actions' },
          nodes.pause, button('Edit', actions.edit), button('Copy as…', actions.copy), button('Delete…', actions.remove, 'button-quiet button-delete'))),
      nodes.refusal,
      nodes.messages,
      element('section', { class: 'card stats', 'aria-label': 'State' },
        element('div', { class: 'stat stat-replicas' },
          element('div', { class: 'stat-pair' },
            stat('Replicas', nodes.current), stat('Recommended', nodes.recommended)),
          nodes.bounds.root),
        nodes.metrics,
        element('div', { class: 'stat stat-words' },
          element('span', { class: 'label' }, 'Last change'), nodes.last, nodes.lastNote),
        element('div', { class: 'stat stat-words' },
          element('span', { class: 'label' }, 'Next possible change'), nodes.next, nodes.nextNote)));
  }

  /** Shows an autoscaler as `GET` answers, with its newest decision and newest action (or null). */
  update(autoscaler, decision, action) {
    const { details, status } = autoscaler;
    this.#details = { status, ...details };
    const nodes = this.#nodes;
    const paused = status === 'inactive';
    setText(nodes.title, details.workload_name);
    replaceChildren(nodes.crumb, element('a', { href: fleetAddress({ namespace: details.workload_namespace }) }, details.workload_namespace),
      ` / ${details.workload_type} · `, element('span', { class: 'mono' }, autoscaler.autoscaling_id), by('created by', details.created_by), by('changed by', details.changed_by));
    const [word, tone] = STATUS[status] ?? [status, 'inactive'];
    setText(nodes.status, word);
    setAttribute(nodes.status, 'class', `badge badge-${tone}`);
    nodes.mode.hidden = details.mode !== 'observe';
    setText(nodes.mode, details.service_mode === 'observe' ? 'observe (whole service)' : 'observe');
    setText(nodes.pause, paused ? 'Resume' : 'Pause');
    this.#say(messages(autoscaler, decision));
    const known = details.updated_at !== undefined && decision?.current_replicas !== null;
    const recommended = decision?.recommended_replicas ?? null;
    setText(nodes.current, known ? details.current_replicas : UNKNOWN);
    setText(nodes.recommended, recommended ?? UNKNOWN);
    setAttribute(nodes.current, 'data-unknown', !known);
    setAttribute(nodes.recommended, 'data-unknown', recommended === null);
    nodes.bounds.update(details.spec, known ? details.current_replicas : null, recommended);
    this.#showMetrics(details.metrics ?? [], details.spec);
    this.#earliest = paused ? null : milliseconds(decision?.earliest_action);
    this.#showLast(action);
    this.#action = action;
    this.#interval = details.spec.interval_seconds;
  }

  /** Says why something was not done; '' takes it away. */
  refused(why) {
    setText(this.#nodes.refusal, why);
    this.#nodes.refusal.hidden = why === '';
  }

  /** Refreshes what depends on the time of day. */
  tick(now) {
    if (!this.#details) return;
    const { next, nextNote, lastNote } = this.#nodes;
    if (this.#action) setText(lastNote, `${timeOfDay(this.#action.at)}, ${ago(this.#action.at, now)}`);
    if (this.#details.status === 'inactive') {
      setText(next, 'paused');
      setText(nextNote, 'nothing is evaluated');
    } else if (this.#details.status === 'failed') {
      setText(next, 'unknown');
      setText(nextNote, 'when it has recovered');
    } else if (this.#details.mode === 'observe') {
      setText(next, 'none');
      setText(nextNote, `only observed; evaluated ${ago(this.#details.updated_at, now)}`);
    } else if (this.#earliest !== null && this.#earliest > now) {
      setText(next, `in ${minutes(this.#earliest - now)}`);
      setText(nextNote, `at ${timeOfDay(this.#earliest)}, if the load stays so`);
    } else {
      setText(next, 'at any evaluation');
      setText(nextNote, `every ${duration(this.#interval)}; evaluated ${ago(this.#details.updated_at, now)}`);
    }
  }

  #say(all) {
    const text = JSON.stringify(all);
    if (text === this.#said) return;
    this.#said = text;
    replaceChildren(this.#nodes.messages, all.map(({ tone, title, text: message, todo }) =>
      element('div', { class: `message message-${tone}`, role: 'status' }, element('strong', {}, title), message && element('span', {}, message),
        todo && element('span', {}, element('strong', {}, 'What to do: '), todo))));
  }

  #showLast(action) {
    const { last, lastNote } = this.#nodes;
    if (!action) {
      setText(last, 'none yet');
      setText(lastNote, 'since it was created');
    } else setText(last, `${action.from} → ${action.to}`);
    setAttribute(last, 'data-tip', action?.because || null);
  }

  #showMetrics(metrics, spec) {
    const withTarget = ['cpu', 'memory', 'gpu', 'gpu_memory'].filter((name) => spec[`target_${name}_percent`] !== undefined);
    const wanted = new Set(withTarget);
    for (const [name, gauge] of this.#metrics) {
      if (wanted.has(name)) continue;
      gauge.root.remove();
      this.#metrics.delete(name);
    }
    for (const name of withTarget) {
      if (!this.#metrics.has(name)) {
        const gauge = metricGauge(name);
        this.#metrics.set(name, gauge);
        this.#nodes.metrics.append(gauge.root);
      }
      this.#metrics.get(name).update(metrics.find((metric) => metric.name === name), spec[`target_${name}_percent`]);
    }
  }
}

/** Who did something, where that is known. */
function by(what, who) {
  return who ? [` · ${what} `, element('span', { class: 'foreign' }, who)] : null;
}

function stat(label, value) {
  return element('div', { class: 'stat-one' }, element('span', { class: 'label' }, label), value);
}

/** Where the count and the recommendation are between the bounds. */
function boundsBar() {
  const fill = element('span', { class: 'bounds-fill' });
  const wanted = element('span', { class: 'bounds-wanted' });
  const [least, most] = [element('span', {}), element('span', {})];
  const root = element('div', { class: 'bounds' }, element('div', { class: 'bounds-track', 'aria-hidden': 'true' }, fill, wanted),
    element('div', { class: 'bounds-ends' }, least, most));
  const update = ({ min_replicas: min, max_replicas: max }, current, recommended) => {
    const place = (count) => `${(100 * Math.min(1, Math.max(0, (count - min) / Math.max(1, max - min)))).toFixed(1)}%`;
    setText(least, `min ${min}`);
    setText(most, `max ${max}`);
    fill.style.width = current === null ? '0%' : place(current);
    wanted.hidden = recommended === null;
    if (recommended !== null) wanted.style.left = place(recommended);
  };
  return { root, update };
}

/** A value against its target. */
function metricGauge(name) {
  const value = element('span', { class: 'stat-value' });
  const against = element('span', { class: 'stat-against' });
  const fill = element('span', { class: 'gauge-fill' });
  const mark = element('span', { class: 'gauge-target' });
  const track = element('div', { class: 'gauge-track', 'aria-hidden': 'true' }, fill, mark);
  const note = element('span', { class: 'stat-note' });
  const root = element('div', { class: 'stat stat-metric' }, element('span', { class: 'label' }, metricName(name)),
    element('div', { class: 'stat-measure' }, value, against), track, note);
  const update = (metric, target) => {
    const known = metric?.utilization_percent ?? null;
    const state = metric?.state ?? 'unknown';
    const most = Math.max(100, known ?? 0);
    setText(value, percent(known));
    setAttribute(value, 'data-unknown', known === null);
    setText(against, `of ${percent(target)}`);
    setAttribute(root, 'data-state', state);
    setAttribute(root, 'data-over', known !== null && known > target);
    fill.style.width = known === null ? '100%' : `${((100 * known) / most).toFixed(1)}%`;
    fill.classList.toggle('hatched', state !== 'known');
    mark.style.left = `${((100 * target) / most).toFixed(1)}%`;
    const proposal = metric?.proposed_replicas;
    const asks = proposal === undefined || proposal === null ? '' : `asks for ${proposal}`;
    const age = metric?.age_seconds === undefined ? '' : `${duration(metric.age_seconds)} old`;
    setText(note, state === 'known' ? [asks, age].filter(Boolean).join(' · ') : state);
    setAttribute(note, 'data-tip', metric?.error ?? metric?.source ?? null);
  };
  return { root, update };
}

/** What is wrong, worst first, as `{tone, title, text, todo}`. */
export function messages({ status, details }, decision) {
  const all = [];
  const add = (tone, title, text, todo = cure(text ?? '')) => all.push({ tone, title, text, todo });
  if (status === 'failed') add('failed', 'This autoscaler failed', details.failure);
  if (status === 'inactive') return all;
  const conditions = details.conditions ?? [];
  for (const condition of conditions) {
    if (status !== 'failed' && REFUSALS.includes(condition.type) && condition.status === 'False' && !NO_TROUBLE.has(condition.reason)) {
      add('unknown', condition.type === 'AbleToScale' ? 'It cannot be scaled' : 'No recommendation can be made', condition.message);
    }
  }
  for (const metric of details.metrics ?? []) {
    const told = all.some(({ text }) => text?.includes(metric.error));
    if (metric.target_percent === undefined || metric.state === 'known' || told || status === 'failed') continue;
    const simulated = metric.state === 'simulated';
    add('unknown', simulated ? `${metricName(metric.name)} is simulated: a made-up number` : `${metricName(metric.name)} is unknown`, metric.error);
  }
  const limited = conditions.find(({ type, status: holds, reason }) => type === 'ScalingLimited' && holds === 'True' && LIMITED.has(reason));
  const wanted = decision?.recommended_replicas ?? null;
  if (limited?.reason === 'TooManyReplicas' && wanted > details.spec.max_replicas) {
    add('limit', `It wants ${wanted} replicas, more than its maximum of ${details.spec.max_replicas}`, null, 'Raise max_replicas, if the load is wanted.');
  } else if (limited?.reason === 'InsufficientCapacity') add('limit', 'The nodes have no room for more', limited.message);
  return all;
}
