// Where the cursor is and goes. Pure.

/** The index of the point whose span holds `time`, or that of the nearest; -1 when there is none. */
export function indexAt(points, step, time) {
  if (points.length === 0) return -1;
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (points[middle].t <= time) low = middle;
    else high = middle - 1;
  }
  // In a hole between two points the nearer one counts.
  const next = points[low + 1];
  return next && time > points[low].t + step && next.t - time < time - points[low].t - step ? low + 1 : low;
}

/** The action next to `time` in a direction (1 later, -1 earlier), or null. */
export function nextAction(actions, time, direction) {
  const candidates = actions.filter((action) => (direction > 0 ? action.at > time : action.at < time));
  return (direction > 0 ? candidates[0] : candidates.at(-1)) ?? null;
}

/** The action whose mark is nearest to (px, py), at most `reach` pixels away; `place(action)` is the mark's [x, y]. */
export function actionAt(actions, place, px, py, reach) {
  let nearest = null;
  let distance = reach;
  for (const action of actions) {
    const [x, y] = place(action);
    const its = Math.hypot(x - px, y - py);
    if (its <= distance) [nearest, distance] = [action, its];
  }
  return nearest;
}

/** The last action in the span of the point at `time`, or null. */
export function actionIn(actions, time, step) {
  return actions.findLast((action) => action.at >= time && action.at < time + step) ?? null;
}

/**
 * The decision that held at `time`: of those that had begun (`first`) and were made again until then or a `slack` of
 * milliseconds before, the newest. `decisions` come newest first. Null when none of that time is kept.
 */
export function decisionAt(decisions, time, slack) {
  const begun = decisions.find((decision) => decision.first <= time);
  if (begun && time <= begun.last + slack) return begun;
  // A click is as exact as a pixel: one that begins a moment later is meant as well.
  const soon = decisions.findLast((decision) => decision.first > time && decision.first - time <= slack);
  return soon ?? null;
}
