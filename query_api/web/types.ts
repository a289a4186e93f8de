/**
 * Write the types of the HTTP API: `python -m pulse_query_api.openapi | node types.ts`.
 *
 * app/api/schema.ts gets one type per component schema, and `Routes`: for each method and path the parameters
 * of the path, the query, the request body and the answer. The file is not in git: `make types` and
 * `make web-watch` write it.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  description?: string;
}

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

interface Operation {
  summary?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[];
  requestBody?: Content;
  responses: Record<string, Content>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const FILE = join(import.meta.dirname, "app", "api", "schema.ts");
const HEAD = "// Written by types.ts from the OpenAPI document of this server. Do not edit.\n";

/** The TypeScript type of a JSON schema. Formats, patterns and limits have no type. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split("/").at(-1) ?? "unknown";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  // Alternatives of one given type are formats of it.
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined && schema.type === undefined) return union(alternatives.map(typeOf));
  if (schema.allOf !== undefined) return schema.allOf.map(typeOf).join(" & ");
  if (schema.type === undefined) return schema.properties === undefined ? "unknown" : objectOf(schema);
  return union([schema.type].flat().map((name) => typeOfName(name, schema)));
}

function typeOfName(name: string, schema: Schema): string {
  switch (name) {
    case "integer":
    case "number":
      return "number";
    case "array":
      if (schema.prefixItems !== undefined) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
      return `Array<${schema.items === undefined ? "unknown" : typeOf(schema.items)}>`;
    case "object":
      return objectOf(schema);
    default:
      return name;
  }
}

function objectOf({ properties, required = [], additionalProperties }: Schema): string {
  if (properties === undefined) {
    const values = typeof additionalProperties === "object" ? typeOf(additionalProperties) : "unknown";
    return `Record<string, ${values}>`;
  }
  return members(
    Object.entries(properties).map(([name, schema]) => ({
      name,
      schema,
      required: required.includes(name),
      ...(schema.description === undefined ? {} : { description: schema.description }),
    })),
  );
}

function members(list: { name: string; schema: Schema; required?: boolean; description?: string }[]): string {
  const lines = list.map(({ name, schema, required, description }) => {
    const comment = description === undefined ? "" : `/** ${description.replaceAll("*/", "* /")} */ `;
    return `${comment}${JSON.stringify(name)}${required ? "" : "?"}: ${typeOf(schema)};`;
  });
  return lines.length === 0 ? "Record<string, never>" : `{\n${lines.join("\n")}\n}`;
}

function union(types: string[]): string {
  return [...new Set(types)].join(" | ");
}

function routeOf({ parameters = [], requestBody, responses }: Operation): string {
  const success = Object.entries(responses).find(([status]) => status.startsWith("2"));
  const parts = ["path", "query", "header"].map((place) => {
    const found = parameters.filter((parameter) => parameter.in === place);
    return `${place}: ${members(found)};`;
  });
  return `{\n${parts.join("\n")}\nbody: ${contentType(requestBody)};\nanswer: ${contentType(success?.[1])};\n}`;
}

/** The type of a JSON body; `null` without a body, `unknown` for another media type. */
function contentType(message: Content | undefined): string {
  if (message?.content === undefined) return "null";
  const schema = message.content["application/json"]?.schema;
  return schema === undefined ? "unknown" : typeOf(schema);
}

const document: Document = JSON.parse(readFileSync(0, "utf8"));
const types = Object.entries(document.components.schemas).map(
  ([name, schema]) => `export type ${name} = ${typeOf(schema)};\n`,
);
const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([, operation]) => "responses" in operation)
    .map(
      ([method, operation]) =>
        `/** ${operation.summary ?? path} */\n"${method.toUpperCase()} ${path}": ${routeOf(operation)};\n`,
    ),
);
mkdirSync(dirname(FILE), { recursive: true });
writeFileSync(FILE, `${HEAD}\n${types.join("\n")}\nexport interface Routes {\n${routes.join("")}}\n`);
