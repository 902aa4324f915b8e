// What is kept of an autoscaler's past, as points on a time axis. Pure. Unknown is null, never zero.

/**
 * The answer of `GET .../history` as `{step, points, actions, metrics}`. A point covers [t, t + step) and has `current`,
 * `recommended`, `min`, `max` and, by metric, `{value, target, simulated}`.
 */
export function readHistory(body) {
  const from = Date.parse(body.from);
  const step = body.step_seconds * 1000;
  const points = body.current_replicas.map((current, index) => ({
    t: from + index * step,
    current,
    recommended: body.recommended_replicas[index] ?? null,
    min: body.min_replicas[index] ?? null,
    max: body.max_replicas[index] ?? null,
    metrics: Object.fromEntries(
      body.metrics.map((metric) => [
        metric.name,
        {
          value: metric.utilization_percent[index] ?? null,
          target: metric.target_percent[index] ?? null,
          simulated: metric.simulated[index] === true,
        },
      ]),
    ),
  }));
  const actions = body.actions.map((action) => ({ ...action, at: Date.parse(action.at) }));
  return { step, points, actions, metrics: body.metrics.map((metric) => metric.name) };
}

/** Whether anything of the workload is known in the point's span: bounds and targets do not count, they are what is wanted. */
export function isKnown(point) {
  return point.current !== null || point.recommended !== null || Object.values(point.metrics).some(({ value }) => value !== null);
}

/**
 * `history` with `newer` in place of what it has from the beginning of `newer` on; null when they are of different steps or
 * do not meet, so that the whole must be read again.
 */
export function mergeHistory(history, newer) {
  if (newer.points.length === 0) return history;
  const [first] = newer.points;
  const last = history.points.at(-1);
  if (history.step !== newer.step || !last) return null;
  if ((first.t - last.t) % history.step !== 0 || first.t > last.t + history.step) return null;
  const known = new Set(newer.actions.map((action) => action.at));
  return {
    step: history.step,
    points: [...history.points.filter((point) => point.t < first.t), ...newer.points],
    actions: [...history.actions.filter((action) => !known.has(action.at)), ...newer.actions].sort((a, b) => a.at - b.at),
    metrics: [...history.metrics, ...newer.metrics.filter((name) => !history.metrics.includes(name))],
  };
}

/** `history` from the time `from` on. */
export function since(history, from) {
  return {
    ...history,
    points: history.points.filter((point) => point.t + history.step > from),
    actions: history.actions.filter((action) => action.at >= from),
  };
}

/**
 * `history` in which a span without an evaluation has what the evaluation before it knew, as long as the next one was not
 * due: evaluations `interval` milliseconds apart leave spans out when the spans are shorter, or by jitter.
 */
export function holdBetweenEvaluations(history, interval) {
  const longest = Math.max(1, Math.ceil((interval * 1.5) / history.step) - 1);
  let seen = null;
  let missed = 0;
  const points = history.points.map((point) => {
    if (isKnown(point)) {
      seen = point;
      missed = 0;
      return point;
    }
    missed += 1;
    return seen && missed <= longest ? held(seen, point) : point;
  });
  return { ...history, points };
}

/** What `seen` knew, within what is wanted at `point`. */
function held(seen, point) {
  const metrics = Object.fromEntries(Object.entries(point.metrics).map(([name, { target }]) => [name, { ...seen.metrics[name], target }]));
  return { ...point, current: seen.current, recommended: seen.recommended, metrics };
}

/** The neighbouring points with the same `key(point)` as `{key, from, to, points}`; `to` is the end of the last span. */
export function runs(points, step, key) {
  const found = [];
  for (const point of points) {
    const its = key(point);
    const last = found.at(-1);
    if (last && last.key === its && last.to === point.t) {
      last.points.push(point);
      last.to = point.t + step;
    } else {
      found.push({ key: its, from: point.t, to: point.t + step, points: [point] });
    }
  }
  return found;
}
