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
