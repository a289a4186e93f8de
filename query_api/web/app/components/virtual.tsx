// A grid of rows of one height, of which only those near the visible part exist. It has one tab stop.

import type { ComponentChildren, HTMLAttributes } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { scrolledTo, visibleRows } from "./visible_rows.ts";

export interface RowsProps {
  /** Prefix of the rows' element ids; unique on the page. */
  readonly id: string;
  readonly label: string;
  readonly count: number;
  /** Number of rows that exist, also beyond those loaded; -1 if unknown. */
  readonly total: number;
  /** Index of the chosen row; -1 for none. */
  readonly chosen: number;
  readonly role?: "grid" | "treegrid";
  readonly busy?: boolean;
  /** Header row; it scrolls with nothing. */
  readonly head?: ComponentChildren;
  readonly foot?: ComponentChildren;
  /** Return the attributes and cells of a row. */
  readonly row: (index: number) => {
    readonly key: string;
    readonly props?: HTMLAttributes<HTMLDivElement> & { readonly "data-request"?: string };
    readonly cells: ComponentChildren;
  };
  /** Called when the end of the loaded rows comes near. */
  readonly onEnd?: () => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

const BEYOND = 8;

/**
 * Render the rows. Their height is that of an element with the class `row-probe`, so that stylesheets decide it by
 * density and by the width of a container.
 */
export function Rows(props: RowsProps) {
  const {
    id,
    label,
    count,
    total,
    chosen,
    role = "grid",
    busy = false,
    head,
    foot,
    row,
    onEnd,
    onKeyDown,
  } = props;
  const box = useRef<HTMLDivElement>(null);
  const probe = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(48);
  const [view, setView] = useState({ top: 0, size: 900 });

  const look = useCallback(() => {
    const element = box.current;
    if (element !== null)
      setView((old) =>
        old.top === element.scrollTop && old.size === element.clientHeight
          ? old
          : { top: element.scrollTop, size: element.clientHeight },
      );
  }, []);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => {
      const measured = probe.current?.getBoundingClientRect().height ?? 0;
      if (measured > 0) setHeight(measured);
      look();
    });
    if (box.current !== null) observer.observe(box.current);
    if (probe.current !== null) observer.observe(probe.current);
    return () => observer.disconnect();
  }, []);

  const [first, end] = visibleRows(view.top, view.size, height, count, BEYOND);
  useEffect(() => {
    if (onEnd !== undefined && end >= count - BEYOND && count > 0) onEnd();
  }, [end, count, onEnd]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null || chosen < 0) return;
    element.scrollTop = scrolledTo(chosen * height, height, element.scrollTop, element.clientHeight);
    look();
  }, [chosen, height]);

  const rows = [];
  for (let index = first; index < end; index += 1) {
    const { key, props: more, cells } = row(index);
    rows.push(
      <div
        key={key}
        {...more}
        id={`${id}-${index}`}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={index === chosen}
        style={{ transform: `translateY(${index * height}px)` }}
      >
        {cells}
      </div>,
    );
  }
  const active = chosen >= first && chosen < end ? `${id}-${chosen}` : undefined;
  return (
    <div
      class="grid-box"
      role={role}
      aria-label={label}
      aria-rowcount={total < 0 ? -1 : total + 1}
      aria-busy={busy}
      aria-activedescendant={active}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      {head}
      <div ref={box} class="rows" role="rowgroup" onScroll={look}>
        <div ref={probe} class="row-probe" aria-hidden="true" />
        <div class="canvas" role="presentation" style={{ blockSize: `${count * height}px` }}>
          {rows}
        </div>
        {foot}
      </div>
    </div>
  );
}
