/**
 * `/v1/txn` and `/v1/sessions/{session}`: what is neither one entry nor a page of them.
 *
 * @module
 */
import { resultToJson, txnFromJson } from "../../core/kv/json/json_form.ts";
import type { CommandService } from "./command_service.ts";
import { boundResult } from "./bound_result.ts";
import { onceHeaders, parseSession, withOnce } from "./exactly_once.ts";
import type { HttpGate } from "./gate.ts";
import type { Handler } from "./kv_routes.ts";
import { problemOfResult } from "./problem.ts";
import type { Bodies } from "./request_body.ts";
import { sessionInPath } from "./request_target.ts";
import { check, txnSchema } from "./schemas.ts";
import { settle } from "./settle.ts";

/** Serves `POST /v1/txn`; bodies have at most `limit` bytes. */
export function postTxn(service: CommandService, gate: HttpGate, bodies: Bodies, limit: number): Handler {
  return async (c) => {
    const once = onceHeaders(c.req.raw.headers);
    const txn = txnFromJson(check(txnSchema, await bodies.json(c.req.raw, limit)));
    const command = withOnce(once, txn);
    gate.permit(c.req.raw, command);
    const result = await settle(service, command, boundResult);
    if (result.type === "error") return problemOfResult(result);
    return c.json(resultToJson(result));
  };
}

/** Serves `PUT` and `DELETE` of a session: opens it, or shows that it is there, with its incarnation; closes it. */
export function changeSession(
  service: CommandService,
  gate: HttpGate,
  type: "openSession" | "closeSession",
): Handler {
  return (c) => {
    const session = parseSession(sessionInPath(c.req.raw.url));
    gate.permit(c.req.raw, { type, session });
    return settle(service, { type, session }, (result) => {
      if (result.type === "error") return problemOfResult(result);
      const headers = new Headers({ "KV-Revision": String(result.revision) });
      if (result.type === "session") headers.set("KV-Incarnation", String(result.incarnation));
      return new Response(null, { status: 204, headers });
    });
  };
}
