// The state of a brush on a chart: where the cursor is and which steps are chosen. Mouse and keys use the same changes.

export interface Brush {
  /** Index of the step under the cursor; -1 for none. */
  readonly at: number;
  /** Where the choice began and where it ends, in either order; -1 for none. */
  readonly from: number;
  readonly to: number;
  /** True while the pointer is held down. */
  readonly dragging: boolean;
}

export const NO_BRUSH: Brush = { at: -1, from: -1, to: -1, dragging: false };

export type BrushChange =
  | { readonly type: "point" | "press"; readonly at: number }
  | { readonly type: "release" | "leave" | "clear" }
  | { readonly type: "key"; readonly by: number; readonly extend: boolean };

const within = (at: number, count: number): number => Math.max(0, Math.min(count - 1, at));

/** Return the brush after a change, on a chart of `count` steps. */
export function changeBrush(brush: Brush, change: BrushChange, count: number): Brush {
  if (count === 0) return NO_BRUSH;
  switch (change.type) {
    case "point": {
      const at = within(change.at, count);
      return brush.dragging ? { ...brush, at, to: at } : { ...brush, at };
    }
    case "press": {
      const at = within(change.at, count);
      return { at, from: at, to: at, dragging: true };
    }
    case "release":
      return { ...brush, dragging: false };
    case "leave":
      return brush.dragging ? brush : { ...brush, at: -1 };
    case "clear":
      return { ...brush, from: -1, to: -1, dragging: false };
    case "key": {
      const start = brush.at < 0 ? (change.by < 0 ? count : -1) : brush.at;
      const at = within(start + change.by, count);
      if (!change.extend) return { ...brush, at };
      const from = brush.from >= 0 ? brush.from : brush.at < 0 ? at : brush.at;
      return { ...brush, at, from, to: at };
    }
  }
}

/** Return the first and last chosen step, in order; null if none is chosen. */
export function chosenSteps({ from, to }: Brush): readonly [number, number] | null {
  return from < 0 ? null : [Math.min(from, to), Math.max(from, to)];
}
