// The values by which a list can be narrowed down, with how often each occurs. Each is a link.

import { useState } from "preact/hooks";
import type { Facet, Facets as Found } from "../api/facets.ts";
import type { Resource } from "../api/resource.ts";
import { count } from "../format/numbers.ts";
import { filteredLink, pageAddress } from "../state/address.ts";
import { Value } from "./exact.tsx";
import { Pending } from "./states.tsx";

const SHOWN = 8;

/** Show the facets of the fields that have more than one value or are filtered by. */
export function Facets({
  of,
  fields,
  request,
}: {
  readonly of: Resource<Found>;
  readonly fields: readonly string[];
  readonly request: string;
}) {
  const { query } = pageAddress.value;
  const shown = fields.filter(
    (field) =>
      (of.data?.[field]?.values.filter(([value]) => value !== null).length ?? 0) > 0 ||
      query.get(field) !== null,
  );
  return (
    <aside class="facets" aria-label="Narrow down" data-request={request}>
      <Pending of={of} what="facets" lines={8} />
      {of.data !== null &&
        shown.map((field) => (
          <Field key={field} field={field} facet={of.data?.[field]} chosen={query.get(field)} />
        ))}
      {of.data !== null && shown.length === 0 && <p class="of">Nothing to narrow down.</p>}
    </aside>
  );
}

const NAMES: Readonly<Record<string, string>> = {
  user_id: "user",
  session_id: "session",
  finish_reason: "finish reason",
  error_type: "error",
};
// A map: the keys are data, and an object has members such as `constructor`.
const VALUES: ReadonlyMap<string, string> = new Map([["no_usage", "no usage"]]);

function Field({
  field,
  facet,
  chosen,
}: {
  readonly field: string;
  readonly facet: Facet | undefined;
  readonly chosen: string | null;
}) {
  const [all, setAll] = useState(false);
  const values = facet?.values ?? [];
  const missing =
    chosen !== null && !values.some(([value]) => value === chosen) ? [[chosen, null] as const] : [];
  const listed = [...(all ? values : values.slice(0, SHOWN)), ...missing];
  return (
    <fieldset>
      <legend>{NAMES[field] ?? field}</legend>
      {listed.map(([value, calls], at) =>
        value === null ? (
          <div key="none" class="facet">
            <span class="name quiet">none</span>
            <Calls of={calls} field={field} at={at} />
          </div>
        ) : (
          <a
            key={value}
            class="facet"
            href={facetLink(field, value === chosen ? null : value)}
            aria-current={value === chosen ? "true" : undefined}
            title={value}
          >
            <span class="name">{VALUES.get(value) ?? value}</span>
            <Calls of={calls} field={field} at={at} />
          </a>
        ),
      )}
      {values.length > SHOWN && (
        <button type="button" class="tiny more" onClick={() => setAll(!all)}>
          {all ? (
            "fewer"
          ) : (
            <>
              <Value
                of={values.length - SHOWN}
                unit="values"
                from={["minus", ["count", `/${field}/values/*`], SHOWN]}
              >
                {count(values.length - SHOWN)}
              </Value>{" "}
              more
            </>
          )}
        </button>
      )}
      {facet !== undefined && facet.of !== "all" && (
        <p class="of">of the {facet.of.replace(/\d+$/, (digits) => count(Number(digits)))} calls</p>
      )}
    </fieldset>
  );
}

/**
 * Return the address with another value of a field. A list of counted calls remains one: with an operation and without
 * `counted`, the API lists rows whose call another row counts, too.
 */
function facetLink(field: string, value: string | null): string {
  const { query } = pageAddress.value;
  const narrows = field === "operation" && value !== null && query.get("operation") === null;
  const counted = narrows && query.get("counted") === null ? { counted: "true" } : {};
  return filteredLink({ [field]: value, ...counted });
}

/** The number of calls with a value; nothing for a value that is not among the counted ones. */
const Calls = ({
  of,
  field,
  at,
}: {
  readonly of: number | null;
  readonly field: string;
  readonly at: number;
}) =>
  of === null ? null : (
    <Value of={of} unit="calls" from={`/${field}/values/${at}/1`} class="num">
      {count(of)}
    </Value>
  );
