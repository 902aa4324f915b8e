// SVG paths from points. Pure. A gap ends a path: nothing is drawn where nothing is known.

const rounded = (number) => Math.round(number * 10) / 10;

/** Runs of points of which `value(point)` is known, as arrays of `[start, end, value]`. `edge(a, b)` is where b begins. */
function known(points, step, value, edge = (_, point) => point.t) {
  const all = [];
  let run = [];
  for (const point of points) {
    const its = value(point);
    const before = run.at(-1);
    if (its === null || its === undefined || (before && before.t + step !== point.t)) {
      if (run.length > 0) all.push(run);
      run = [];
    }
    if (its !== null && its !== undefined) {
      const start = run.length > 0 ? edge(run.at(-1), point) : point.t;
      if (run.length > 0) run.at(-1).end = start;
      run.push({ t: point.t, start, end: point.t + step, value: its });
    }
  }
  if (run.length > 0) all.push(run);
  return all;
}

/** A line through the middle of each point's span. A point that stands alone is a dash as long as its span. */
export function linePath(points, step, value, x, y) {
  return known(points, step, value)
    .map((run) => {
      if (run.length === 1) {
        const [{ start, end, value: its }] = run;
        return `M${rounded(x(start))} ${rounded(y(its))}H${rounded(x(end))}`;
      }
      return run
        .map((span, index) => `${index === 0 ? 'M' : 'L'}${rounded(x(span.t + step / 2))} ${rounded(y(span.value))}`)
        .join('');
    })
    .join('');
}

/** The area between the line of `linePath` and a level, closed for each run. */
export function areaPath(points, step, value, level, x, y) {
  return known(points, step, value)
    .map((run) => {
      const middle = (span) => rounded(x(span.t + step / 2));
      const line = run.map((span) => `L${middle(span)} ${rounded(y(span.value))}`).join('');
      return run.length === 1 ? '' : `M${middle(run[0])} ${rounded(y(level))}${line}L${middle(run.at(-1))} ${rounded(y(level))}Z`;
    })
    .join('');
}

/** A line of steps. With `edge(before, point)` a step is where that says, for instance at the moment of an action. */
export function stepPath(points, step, value, x, y, edge) {
  return known(points, step, value, edge)
    .map((run) => {
      let path = `M${rounded(x(run[0].start))} ${rounded(y(run[0].value))}`;
      let level = run[0].value;
      for (const span of run) {
        if (span.value !== level) path += `H${rounded(x(span.start))}V${rounded(y(span.value))}`;
        level = span.value;
      }
      return `${path}H${rounded(x(run.at(-1).end))}`;
    })
    .join('');
}

/** The area between two step lines, closed for each run in which both are known. */
export function bandPath(points, step, low, high, x, y) {
  const both = (point) => (low(point) ?? null) !== null && (high(point) ?? null) !== null;
  return known(points, step, (point) => (both(point) ? [low(point), high(point)] : null))
    .map((run) => {
      const along = (index) => (span) =>
        `L${rounded(x(span.start))} ${rounded(y(span.value[index]))}L${rounded(x(span.end))} ${rounded(y(span.value[index]))}`;
      const back = ({ start, end, value }) =>
        `L${rounded(x(end))} ${rounded(y(value[0]))}L${rounded(x(start))} ${rounded(y(value[0]))}`;
      const there = run.map(along(1)).join('');
      return `M${there.slice(1)}${[...run].reverse().map(back).join('')}Z`;
    })
    .join('');
}

/** Where the step between two spans belongs: at the action that made it, if one is near, else where the second begins. */
export function edgeAtActions(actions, step) {
  return (before, point) => {
    const made = actions.find((action) => action.at >= point.t - step && action.at < point.t + step
      && action.from !== action.to);
    return made ? Math.min(Math.max(made.at, before.t), point.t + step) : point.t;
  };
}

/** A triangle around (x, y) that points up or down. */
export function trianglePath(x, y, size, up) {
  const tip = up ? y - size : y + size;
  const base = up ? y + size * 0.7 : y - size * 0.7;
  return `M${rounded(x)} ${rounded(tip)}L${rounded(x + size)} ${rounded(base)}L${rounded(x - size)} ${rounded(base)}Z`;
}
