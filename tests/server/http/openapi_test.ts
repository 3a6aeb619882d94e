import { describe, expect, test } from "vitest";
import { createFixture } from "./http_fixture.ts";

type Json = { readonly [name: string]: unknown };

interface Document {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Json> };
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { in: string; name: string; schema: Json; required?: boolean }[];
  readonly requestBody?: { content: Record<string, { schema: Json }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: Json }> }>;
}

async function load(): Promise<{ document: Document; fixture: ReturnType<typeof createFixture> }> {
  const fixture = createFixture();
  const response = await fixture.request("GET", "/openapi.json");
  expect(response.headers.get("content-type")).toContain("application/json");
  return { document: await response.json() as Document, fixture };
}

function operationsOf(document: Document): [path: string, method: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [path, method, operation])
  );
}

/** Calls `visit` with every object inside `json`. */
function walk(json: unknown, visit: (object: Json, path: string) => void, path = "#"): void {
  if (Array.isArray(json)) json.forEach((item, i) => walk(item, visit, `${path}/${i}`));
  else if (typeof json === "object" && json !== null) {
    visit(json as Json, path);
    for (const [name, value] of Object.entries(json)) walk(value, visit, `${path}/${name}`);
  }
}

describe("/openapi.json", () => {
  test("describes exactly the routes that are served", async () => {
    const { document, fixture } = await load();
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info).toMatchObject({ title: "kvpaxos", version: "1.2.3" });
    const described = operationsOf(document).map(([path, method]) => `${method.toUpperCase()} ${path}`);
    const served = new Set(fixture.http.app.routes.map(({ method, path }) => `${method} ${path}`));
    expect(new Set(described)).toEqual(served);
    expect(new Set(operationsOf(document).map(([, , { operationId }]) => operationId)).size).toBe(described.length);
  });

  test("every operation has a summary, answers with content, problems, and its path parameters", async () => {
    const { document } = await load();
    for (const [path, method, operation] of operationsOf(document)) {
      const name = `${method} ${path}`;
      expect(operation.summary, name).not.toBe("");
      expect(Object.keys(operation.responses).some((status) => status.startsWith("2")), name).toBe(true);
      for (const [status, response] of Object.entries(operation.responses)) {
        expect(response.description, `${name} ${status}`).not.toBe("");
        if (Number(status) < 400) continue;
        expect(response.content, `${name} ${status}`).toEqual({
          "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
        });
      }
      const names = (operation.parameters ?? []).map((parameter) => `${parameter.in} ${parameter.name}`);
      expect(new Set(names).size, name).toBe(names.length);
      for (const [, parameter] of path.matchAll(/\{(\w+)\}/g)) expect(names).toContain(`path ${parameter}`);
      if (method === "put" && path === "/v1/kv/{key}") expect(operation.requestBody).toBeDefined();
      if (method === "post") expect(operation.requestBody?.content["application/json"]).toBeDefined();
    }
  });

  test("every reference leads somewhere, and every schema is used", async () => {
    const { document } = await load();
    const used = new Set<string>();
    walk(document, ({ $ref }) => {
      if (typeof $ref !== "string") return;
      const match = /^#\/components\/schemas\/(\w+)$/.exec($ref);
      expect(match, $ref).not.toBeNull();
      expect(document.components.schemas, $ref).toHaveProperty(match![1]!);
      used.add(match![1]!);
    });
    expect(used).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  test("schemas use JSON Schema's types only, and require what they name", async () => {
    const { document } = await load();
    const types = ["string", "number", "integer", "boolean", "object", "array", "null"];
    walk(document.components.schemas, (schema, path) => {
      const { type, required, properties } = schema;
      if (path.endsWith("/properties")) return;
      if (type !== undefined) {
        for (const one of Array.isArray(type) ? type : [type]) expect(types, path).toContain(one);
      }
      if (required !== undefined) {
        for (const name of required as string[]) expect(Object.keys(properties as Json), path).toContain(name);
      }
    });
  });

  test("the schemas of commands say what the server checks", async () => {
    const { document } = await load();
    const command = document.components.schemas["Command"] as { oneOf: { properties: { type: Json } }[] };
    const types = command.oneOf.map(({ properties }) => properties.type["const"]);
    expect(types).toEqual([
      "put",
      "get",
      "getMany",
      "delete",
      "deleteRange",
      "range",
      "increment",
      "incrementFloat",
      "append",
      "setRange",
      "expire",
      "txn",
      "openSession",
      "closeSession",
      "once",
    ]);
  });
});
