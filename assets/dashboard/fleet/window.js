// Which rows of a long table are on screen.

/**
 * The rows `first..end` (end excluded) that overlap the view from `top` to `bottom` (pixels from the first row's
 * upper edge), and `overscan` more on each side.
 */
export function visibleRows({ top, bottom, rowHeight, count, overscan = 0 }) {
  if (count === 0 || rowHeight <= 0 || bottom <= top) return { first: 0, end: 0 };
  const first = Math.floor(top / rowHeight) - overscan;
  const end = Math.ceil(bottom / rowHeight) + overscan;
  return { first: clamp(first, count), end: clamp(end, count) };
}

/** How far a view of `viewHeight` at `top` has to be scrolled so that the row is wholly in it; 0 when it is. */
export function scrollToShow({ index, rowHeight, top, viewHeight }) {
  const rowTop = index * rowHeight;
  if (rowTop < top) return rowTop - top;
  return Math.max(0, rowTop + rowHeight - (top + viewHeight));
}

function clamp(index, count) {
  return Math.max(0, Math.min(count, index));
}
