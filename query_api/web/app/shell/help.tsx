// The list of keys.

import { Dialog } from "../components/dialogs.tsx";
import { PAGES } from "../pages/registry.ts";
import { availableKeys, JUMPS, keyName } from "../state/keys.ts";

export function Help({ close }: { readonly close: () => void }) {
  const jumps = Object.entries(JUMPS).flatMap(([key, page]) =>
    PAGES.filter((each) => each.page === page).map((each) => [key, each.name] as const),
  );
  return (
    <Dialog label="Keys" class="help" close={close}>
      <h2>Keys</h2>
      <dl>
        <Row keys={["Ctrl K"]} text="search or jump" />
        {availableKeys().map(({ keys, text }) => (
          <Row key={text} keys={keys.map(keyName)} text={text} />
        ))}
        {jumps.map(([key, name]) => (
          <Row key={key} keys={["g", key]} text={`go to ${name}`} />
        ))}
      </dl>
      <p class="hint">On a chart: arrows move, Shift and arrows choose a range, Enter opens it.</p>
      <div class="foot">
        <button type="button" class="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

const Row = ({ keys, text }: { readonly keys: readonly string[]; readonly text: string }) => (
  <>
    <dt>
      {keys.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </dt>
    <dd>{text}</dd>
  </>
);
