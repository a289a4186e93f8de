// The numbers of a chart as a table.

import { minute } from "../format/times.ts";
import { zone } from "../state/preferences.ts";
import type { BarSeries } from "./bars.tsx";

interface Props {
  readonly label: string;
  readonly starts: readonly number[];
  readonly series: readonly BarSeries[];
  readonly totals: readonly (number | null)[];
  readonly format: (value: number | null) => string;
}

export function ChartTable({ label, starts, series, totals, format }: Props) {
  return (
    <div class="chart-table" tabIndex={0} role="group" aria-label={`${label}, as table`}>
      <table>
        <caption class="sr">{label}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            {series.map((each) => (
              <th key={each.name} scope="col" class="num">
                {each.name}
              </th>
            ))}
            {series.length > 1 && (
              <th scope="col" class="num">
                Sum
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {starts.map((start, at) => (
            <tr key={start}>
              <th scope="row">{minute(start, zone.value)}</th>
              {series.map((each) => (
                <td key={each.name} class="num">
                  {format(each.values[at] ?? null)}
                </td>
              ))}
              {series.length > 1 && <td class="num">{format(totals[at] ?? null)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
