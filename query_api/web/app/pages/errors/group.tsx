// One group of errors: what failed, how often, for how many people, when, with a sample.

import { type ErrorGroup, typeName } from "../../api/errors.ts";
import { Value } from "../../components/exact.tsx";
import { Icon } from "../../components/icon.tsx";
import { Spark } from "../../components/spark.tsx";
import { Asked } from "../../components/why.tsx";
import { count, counted } from "../../format/numbers.ts";
import { ago, instant, minute, parse } from "../../format/times.ts";
import { pageLink } from "../../state/address.ts";
import { zone } from "../../state/preferences.ts";
import { now } from "../../state/range.ts";
import { groupLink } from "../calls/links.ts";

interface Props {
  readonly of: ErrorGroup;
  /** Index of the group in the answer. */
  readonly at: number;
  readonly request: string;
}

export function Group({ of, at, request }: Props) {
  const first = parse(of.first_at) ?? 0;
  const last = parse(of.last_at) ?? 0;
  return (
    <li>
      <div class="about">
        <h2>
          <a class="title" href={groupLink(of)}>
            <span class="dot bad" />
            {typeName(of.error_type)}
          </a>
          <span class="quiet">{[of.provider, of.model].filter((each) => each !== null).join(" ")}</span>
        </h2>
        <p class="text">{of.message ?? <span class="quiet">no message</span>}</p>
        <p class="links">
          <a href={groupLink(of)}>
            <Icon name="list" />
            Calls like it
          </a>
          <a href={pageLink("calls", {}, of.sample.trace_id)} title={of.sample.message ?? undefined}>
            <Icon name="open" />
            Newest one
          </a>
        </p>
      </div>
      <Spark values={of.counts} color="--bad" label="Failed calls over time" />
      <div class="amount">
        <Asked
          name={typeName(of.error_type)}
          ask={() => ({
            title: `Why ${counted(of.calls, "failed call")}?`,
            lines: [
              ["First", "", instant(first, zone.value)],
              ["Last", "", instant(last, zone.value)],
              ["Users", "different known ones", count(of.users)],
            ],
            sum: ["Calls", "of one group", count(of.calls)],
            notes: [
              "Calls with the same type, provider, model and message; numbers, ids and quoted values in messages are not compared.",
              ...(of.sample.message === null ? [] : [`The newest message: ${of.sample.message}`]),
            ],
            request,
            exact: { value: of.calls, unit: "calls", from: `/groups/${at}/calls` },
          })}
        >
          {count(of.calls)}
        </Asked>
        <span class="quiet">{of.calls === 1 ? "call" : "calls"}</span>
      </div>
      <div class="amount">
        <b>
          <Value of={of.users} unit="users" from={`/groups/${at}/users`}>
            {count(of.users)}
          </Value>
        </b>
        <span class="quiet">{of.users === 1 ? "user" : "users"}</span>
      </div>
      <div class="last">
        <time title={instant(last, zone.value)}>{ago(last, Math.max(now.value, last), zone.value)}</time>
        <time class="quiet" title={`from ${instant(first, zone.value)}`}>
          {of.calls === 1 ? minute(last, zone.value) : `since ${minute(first, zone.value)}`}
        </time>
      </div>
    </li>
  );
}
