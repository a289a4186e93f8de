// Calls: a list with facets, figures and a histogram, and one call next to it or on a page of its own.

import { pageAddress } from "../../state/address.ts";
import { CallPage } from "./call_page.tsx";
import { CallsList } from "./calls_list.tsx";

export function CallsPage() {
  const { id } = pageAddress.value;
  return id === null ? <CallsList /> : <CallPage key={id} id={id} />;
}
