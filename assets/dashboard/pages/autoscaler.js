// The page of one autoscaler: how it stands, its history, its decisions, its GPUs and its definition.

import { gpuCard } from '../autoscaler/gpus.js';
import { Feed } from '../autoscaler/feed.js';
import { Overview } from '../autoscaler/overview.js';
import { confirmRemoval } from '../autoscaler/removal.js';
import { decisionAt } from '../chart/cursor.js';
import { Figure, RANGES } from '../chart/figure.js';
import { holdBetweenEvaluations } from '../chart/history.js';
import { Timeline } from '../decisions/timeline.js';
import { element, replaceChildren } from '../element.js';
import { milliseconds, timeOfDay } from '../format.js';
import { notify } from '../notices.js';
import { isForbidden, refusalLine, refusalOf } from '../refusal.js';
import { autoscalerAddress } from '../router.js';
import { serverNow } from '../server_clock.js';
import { openCopy } from '../spec/copy.js';
import { SpecEditor } from '../spec/editor.js';

/** Shows the autoscaler `id` in `root`; returns what ends it and what follows a changed address. */
export function mount(root, { id, query, api, events, session, navigate }) {
  const page = new Page({ root, id, at: milliseconds(query.at), api, events, session, navigate });
  return { unmount: () => page.end(), changed: (next) => page.choose(milliseconds(next.at)) };
}

const [SHORT, USUAL] = RANGES;

class Page {
  #id;
  #api;
  #session;
  #navigate;
  #root;
  #at;
  #range = USUAL;
  #latest = null;
  #ended = false;
  #removing = false;
  #missing = false;

  constructor({ root, id, at, api, events, session, navigate }) {
    this.#id = id;
    this.#api = api;
    this.#session = session;
    this.#navigate = navigate;
    this.#root = root;
    this.#at = at;
    const choose = (time) => this.#goTo(time);
    this.overview = new Overview({
      pause: () => this.#post('pause'), resume: () => this.#post('resume'), edit: () => this.editor.edit(),
      copy: () => this.#copy(), remove: () => this.#remove(),
    });
    this.figure = new Figure({ onSelect: choose, onRange: (range) => this.#show(RANGES.find((its) => its.id === range)) });
    this.timeline = new Timeline({ onSelect: choose });
    this.gpus = gpuCard();
    this.editor = new SpecEditor({ api, id, onApplied: () => this.feed.refresh() });
    this.status = element('p', { class: 'page-status', role: 'status' }, 'Loading…');
    replaceChildren(root, this.status);
    this.feed = new Feed({
      id, api, events,
      onData: (data) => this.#update(data),
      onGone: () => this.#gone(),
      onFailure: (error) => this.#failed(error),
    });
    this.feed.range = this.#range;
    this.feed.start();
    this.timer = setInterval(() => this.#tick(), 1000);
  }

  /** Follows the address: a moment, or none. */
  choose(time) {
    this.#at = time;
    this.#select();
  }

  end() {
    this.#ended = true;
    clearInterval(this.timer);
    this.feed.end();
    this.figure.destroy();
    this.editor.end();
  }

  #update(data) {
    if (this.#ended) return;
    const first = this.#latest === null;
    this.#latest = data;
    const { autoscaler, decisions, history, to } = data;
    const { details } = autoscaler;
    if (first) {
      // Of a young one there is nothing to see in a longer range.
      if (to - milliseconds(details.created_at) < SHORT.length) this.feed.range = this.#range = SHORT;
      this.#layOut();
    }
    document.title = `${details.workload_name} · AI Storage Orchestrator`;
    this.overview.update(autoscaler, decisions[0] ?? null, history.actions.at(-1) ?? lastScaled(decisions));
    this.gpus.update(details);
    this.editor.update(details.spec);
    this.timeline.update(decisions);
    this.#draw();
    if (first && this.#at !== null) this.#select();
    this.#tick();
  }

  #layOut() {
    replaceChildren(this.#root, this.overview.root,
      element('div', { class: 'detail-columns' },
        element('div', { class: 'detail-main' }, this.figure.root, this.gpus.root, this.editor.root),
        this.timeline.root));
  }

  #draw() {
    const { history, to, autoscaler } = this.#latest;
    const interval = autoscaler.details.spec.interval_seconds * 1000;
    this.figure.show({
      history: holdBetweenEvaluations(history, interval), view: { from: Math.max(to - this.#range.length, history.points[0]?.t ?? 0), to }, range: this.#range.id,
      created: milliseconds(autoscaler.details.created_at),
    });
  }

  async #show(range) {
    this.#range = range;
    this.feed.range = range;
    await this.feed.reload();
  }

  /** Puts the moment into the address, from where it comes back to `choose`. */
  #goTo(time) {
    const address = autoscalerAddress(this.#id);
    this.#navigate(time === null ? address : `${address}?at=${encodeURIComponent(new Date(time).toISOString())}`, { replace: true });
  }

  #select() {
    if (!this.#latest) return;
    const time = this.#at;
    this.figure.select(time);
    if (time === null) {
      this.timeline.select(null, null);
      return;
    }
    const { decisions, to, autoscaler } = this.#latest;
    const needed = RANGES.find(({ length }) => time >= to - length);
    if (needed && needed.length > this.#range.length) this.#show(needed);
    const slack = autoscaler.details.spec.interval_seconds * 1500;
    const decision = decisionAt(decisions, time, slack);
    this.timeline.select(decision, { text: `At ${timeOfDay(time)}`, note: decision ? null : notKept(decisions, time) });
  }

  #tick() {
    const now = serverNow();
    this.overview.tick(now);
    this.timeline.tick();
  }

  async #post(verb) {
    this.overview.refused('');
    try {
      await this.#api.post(`/autoscaling/${encodeURIComponent(this.#id)}/${verb}`);
      notify(verb === 'pause' ? 'Paused: nothing is scaled until it is resumed.' : 'Resumed.');
      await this.feed.refresh();
    } catch (error) {
      if (error.name === 'AbortError') return;
      const failed = verb === 'pause' ? 'Pausing failed' : 'Resuming failed';
      this.overview.refused(isForbidden(error) ? refusalLine(error, `You may not ${verb} this`) : `${failed}. ${refusalLine(error)}`);
    }
  }

  #copy() {
    const { spec } = this.#latest.autoscaler.details;
    openCopy({
      title: 'Copy this autoscaler', api: this.#api,
      request: { method: 'POST', url: this.#api.url('/autoscaling').href, body: spec }, value: spec,
    });
  }

  async #remove() {
    const { details } = this.#latest.autoscaler;
    if (!(await confirmRemoval(details, () => this.#delete()))) return;
    notify(`The autoscaler of ${details.workload_name} was deleted. The workload keeps its ${details.current_replicas} replicas.`);
    if (!this.#ended) this.#navigate('#/');
  }

  /** The stream tells of the end as well, often before the answer: then the fleet is shown next, and not that it is missing. */
  async #delete() {
    this.#removing = true;
    try {
      await this.#api.delete(`/autoscaling/${encodeURIComponent(this.#id)}`);
    } catch (error) {
      this.#removing = false;
      if (this.#missing) this.#gone();
      throw error;
    }
  }

  #gone() {
    this.#missing = true;
    if (this.#ended || this.#removing) return;
    // The service does not tell what is not there from what may not be seen.
    const unseen = this.#session.identity?.mode === 'kubernetes' ? ' Or you may not see it.' : '';
    replaceChildren(this.#root, element('div', { class: 'empty' }, element('h1', {}, 'This autoscaler does not exist'),
      element('p', {}, `It was deleted, or the service kept it in its memory only and was restarted.${unseen}`), element('p', {}, element('a', { href: '#/' }, 'To the fleet'), ' · ', element('a', { href: '#/new' }, 'New autoscaler'))));
  }

  #failed(error) {
    const forbidden = isForbidden(error);
    if (this.#latest && !forbidden) return; // The header says that the data is old.
    const { title, text } = refusalOf(error, 'You may not see this autoscaler');
    replaceChildren(this.#root, element('div', { class: `message ${forbidden ? '' : 'message-failed'}`, role: 'alert' },
      element('strong', {}, title), element('span', { class: 'foreign' }, text),
      element('span', {}, element('button', { type: 'button', class: 'button', onclick: () => this.feed.reload() }, 'Try again'))));
  }
}

function lastScaled(decisions) {
  const scaled = decisions.find(({ outcome }) => outcome === 'scale_up' || outcome === 'scale_down');
  return scaled ? { at: scaled.first, from: scaled.current_replicas, to: scaled.desired_replicas, because: scaled.message } : null;
}

function notKept(decisions, time) {
  const oldest = decisions.at(-1);
  if (!oldest) return 'Nothing was decided yet.';
  if (time < oldest.first) return `No decision of that time is kept any more: the oldest is of ${timeOfDay(oldest.first)}. The chart shows what is known of it.`;
  return 'Nothing was decided at that time: it was paused, or the service did not run.';
}
