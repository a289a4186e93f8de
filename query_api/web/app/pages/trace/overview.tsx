// What ran when over the whole trace; dragging chooses the part that the time line shows.

import { useMemo, useRef } from "preact/hooks";
import { duration } from "../../format/numbers.ts";
import { clampView, isWhole, movedView, type View, wholeView } from "./time_scale.ts";
import { BINS, bins, failedPath, KINDS, stackedPaths } from "./trace_bins.ts";
import type { Trace } from "./use_trace.ts";

const HEIGHT = 34;
/** A press that moves less than this share of the width is a click. */
const CLICK = 0.004;

interface Props {
  readonly of: Trace;
  readonly view: View;
  readonly show: (view: View) => void;
}

export function Overview({ of, view, show }: Props) {
  const { end } = of.layout;
  const picture = useMemo(() => <Picture of={of} />, [of]);
  const pressed = useRef<number | null>(null);
  const share = (event: PointerEvent): number => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    pressed.current = share(event);
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent): void => {
    const from = pressed.current;
    if (from === null) return;
    const to = share(event);
    if (Math.abs(to - from) >= CLICK)
      show(clampView({ from: Math.min(from, to) * end, to: Math.max(from, to) * end }, end));
  };
  const release = (): void => {
    pressed.current = null;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-0.25, 1],
      ArrowRight: [0.25, 1],
      "+": [0, 0.5],
      "=": [0, 0.5],
      "-": [0, 2],
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    show(movedView(view, move[0], move[1], end));
  };
  const whole = isWhole(view, end);
  return (
    <div
      class="overview"
      role="group"
      aria-label={`What ran when: ${duration(view.from / 1000)} to ${duration(view.to / 1000)} of ${duration(end / 1000)} shown. Plus and minus zoom, arrows move.`}
      tabIndex={0}
      title="Drag to zoom, double-click for the whole"
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={release}
      onPointerCancel={release}
      onDblClick={() => show(wholeView(end))}
      onKeyDown={onKeyDown}
    >
      {picture}
      {!whole && (
        <i
          class="window"
          style={{
            left: `${(100 * view.from) / end}%`,
            inlineSize: `${(100 * (view.to - view.from)) / end}%`,
          }}
        />
      )}
    </div>
  );
}

function Picture({ of: { spans, layout } }: { readonly of: Trace }) {
  const found = bins(spans, layout);
  return (
    <svg viewBox={`0 0 ${BINS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {stackedPaths(found, HEIGHT).map(
        (path, at) => path !== "" && <path key={KINDS[at]} class={KINDS[at]} d={path} />,
      )}
      <path class="bad" d={failedPath(found)} />
    </svg>
  );
}
