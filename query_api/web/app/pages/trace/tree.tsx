// The tree with its time line: head with marks, rows near the visible part, and a needle that has the time.

import { useCallback, useRef, useState } from "preact/hooks";
import { Rows } from "../../components/virtual.tsx";
import { duration } from "../../format/numbers.ts";
import type { TreeRows } from "./folding.ts";
import { type RowContext, spanRow } from "./span_row.tsx";
import { isWhole, marks, wholeView } from "./time_scale.ts";

interface Props {
  readonly context: RowContext;
  readonly rows: TreeRows;
  /** Index in `rows` of the chosen row; -1 if it is folded away. */
  readonly chosen: number;
  readonly show: (view: RowContext["view"]) => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

export function Tree({ context, rows, chosen, show, onKeyDown }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const { needle, move, leave } = useNeedle(box, context);
  return (
    <div ref={box} class="tree" onPointerMove={move} onPointerLeave={leave}>
      <Rows
        id="span"
        label="Spans"
        role="treegrid"
        count={rows.length}
        total={rows.length}
        chosen={chosen}
        head={<Head context={context} show={show} />}
        row={(at) => spanRow(rows[at] as number, context)}
        onKeyDown={onKeyDown}
      />
      {needle !== null && (
        <i class="needle" aria-hidden="true" style={{ left: `${needle.left}px` }}>
          <span>{needle.text}</span>
        </i>
      )}
    </div>
  );
}

interface Needle {
  readonly left: number;
  readonly text: string;
}

/** Return the needle below the pointer; null outside the time line. */
function useNeedle(box: { readonly current: HTMLDivElement | null }, { view }: RowContext) {
  const [needle, setNeedle] = useState<Needle | null>(null);
  const move = useCallback(
    (event: PointerEvent): void => {
      const line = box.current?.querySelector(".row .line")?.getBoundingClientRect();
      const outer = box.current?.getBoundingClientRect();
      if (
        event.pointerType !== "mouse" ||
        !line ||
        !outer ||
        event.clientX < line.left ||
        event.clientX > line.right
      ) {
        setNeedle(null);
        return;
      }
      const at = view.from + ((event.clientX - line.left) / line.width) * (view.to - view.from);
      setNeedle({ left: event.clientX - outer.left, text: duration(at / 1000) });
    },
    [view],
  );
  const leave = useCallback(() => setNeedle(null), []);
  return { needle, move, leave };
}

function Head({
  context: { view, trace },
  show,
}: {
  readonly context: RowContext;
  readonly show: Props["show"];
}) {
  const whole = isWhole(view, trace.layout.end);
  // The button that shows the whole trace lies over the end of the ruler.
  const shown = marks(view).filter(({ percent }) => whole || percent < 80);
  return (
    <div class="rows-head" role="row" aria-rowindex={1}>
      <span role="columnheader">Span</span>
      <span role="columnheader" class="num tok">
        Tokens
      </span>
      <span role="columnheader" class="num cost">
        Cost
      </span>
      <span role="columnheader" class="num took">
        Took
      </span>
      <span role="columnheader" class="ruler">
        <span class="sr">Time line</span>
        {shown.map(({ percent, text }) => (
          <span key={percent} class="tick" style={{ left: `${percent}%` }} aria-hidden="true">
            {text}
          </span>
        ))}
        {!whole && (
          <button
            type="button"
            class="tiny"
            title="Show the whole trace (z)"
            onClick={() => show(wholeView(trace.layout.end))}
          >
            whole
          </button>
        )}
      </span>
    </div>
  );
}
