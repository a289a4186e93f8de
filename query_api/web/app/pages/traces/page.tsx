// Traces: the list, or one trace.

import { address } from "../../state/address.ts";
import { TracePage } from "../trace/trace_page.tsx";
import { TracesList } from "./traces_list.tsx";

export function TracesPage() {
  const { id } = address.value;
  return id === null ? <TracesList /> : <TracePage key={id} id={id} />;
}
