// Stacked bars over time as SVG, one path a series, with a cursor, a brush for mouse and keys, and the same as a table.

import { ticks } from "d3-array";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { minute, range } from "../format/times.ts";
import { open } from "../state/address.ts";
import { zone } from "../state/preferences.ts";
import { timeMarks } from "./axis.ts";
import { type Brush, type BrushChange, changeBrush, chosenSteps, NO_BRUSH } from "./brush.ts";
import { ChartTable } from "./chart_table.tsx";
import { Icon } from "./icon.tsx";
import { sumKnown } from "./steps.ts";

export interface BarSeries {
  readonly name: string;
  /** Name of the colour's variable, such as `--c0`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

export interface Picked {
  /** What the chosen range has, such as `13 360 calls`. */
  readonly text: string;
  readonly link: string;
}

export interface BarsProps {
  readonly label: string;
  /** Starts of the steps, Unix milliseconds, and the end of the last. */
  readonly starts: readonly number[];
  readonly step: number;
  readonly series: readonly BarSeries[];
  /** Sums of all series by step, for series that overlap; by default the known values are added. */
  readonly sums?: readonly (number | null)[];
  readonly format: (value: number | null) => string;
  readonly height: number;
  readonly axis?: boolean;
  /** Return what a range of steps has, and the link that shows it. */
  readonly pick?: (from: number, to: number) => Picked;
}

const TOP = 6;

export function Bars({ label, starts, step, series, sums, format, height, axis = true, pick }: BarsProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [brush, send] = useReducer(
    (old: Brush, change: BrushChange) => changeBrush(old, change, starts.length),
    NO_BRUSH,
  );
  const [asTable, setAsTable] = useState(false);
  useEffect(() => send({ type: "clear" }), [starts[0], starts.length]);

  const left = axis ? 48 : 0;
  const base = axis ? 20 : 2;
  const wide = Math.max(0, width - left) / Math.max(1, starts.length);
  const stacked = useMemo(
    () => starts.map((_, at) => sumKnown(series.map((each) => each.values[at]))),
    [starts, series],
  );
  const totals = sums ?? stacked;
  const most = Math.max(...stacked.map((value) => value ?? 0), 1e-9);
  const x = (at: number): number => left + at * wide;
  const y = (value: number): number => height - base - (value / most) * (height - base - TOP);
  const paths = useMemo(
    () => (width > 0 ? stack(series, starts.length, x, y, wide) : []),
    [series, starts, width, height],
  );

  const chosen = chosenSteps(brush);
  const picked = chosen !== null && !brush.dragging ? pick?.(chosen[0], chosen[1]) : undefined;
  const indexOf = (event: PointerEvent): number =>
    Math.floor((event.clientX - (box.current?.getBoundingClientRect().left ?? 0) - left) / wide);
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = {
      ArrowRight: 1,
      ArrowLeft: -1,
      PageUp: -10,
      PageDown: 10,
      Home: -starts.length,
      End: starts.length,
    }[event.key];
    if (by !== undefined) send({ type: "key", by, extend: event.shiftKey });
    else if (event.key === "Enter" && picked !== undefined && event.target === box.current) open(picked.link);
    else if (event.key === "Escape" && chosen !== null) send({ type: "clear" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const bodyHeight = height - base - TOP;
  return (
    <div class="chart-box">
      <div
        ref={box}
        class={`chart${chosen !== null && !brush.dragging ? " chosen" : ""}`}
        tabIndex={0}
        role="group"
        onKeyDown={onKeyDown}
        onBlur={() => send({ type: "leave" })}
        aria-label={`${label}. Arrows move, Shift and arrows choose a range, Enter opens it.`}
        onPointerLeave={() => send({ type: "leave" })}
      >
        <svg
          height={height}
          width={width}
          viewBox={`0 0 ${Math.max(1, width)} ${height}`}
          role="img"
          aria-label={label}
          onPointerMove={(event) => send({ type: "point", at: indexOf(event) })}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            send({ type: "press", at: indexOf(event) });
          }}
          onPointerUp={() => send({ type: "release" })}
          onPointerCancel={() => send({ type: "clear" })}
        >
          {axis && <Grid most={most} y={y} left={left} width={width} format={format} />}
          {chosen !== null && (
            <rect
              class="brush"
              x={x(chosen[0])}
              width={(chosen[1] - chosen[0] + 1) * wide}
              y={TOP}
              height={bodyHeight}
            />
          )}
          {paths.map((d, at) => (
            <path key={at} d={d} style={{ fill: `var(${series[at]?.color ?? "--c6"})` }} />
          ))}
          {brush.at >= 0 && (
            <rect class="cursor" x={x(brush.at)} width={Math.max(1, wide)} y={TOP} height={bodyHeight} />
          )}
          {axis &&
            timeMarks(starts, step, zone.value, width - left).map(({ index, text }) => (
              <g key={index} class="tick">
                <line x1={x(index)} x2={x(index)} y1={height - base} y2={height - base + 4} />
                <text x={x(index) + 2} y={height - 5} text-anchor={x(index) > width - 40 ? "end" : "start"}>
                  {text}
                </text>
              </g>
            ))}
        </svg>
        {brush.at >= 0 && (
          <Tip
            at={brush.at}
            x={x}
            wide={wide}
            width={width}
            starts={starts}
            series={series}
            totals={totals}
            format={format}
          />
        )}
        {chosen !== null && !brush.dragging && (
          <BrushBar
            side={sideOf(x(chosen[0]), width)}
            text={range(starts[chosen[0]] ?? 0, (starts[chosen[1]] ?? 0) + step, zone.value)}
            picked={picked}
            clear={() => send({ type: "clear" })}
          />
        )}
        <div class="sr" role="status">
          {describe(brush, starts, totals, format, step)}
        </div>
      </div>
      <button
        type="button"
        class="tiny as-table"
        aria-pressed={asTable}
        title="As table"
        aria-label={`${label}: as table`}
        onClick={() => setAsTable(!asTable)}
      >
        <Icon name="table" />
      </button>
      {asTable && (
        <ChartTable label={label} starts={starts} series={series} totals={totals} format={format} />
      )}
    </div>
  );
}

/** Say the step under the cursor, or the sum of the chosen steps, for screen readers. */
function describe(
  brush: Brush,
  starts: readonly number[],
  totals: readonly (number | null)[],
  format: BarsProps["format"],
  step: number,
): string {
  const chosen = chosenSteps(brush);
  if (chosen !== null && !brush.dragging)
    return `${range(starts[chosen[0]] ?? 0, (starts[chosen[1]] ?? 0) + step, zone.value)}: ${format(sumKnown(totals.slice(chosen[0], chosen[1] + 1)))}`;
  return brush.at < 0
    ? ""
    : `${minute(starts[brush.at] ?? 0, zone.value)}: ${format(totals[brush.at] ?? null)}`;
}

/** Return the path of each series, stacked in order. */
function stack(
  series: readonly BarSeries[],
  count: number,
  x: (at: number) => number,
  y: (value: number) => number,
  wide: number,
): readonly string[] {
  const floor = new Float64Array(count);
  const inner = Math.max(0.6, wide - (wide > 5 ? 1.5 : wide > 2.5 ? 0.5 : 0));
  return series.map(({ values }) => {
    let path = "";
    for (let at = 0; at < count; at += 1) {
      const value = values[at] ?? 0;
      if (value <= 0) continue;
      const low = y(floor[at] ?? 0);
      floor[at] = (floor[at] ?? 0) + value;
      path += `M${x(at).toFixed(1)} ${low.toFixed(1)}V${Math.min(low - 1, y(floor[at] ?? 0)).toFixed(1)}h${inner.toFixed(1)}V${low.toFixed(1)}z`;
    }
    return path;
  });
}

function Grid({
  most,
  y,
  left,
  width,
  format,
}: {
  readonly most: number;
  readonly y: (value: number) => number;
  readonly left: number;
  readonly width: number;
  readonly format: BarsProps["format"];
}) {
  return (
    <>
      {ticks(0, most, 4).map((value) => (
        <g key={value} class="tick">
          <line x1={left} x2={width} y1={y(value)} y2={y(value)} />
          <text x={left - 6} y={y(value) + 4} text-anchor="end">
            {format(value)}
          </text>
        </g>
      ))}
    </>
  );
}

interface TipProps extends Pick<BarsProps, "starts" | "series" | "format"> {
  readonly at: number;
  readonly x: (at: number) => number;
  readonly wide: number;
  readonly width: number;
  readonly totals: readonly (number | null)[];
}

function Tip({ at, x, wide, width, starts, series, totals, format }: TipProps) {
  const rows = series
    .filter((each) => (each.values[at] ?? 0) > 0)
    .sort((a, b) => (b.values[at] ?? 0) - (a.values[at] ?? 0));
  const side = x(at) > width / 2 ? { right: `${width - x(at) + 10}px` } : { left: `${x(at) + wide + 10}px` };
  return (
    <div class="tip" style={side} aria-hidden="true">
      <strong>{minute(starts[at] ?? 0, zone.value)}</strong>
      <table>
        <tbody>
          {rows.length === 0 && (
            <tr>
              <td>nothing</td>
            </tr>
          )}
          {rows.slice(0, 8).map((each) => (
            <tr key={each.name}>
              <td>
                <span class="key" style={{ background: `var(${each.color})` }} />
                {each.name}
              </td>
              <td class="num">{format(each.values[at] ?? null)}</td>
            </tr>
          ))}
          {rows.length > 1 && (
            <tr class="sum">
              <td>Sum</td>
              <td class="num">{format(totals[at] ?? null)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

/** Width of the bar's longest text with its buttons. */
const BAR_PX = 500;

/** Return where the bar of a chosen part stands: at the beginning of that part, or at the end of the chart. */
export const sideOf = (x: number, width: number): Readonly<Record<string, string>> =>
  x + BAR_PX > width ? { right: "0px" } : { left: `${x}px` };

export function BrushBar({
  side,
  text,
  picked,
  clear,
}: {
  readonly side: Readonly<Record<string, string>>;
  readonly text: string;
  readonly picked: Picked | undefined;
  readonly clear: () => void;
}) {
  return (
    <div class="brush-bar" style={side}>
      <span>{text}</span>
      {picked !== undefined && <strong>{picked.text}</strong>}
      {picked !== undefined && (
        <a class="button primary" href={picked.link}>
          Show them
        </a>
      )}
      <button type="button" class="button quiet" onClick={clear}>
        Clear
      </button>
    </div>
  );
}

/** Return the width of an element, kept up to date. */
export function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    if (box.current !== null) {
      observer.observe(box.current);
      setWidth(Math.floor(box.current.clientWidth));
    }
    return () => observer.disconnect();
  }, []);
  return width;
}
