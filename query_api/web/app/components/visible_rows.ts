// Computes which rows of one height lie in the visible part of a list.

/** Return the indexes of the first row and after the last row to render, with `beyond` rows on either side. */
export function visibleRows(
  top: number,
  size: number,
  height: number,
  count: number,
  beyond: number,
): readonly [number, number] {
  if (count === 0 || height <= 0) return [0, 0];
  const first = Math.max(0, Math.min(count, Math.floor(top / height)) - beyond);
  const end = Math.min(count, Math.ceil((Math.max(0, top) + size) / height) + beyond);
  return [Math.min(first, Math.max(0, end - 1)), end];
}

/**
 * Return how far to scroll so that a row is visible: by as little as possible for the next row, and so that the row
 * is in the middle if it is further away.
 */
export function scrolledTo(row: number, height: number, top: number, size: number): number {
  const above = top - row;
  const below = row + height - (top + size);
  if (above <= 0 && below <= 0) return top;
  if (Math.max(above, below) > 2 * height) return Math.max(0, row - (size - height) / 2);
  return above > 0 ? row : row + height - size;
}
