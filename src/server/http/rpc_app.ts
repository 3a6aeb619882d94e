/**
 * `POST /v1/rpc`: one command in, its result out, both as JSON. A small app of its own, so that a typed client
 * (`hc<RpcApp>`) follows from it; its schema is written out, because an inferred one is slow to check and says
 * little to a reader.
 *
 * @module
 */
import { Hono } from "hono";
import type { BlankEnv } from "hono/types";
import { commandFromJson, type JsonCommand, type JsonResult, resultToJson } from "../../core/kv/json/json_form.ts";
import { type Consistency, staleReadOf } from "../../core/kv/stale_read.ts";
import type { CommandService } from "./command_service.ts";
import { boundResult } from "./bound_result.ts";
import type { HttpGate } from "./gate.ts";
import { consistencyOf } from "./kv_routes.ts";
import { type Problem, problemOfResult, type ProblemStatus } from "./problem.ts";
import { type Bodies, jsonBody } from "./request_body.ts";
import { Query } from "./request_target.ts";
import { commandSchema } from "./schemas.ts";
import { settle, settleRead } from "./settle.ts";

/** What is sent. */
interface RpcInput {
  readonly json: JsonCommand;
  readonly query?: { readonly consistency?: Consistency };
}

/** What a typed client needs to know of the route. */
export type RpcSchema = {
  readonly "/v1/rpc": {
    readonly $post:
      | {
        readonly input: RpcInput;
        readonly output: JsonResult;
        readonly outputFormat: "json";
        readonly status: 200;
      }
      | {
        readonly input: RpcInput;
        readonly output: Problem;
        readonly outputFormat: "json";
        readonly status: ProblemStatus;
      };
  };
};

/** The type of the app, for `hc`. */
export type RpcApp = Hono<BlankEnv, RpcSchema, "/">;

/** Serves the route; bodies have at most `limit` bytes. What it throws is the error handler's of the app around it. */
export function createRpcApp(service: CommandService, gate: HttpGate, bodies: Bodies, limit: number): RpcApp {
  return new Hono().post("/v1/rpc", jsonBody(commandSchema, bodies, limit), async (c) => {
    const command = commandFromJson(c.req.valid("json"));
    gate.permit(c.req.raw, command);
    const { url } = c.req.raw;
    const isStale = url.includes("?") && consistencyOf(new Query(url, ["consistency"])) === "stale";
    const result = isStale
      ? boundResult(await settleRead(service, staleReadOf(command), "stale"))
      : await settle(service, command, boundResult);
    if (result.type === "error") return problemOfResult(result) as never;
    return c.json(resultToJson(result), 200);
  });
}
