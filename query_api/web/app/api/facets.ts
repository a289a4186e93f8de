// Reads which values the filters of a list have, and how often.

import { get, route } from "./request.ts";

export interface Facet {
  readonly values: readonly (readonly [string | null, number])[];
  /** `all`, or which rows were counted, such as `newest 20000`. */
  readonly of: string;
}

export type Facets = Readonly<Record<string, Facet>>;

export const facetsPath = (filters: URLSearchParams, fields: readonly string[]): string =>
  route("/v1/facets", new URLSearchParams([...filters, ["fields", fields.join(",")]]));

export const readFacets = (path: string, signal?: AbortSignal): Promise<Facets> => get<Facets>(path, signal);
