// A small line of values without an axis.

/** Return the path of the line through values, in a box of 100 × 24. */
export function sparkPath(values: readonly (number | null)[]): string {
  const most = Math.max(...values.map((value) => value ?? 0), 1e-9);
  const last = Math.max(1, values.length - 1);
  return values
    .map(
      (value, at) =>
        `${at === 0 ? "M" : "L"}${((at / last) * 100).toFixed(1)} ${(22 - ((value ?? 0) / most) * 20).toFixed(1)}`,
    )
    .join("");
}

/** Draw the line; `color` is the name of a variable, such as `--k-model`. */
export function Spark({
  values,
  color,
  label,
}: {
  readonly values: readonly (number | null)[];
  readonly color: string;
  readonly label: string;
}) {
  if (values.length === 0) return null;
  const path = sparkPath(values);
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="under" d={`${path}L100 24L0 24z`} style={{ fill: `var(${color})` }} />
      <path d={path} style={{ stroke: `var(${color})` }} />
    </svg>
  );
}
