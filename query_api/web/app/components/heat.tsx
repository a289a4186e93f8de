// A heat map over time: darker where more calls are, with a brush in two directions for mouse and keys.

import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { minute, range } from "../format/times.ts";
import { open } from "../state/address.ts";
import { zone } from "../state/preferences.ts";
import { timeMarks } from "./axis.ts";
import { BrushBar, type Picked, sideOf, useWidth } from "./bars.tsx";
import { type BrushChange, changeBrush, chosenSteps, NO_BRUSH } from "./brush.ts";
import { ChartTable } from "./chart_table.tsx";
import { Icon } from "./icon.tsx";
import { sumKnown } from "./steps.ts";

export interface HeatProps {
  readonly label: string;
  readonly starts: readonly number[];
  readonly step: number;
  /** Values by start, then by level; null where they are unknown. */
  readonly columns: readonly (readonly (number | null)[])[];
  /** Names of the levels, lowest first, such as `1 s – 2 s`. */
  readonly names: readonly string[];
  /** Names for the axis of some of the edges between levels: index of the level above, and text. */
  readonly edges: readonly (readonly [number, string])[];
  readonly format: (value: number | null) => string;
  readonly height: number;
  /** Return what a rectangle of cells has, and the link that shows it. */
  readonly pick: (from: number, to: number, low: number, high: number) => Picked;
}

const LEFT = 56;
const BASE = 20;
const SHADES = 5;

export function Heat({ label, starts, step, columns, names, edges, format, height, pick }: HeatProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [asTable, setAsTable] = useState(false);
  const [{ across, up }, send] = useBrush(starts, names.length);
  const wide = Math.max(0, width - LEFT) / Math.max(1, starts.length);
  const tall = (height - BASE) / Math.max(1, names.length);
  const shades = useMemo(
    () => (width > 0 ? shadePaths(columns, names.length, wide, tall) : []),
    [columns, width, height, names.length],
  );
  const steps = chosenSteps(across);
  const levels = chosenSteps(up);
  const chosen = steps !== null && levels !== null ? ([...steps, ...levels] as const) : null;
  const picked = chosen !== null && !across.dragging ? pick(...chosen) : undefined;
  const cell = (event: PointerEvent): readonly [number, number] => {
    const at = box.current?.getBoundingClientRect();
    return [
      Math.floor((event.clientX - (at?.left ?? 0) - LEFT) / wide),
      names.length - 1 - Math.floor((event.clientY - (at?.top ?? 0)) / tall),
    ];
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const by = MOVES[event.key];
    const extend = event.shiftKey;
    if (by !== undefined) send({ type: "key", by: by[0], extend }, { type: "key", by: by[1], extend });
    else if (event.key === "Enter" && picked !== undefined && event.target === box.current) open(picked.link);
    else if (event.key === "Escape" && chosen !== null) send({ type: "clear" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const at = across.at >= 0 && up.at >= 0 ? ([across.at, up.at] as const) : null;
  const status =
    picked !== undefined && steps !== null
      ? `${stepsText(starts, step, steps)}: ${picked.text}`
      : at === null
        ? ""
        : `${minute(starts[at[0]] ?? 0, zone.value)}, ${names[at[1]]}: ${format(columns[at[0]]?.[at[1]] ?? null)}`;
  return (
    <div class="chart-box">
      <div
        ref={box}
        class={`chart heat${picked !== undefined ? " chosen" : ""}`}
        tabIndex={0}
        role="group"
        onKeyDown={onKeyDown}
        onBlur={() => send({ type: "leave" })}
        onPointerLeave={() => send({ type: "leave" })}
        aria-label={`${label}. Arrows move, Shift and arrows choose a part, Enter opens it.`}
      >
        <svg
          height={height}
          width={width}
          viewBox={`0 0 ${Math.max(1, width)} ${height}`}
          role="img"
          aria-label={label}
          onPointerMove={(event) => {
            const [x, y] = cell(event);
            send({ type: "point", at: x }, { type: "point", at: y });
          }}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            const [x, y] = cell(event);
            send({ type: "press", at: x }, { type: "press", at: y });
          }}
          onPointerUp={() => send({ type: "release" })}
          onPointerCancel={() => send({ type: "clear" })}
        >
          {edges.map(([level, text]) => (
            <g key={level} class="tick">
              <line
                x1={LEFT}
                x2={width}
                y1={(names.length - level) * tall}
                y2={(names.length - level) * tall}
              />
              <text
                x={LEFT - 6}
                y={Math.min(height - BASE, Math.max(8, (names.length - level) * tall + 4))}
                text-anchor="end"
              >
                {text}
              </text>
            </g>
          ))}
          {shades.map((d, shade) => (
            <path key={shade} class={`shade-${shade + 1}`} d={d} />
          ))}
          {chosen !== null && (
            <rect
              class="brush"
              x={LEFT + chosen[0] * wide}
              width={(chosen[1] - chosen[0] + 1) * wide}
              y={(names.length - 1 - chosen[3]) * tall}
              height={(chosen[3] - chosen[2] + 1) * tall}
            />
          )}
          {at !== null && (
            <rect
              class="cell"
              x={LEFT + at[0] * wide}
              width={Math.max(1, wide)}
              y={(names.length - 1 - at[1]) * tall}
              height={tall}
            />
          )}
          {timeMarks(starts, step, zone.value, width - LEFT).map(({ index, text }) => (
            <g key={index} class="tick">
              <line
                x1={LEFT + index * wide}
                x2={LEFT + index * wide}
                y1={height - BASE}
                y2={height - BASE + 4}
              />
              <text
                x={LEFT + index * wide + 2}
                y={height - 5}
                text-anchor={LEFT + index * wide > width - 40 ? "end" : "start"}
              >
                {text}
              </text>
            </g>
          ))}
        </svg>
        {at !== null && picked === undefined && (
          <div class="tip" style={tipPlace(LEFT + at[0] * wide, wide, width)} aria-hidden="true">
            <strong>{minute(starts[at[0]] ?? 0, zone.value)}</strong>
            <div>
              {format(columns[at[0]]?.[at[1]] ?? null)} <span class="quiet">in {names[at[1]]}</span>
            </div>
          </div>
        )}
        {picked !== undefined && steps !== null && (
          <BrushBar
            side={sideOf(LEFT + steps[0] * wide, width)}
            text={stepsText(starts, step, steps)}
            picked={picked}
            clear={() => send({ type: "clear" })}
          />
        )}
        <div class="sr" role="status">
          {status}
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
      {asTable && <Table {...{ label, starts, columns, names, format }} />}
    </div>
  );
}

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
  PageUp: [-10, 0],
  PageDown: [10, 0],
  Home: [-10_000, 0],
  End: [10_000, 0],
};

const FREE = { across: NO_BRUSH, up: NO_BRUSH };

/** Keep a brush across time and one up the levels; a single change applies to both. */
function useBrush(starts: readonly number[], levels: number) {
  const [state, dispatch] = useReducer(
    (old: typeof FREE, [across, up]: readonly [BrushChange, BrushChange]) => ({
      across: changeBrush(old.across, across, starts.length),
      up: changeBrush(old.up, up, levels),
    }),
    FREE,
  );
  const send = (across: BrushChange, up: BrushChange = across): void => dispatch([across, up]);
  useEffect(() => send({ type: "clear" }), [starts[0], starts.length, levels]);
  return [state, send] as const;
}

const stepsText = (starts: readonly number[], step: number, [first, last]: readonly [number, number]) =>
  range(starts[first] ?? 0, starts[last + 1] ?? (starts[last] ?? 0) + step, zone.value);

const tipPlace = (x: number, wide: number, width: number) =>
  x > width / 2 ? { right: `${width - x + 10}px` } : { left: `${x + wide + 10}px` };

/** Return the path of the cells of each shade. The shade grows with the square root, so that few calls are seen. */
function shadePaths(
  columns: HeatProps["columns"],
  levels: number,
  wide: number,
  tall: number,
): readonly string[] {
  const most = Math.max(1, ...columns.flat().map((value) => value ?? 0));
  const paths = new Array<string>(SHADES).fill("");
  const gap = wide > 4 ? 1 : 0;
  columns.forEach((column, at) => {
    column.forEach((value, level) => {
      if (value === null || value <= 0) return;
      const shade = Math.ceil(Math.sqrt(value / most) * SHADES) - 1;
      const x = (LEFT + at * wide).toFixed(1);
      const y = ((levels - 1 - level) * tall + 0.5).toFixed(1);
      paths[shade] +=
        `M${x} ${y}h${(wide - gap).toFixed(1)}v${(tall - 1).toFixed(1)}h${(gap - wide).toFixed(1)}z`;
    });
  });
  return paths;
}

function Table({
  label,
  starts,
  columns,
  names,
  format,
}: Pick<HeatProps, "label" | "starts" | "columns" | "names" | "format">) {
  const series = names.map((name, level) => ({
    name,
    color: "--k-model",
    values: columns.map((column) => column[level] ?? null),
  }));
  return (
    <ChartTable
      label={label}
      starts={starts}
      series={series}
      totals={columns.map((column) => sumKnown(column))}
      format={format}
    />
  );
}
