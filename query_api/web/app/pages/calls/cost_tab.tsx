// What a call cost, bucket by bucket, and who states it.

import { type Bucket, bucketName, costPath, readCost } from "../../api/cost.ts";
import { useResource } from "../../api/resource.ts";
import { type Row, rowPath } from "../../api/traces.ts";
import { CostMark, isUnpriced } from "../../components/cost_mark.tsx";
import { Value } from "../../components/exact.tsx";
import { Icon } from "../../components/icon.tsx";
import { Pending } from "../../components/states.tsx";
import { count, moneyExact, price } from "../../format/numbers.ts";
import { costSentence } from "./reasons.ts";

export function CostTab({ row }: { readonly row: Row }) {
  const path = costPath(row.trace_id);
  const cost = useResource(path, (signal) => readCost(row.trace_id, signal));
  if (cost.data === null || cost.stale) return <Pending of={{ ...cost, data: null }} what="the cost" />;
  const { buckets, adds_up, note } = cost.data;
  return (
    <section class="cost" data-request={path}>
      {adds_up && buckets.length > 0 ? (
        <Buckets buckets={buckets} row={row} />
      ) : (
        <Tokens row={row} request={rowPath(row.trace_id)} />
      )}
      <p class={row.cost_cents === null || !adds_up ? "note" : "note good"}>
        <Icon name={row.cost_cents === null || !adds_up ? "alert" : "check"} />
        <span>{costSentence(cost.data, row)}</span>
      </p>
      {note !== null && (
        <p class="note">
          <Icon name="alert" />
          <span>{note}</span>
        </p>
      )}
    </section>
  );
}

function Buckets({ buckets, row }: { readonly buckets: readonly Bucket[]; readonly row: Row }) {
  const most = Math.max(...buckets.map(({ cost_cents }) => cost_cents), 1e-12);
  const tokens = buckets.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0);
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Bucket</th>
          <th scope="col" class="num">
            Tokens
          </th>
          <th scope="col" class="num">
            $ / M
          </th>
          <th scope="col" class="num">
            Cost
          </th>
        </tr>
      </thead>
      <tbody>
        {buckets.map(({ name, tokens, usd_per_million, cost_cents }, at) => (
          <tr key={name}>
            <th scope="row">
              {bucketName(name, buckets)}
              <span class="share" style={{ inlineSize: `${(100 * cost_cents) / most}%` }} />
            </th>
            <td class="num">
              <Value of={tokens} unit="tokens" from={`/buckets/${at}/tokens`}>
                {count(tokens)}
              </Value>
            </td>
            <td class="num">
              <Value of={usd_per_million} unit="usd_per_million" from={`/buckets/${at}/usd_per_million`}>
                {price(usd_per_million)}
              </Value>
            </td>
            <td class="num">
              <Value of={cost_cents} unit="cents" from={`/buckets/${at}/cost_cents`}>
                {moneyExact(cost_cents)}
              </Value>
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Sum</th>
          <td class="num">
            <Value of={tokens} unit="tokens" from={["sum", "/buckets/*/tokens"]}>
              {count(tokens)}
            </Value>
          </td>
          <td />
          <td class="num">
            <Value of={row.cost_cents} unit="cents" from="/cost_cents">
              {moneyExact(row.cost_cents)}
            </Value>
            <CostMark source={row.cost_source} />
          </td>
        </tr>
      </tfoot>
    </table>
  );
}

const TOKENS = [
  ["Input", "input_tokens"],
  ["of it from cache", "cache_read_tokens"],
  ["of it written to cache", "cache_write_tokens"],
  ["Output", "output_tokens"],
  ["of it reasoning", "reasoning_tokens"],
] as const;

/** Show the known tokens of a call whose cost is not made of buckets. */
function Tokens({ row, request }: { readonly row: Row; readonly request: string }) {
  const known = TOKENS.filter(([, field]) => row[field] !== null);
  if (known.length === 0 && row.cost_cents === null) return null;
  return (
    <table data-request={request}>
      <thead>
        <tr>
          <th scope="col">Tokens</th>
          <th scope="col" class="num" />
        </tr>
      </thead>
      <tbody>
        {known.map(([name, field]) => (
          <tr key={field}>
            <th scope="row">{name}</th>
            <td class="num">
              <Value of={row[field]} unit="tokens" from={`/${field}`}>
                {count(row[field])}
              </Value>
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Cost</th>
          <td class="num">
            <Value of={row.cost_cents} unit="cents" from="/cost_cents">
              {isUnpriced(row) ? "unpriced" : moneyExact(row.cost_cents)}
            </Value>
            <CostMark source={row.cost_source} />
          </td>
        </tr>
      </tfoot>
    </table>
  );
}
