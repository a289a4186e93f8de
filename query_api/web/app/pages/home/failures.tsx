// The largest groups of errors.

import { type ErrorGroups, typeName } from "../../api/errors.ts";
import type { Resource } from "../../api/resource.ts";
import { Value } from "../../components/exact.tsx";
import { Spark } from "../../components/spark.tsx";
import { Pending } from "../../components/states.tsx";
import { Asked } from "../../components/why.tsx";
import { count, counted } from "../../format/numbers.ts";
import { minute, parse } from "../../format/times.ts";
import { pageLink } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { groupLink } from "../calls/links.ts";

interface Props {
  readonly of: Resource<ErrorGroups>;
  readonly request: string;
}

export const SHOWN_GROUPS = 5;

export function Failures({ of, request }: Props) {
  return (
    <section class="panel failures" data-request={request} aria-label="Errors">
      <div class="bar">
        <h2>Errors</h2>
        <span class="grow" />
        <a href={pageLink("errors")}>All errors</a>
      </div>
      <Pending of={of} what="the errors" lines={5} />
      {of.data?.groups.length === 0 && <p class="quiet">No call failed in this range.</p>}
      <ul>
        {of.data?.groups.slice(0, SHOWN_GROUPS).map((group, at) => (
          <li key={[group.error_type, group.provider, group.model, group.message].join("\n")}>
            <a href={groupLink(group)} title={group.message ?? undefined}>
              <strong>{typeName(group.error_type)}</strong>{" "}
              <span class="quiet">{group.model ?? group.provider}</span>
              <span class="text">{group.message ?? "no message"}</span>
            </a>
            <Spark values={group.counts} color="--bad" label="over time" />
            <span class="num">
              <Asked
                name={typeName(group.error_type)}
                ask={() => ({
                  title: `Why ${counted(group.calls, "failed call")}?`,
                  lines: [
                    ["First", "", minute(parse(group.first_at) ?? 0, zone.value)],
                    ["Last", "", minute(parse(group.last_at) ?? 0, zone.value)],
                    ["Users", "known ones", count(group.users)],
                  ],
                  notes: [
                    "Calls with the same type, provider, model and message; numbers and ids in messages are not compared.",
                  ],
                  request,
                  exact: { value: group.calls, unit: "calls", from: `/groups/${at}/calls` },
                })}
              >
                {count(group.calls)}
              </Asked>
              <span class="quiet">
                <Value of={group.users} unit="users" from={`/groups/${at}/users`}>
                  {counted(group.users, "user")}
                </Value>
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
