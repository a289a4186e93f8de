// Range of time and zone: which range a page shows, pinning it, and the zone that all times are shown in.

import { useState } from "preact/hooks";
import { Menu } from "../components/dialogs.tsx";
import { Icon } from "../components/icon.tsx";
import {
  browserZone,
  date,
  fromLocal,
  offsetText,
  range as rangeText,
  rfc3339,
  toLocal,
} from "../format/times.ts";
import { change } from "../state/address.ts";
import { chosenZone, zone } from "../state/preferences.ts";
import { now as clock, pinned, RANGES, range, rangeName, refresh } from "../state/range.ts";

export function RangeMenu() {
  const now = range.value;
  const name = rangeName(now) ?? rangeText(now.from, now.to, zone.value);
  return (
    <>
      <button
        type="button"
        class="button icon-only pin"
        aria-pressed={now.name === null}
        aria-label={
          now.name === null ? "Let the range move with the clock" : "Pin the range to these instants"
        }
        title={
          now.name === null
            ? "The range is fixed: let it move with the clock"
            : "The range moves with the clock: pin it"
        }
        onClick={() => change(pinned(now), { add: true })}
      >
        <Icon name="pin" />
      </button>
      <Menu
        label="Range of time"
        class="button range"
        button={
          <>
            <span class="name">{name}</span>
            <span class="zone">{offsetText(now.to, zone.value)}</span>
            <Icon name="down" />
          </>
        }
      >
        {(close) => <Choices close={close} />}
      </Menu>
    </>
  );
}

function Choices({ close }: { readonly close: () => void }) {
  const now = range.value;
  const day = yesterday(clock.value, zone.value);
  const choose = (name: string): void => {
    close();
    refresh();
    change({ range: name, from: null, to: null }, { add: true });
  };
  return (
    <>
      {RANGES.map(([id, name]) => (
        <button key={id} type="button" class="item" aria-pressed={now.name === id} onClick={() => choose(id)}>
          {name}
        </button>
      ))}
      <button
        type="button"
        class="item"
        aria-pressed={now.name === null && now.from === day.from && now.to === day.to}
        onClick={() => {
          close();
          change({ range: null, from: rfc3339(day.from), to: rfc3339(day.to) }, { add: true });
        }}
      >
        Yesterday
      </button>
      <hr />
      <FromTo key={`${now.from} ${now.to} ${zone.value}`} close={close} />
      <hr />
      <Zones />
    </>
  );
}

/** Return the day before an instant in a zone, from midnight to midnight. */
function yesterday(at: number, shown: string): { readonly from: number; readonly to: number } {
  const to = fromLocal(date(at, shown), shown) ?? at;
  return { from: fromLocal(date(to - 1, shown), shown) ?? to - 86_400_000, to };
}

function FromTo({ close }: { readonly close: () => void }) {
  const now = range.value;
  const [from, setFrom] = useState(toLocal(now.from, zone.value));
  const [to, setTo] = useState(toLocal(now.to, zone.value));
  const [start, end] = [fromLocal(from, zone.value), fromLocal(to, zone.value)];
  const wrong = start === null || end === null || start >= end;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (start === null || end === null || wrong) return;
    close();
    change({ range: null, from: rfc3339(start), to: rfc3339(end) }, { add: true });
  };
  return (
    <form class="from-to" onSubmit={submit}>
      <label>
        From{" "}
        <input type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        To <input type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <button type="submit" class="button" disabled={wrong}>
        Show this range
      </button>
    </form>
  );
}

function Zones() {
  const own = browserZone();
  const names = Intl.supportedValuesOf("timeZone");
  return (
    <>
      <div class="pair" role="group" aria-label="Zone">
        <button
          type="button"
          aria-pressed={chosenZone.value === null}
          onClick={() => (chosenZone.value = null)}
        >
          Local
        </button>
        <button type="button" aria-pressed={zone.value === "UTC"} onClick={() => (chosenZone.value = "UTC")}>
          UTC
        </button>
      </div>
      <label class="zones">
        <span class="sr">Other zone</span>
        <select
          value={zone.value}
          onChange={(event) =>
            (chosenZone.value = event.currentTarget.value === own ? null : event.currentTarget.value)
          }
        >
          {!names.includes(zone.value) && <option value={zone.value}>{zone.value}</option>}
          {names.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      </label>
      <p class="hint">
        All times are shown in {zone.value}. Links have instants, so they mean the same everywhere.
      </p>
    </>
  );
}
