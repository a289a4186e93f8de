// Compares the types of this client with the answers in the OpenAPI document: `make types` fails if they differ.

import type { Cost } from "./cost.ts";
import type { ErrorGroups } from "./errors.ts";
import type { Facets } from "./facets.ts";
import type { Latencies } from "./latencies.ts";
import type { Messages } from "./messages.ts";
import type { Routes } from "./schema.ts";
import type { Session } from "./sign_in.ts";
import type { Timeseries } from "./timeseries.ts";
import type { Row } from "./traces.ts";
import type { Columns, SpanRow, Tree } from "./trees.ts";
import type { Trust } from "./trust.ts";

type Answer<Route extends keyof Routes> = Routes[Route]["answer"];

/** Accept a type only if every answer of the API has it. */
type Accepts<Expected, Actual extends Expected> = Actual extends Expected ? true : never;

export type Checks = [
  Accepts<readonly Row[], Answer<"GET /v1/traces">["traces"]>,
  Accepts<Row, Answer<"GET /v1/traces/{trace_id}">>,
  Accepts<Messages, Answer<"GET /v1/traces/{trace_id}/messages">>,
  Accepts<Cost, Answer<"GET /v1/traces/{trace_id}/cost">>,
  Accepts<Facets, Answer<"GET /v1/facets">>,
  Accepts<Timeseries, Answer<"GET /v1/timeseries">>,
  Accepts<readonly Tree[], Answer<"GET /v1/trees">["trees"]>,
  Accepts<Columns, Answer<"GET /v1/trees/{otel_trace_id}">>,
  Accepts<SpanRow, Answer<"GET /v1/trees/{otel_trace_id}/spans/{otel_span_id}">>,
  Accepts<Latencies, Answer<"GET /v1/latencies">>,
  Accepts<ErrorGroups, Answer<"GET /v1/errors">>,
  Accepts<Trust, Answer<"GET /v1/trust">>,
  Accepts<Session, Answer<"GET /sign-in">>,
];
