/**
 * `POST /v1/rpc`: one command in, its result out, both as JSON. A small app of its own, so that a typed client
 * (`hc<RpcApp>`) follows from it; its schema is written out, because an inferred one is slow to check and says
 * little to a reader.
 *
 * @module
 */
import { Hono } from "hono";
import type { BlankEnv } from "hono/types";
import { commandFromJson } from "../../core/kv/json/commands.ts";
import { resultToJson } from "../../core/kv/json/results.ts";
import type { JsonCommand, JsonResult } from "../../core/kv/json/types.ts";
import type { Service } from "../service.ts";
import { boundResult } from "./bound_result.ts";
import { type Problem, problemOfResult, type ProblemStatus } from "./problem.ts";
import { jsonBody } from "./request_body.ts";
import { commandSchema } from "./schemas.ts";
import { settle } from "./settle.ts";

/** What a typed client needs to know of the route. */
export type RpcSchema = {
  readonly "/v1/rpc": {
    readonly $post:
      | {
        readonly input: { readonly json: JsonCommand };
        readonly output: JsonResult;
        readonly outputFormat: "json";
        readonly status: 200;
      }
      | {
        readonly input: { readonly json: JsonCommand };
        readonly output: Problem;
        readonly outputFormat: "json";
        readonly status: ProblemStatus;
      };
  };
};

/** The type of the app, for `hc`. */
export type RpcApp = Hono<BlankEnv, RpcSchema, "/">;

/** Serves the route; bodies have at most `limit` bytes. What it throws is the error handler's of the app around it. */
export function createRpcApp(service: Service, limit: number): RpcApp {
  return new Hono().post("/v1/rpc", jsonBody(commandSchema, limit), async (c) => {
    const command = commandFromJson(c.req.valid("json"));
    const result = await settle(service, command, boundResult);
    if (result.type === "error") return problemOfResult(result) as never;
    return c.json(resultToJson(result), 200);
  });
}
