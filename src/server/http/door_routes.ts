/**
 * The routes that execute commands, and touch nothing else of the server: those that a thread which does not own the
 * state can serve as well as the one that does.
 *
 * @module
 */
import { changeSession, postTxn } from "./command_routes.ts";
import type { CommandService } from "./command_service.ts";
import type { HttpGate } from "./gate.ts";
import { deleteEntry, getEntry, type Handler, putEntry } from "./kv_routes.ts";
import { deleteEntries, listEntries } from "./range_routes.ts";
import type { Bodies } from "./request_body.ts";
import { KV_ROUTE, SESSION_ROUTE } from "./request_target.ts";

/** A method that a route serves. */
export type Method = "GET" | "PUT" | "POST" | "DELETE";

/** A route and what serves it. */
export type Route = readonly [method: Method, path: string, handler: Handler];

/** JSON spells what is in it out: escapes and base64 make a command up to this many times as long. */
const JSON_EXPANSION = 2;

/** The most bytes of a command as JSON. */
export function jsonLimit(service: CommandService): number {
  return service.store.limits.maxCommandBytes * JSON_EXPANSION;
}

/** The routes, but for that of RPC, which is an app of its own. */
export function commandRoutes(service: CommandService, gate: HttpGate, bodies: Bodies): readonly Route[] {
  return [
    ["GET", KV_ROUTE, getEntry(service, gate)],
    ["PUT", KV_ROUTE, putEntry(service, gate, bodies)],
    ["DELETE", KV_ROUTE, deleteEntry(service, gate)],
    ["GET", "/v1/kv", listEntries(service, gate)],
    ["DELETE", "/v1/kv", deleteEntries(service, gate)],
    ["POST", "/v1/txn", postTxn(service, gate, bodies, jsonLimit(service))],
    ["PUT", SESSION_ROUTE, changeSession(service, gate, "openSession")],
    ["DELETE", SESSION_ROUTE, changeSession(service, gate, "closeSession")],
  ];
}
