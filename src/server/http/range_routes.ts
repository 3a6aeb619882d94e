/**
 * `/v1/kv` and `/v1/events`: many entries, or past events, as JSON pages. A page is bounded by a count and by
 * bytes, and says how to get the next.
 *
 * @module
 */
import { toBase64Url } from "../../codec/base64.ts";
import { EMPTY, type Key, keyToBytes, prefixEnd } from "../../codec/bytes.ts";
import type { Range } from "../../core/kv/command.ts";
import { eventToJson, keyedEntryToJson } from "../../core/kv/json/json_form.ts";
import type { RangeResult, WatchEvent } from "../../core/kv/result.ts";
import type { Service } from "../service.ts";
import type { CommandService } from "./command_service.ts";
import { fittingEntries, MAX_ANSWER_BYTES } from "./bound_result.ts";
import { onceHeaders, parseSession, withOnce } from "./exactly_once.ts";
import type { HttpGate } from "./gate.ts";
import { consistencyOf, type Handler } from "./kv_routes.ts";
import { malformed, problemOfResult } from "./problem.ts";
import { Query } from "./request_target.ts";
import { settle, settleBarrier, settleRead } from "./settle.ts";

/** Which keys a request names. */
export interface KeyRange {
  readonly start: Key;
  /** Null means no upper bound. */
  readonly end: Key | null;
}

/** The parameters that name a range. */
export const RANGE_PARAMETERS: readonly string[] = ["prefix", "start", "end"];

const LIST_PARAMETERS = [...RANGE_PARAMETERS, "limit", "reverse", "keys_only", "count_only", "cursor", "consistency"];
const EVENTS_PARAMETERS = [...RANGE_PARAMETERS, "from_revision", "limit"];
/** The entries, or events, of a page unless another number is asked for. */
const DEFAULT_PAGE = 1000;
/** The most entries, or about the most events, of a page. */
const LARGEST_PAGE = 10_000;

/**
 * The range that the query names: a prefix, or [start, end), or every key.
 *
 * @throws {HttpProblem} 400 for both
 */
export function rangeOf(query: Query): KeyRange {
  const prefix = query.bytes("prefix");
  if (prefix === null) return { start: query.bytes("start") ?? ("" as Key), end: query.bytes("end") };
  if (query.has("start") || query.has("end")) throw malformed("both prefix and start or end; name the range one way");
  return { start: prefix, end: prefixEnd(prefix) };
}

function pageSize(query: Query): number {
  return Math.min(query.wholeNumber("limit", 1) ?? DEFAULT_PAGE, LARGEST_PAGE);
}

/** The range that is left after the page whose last key the cursor holds. */
function afterCursor(range: KeyRange, cursor: Key | null, reverse: boolean): KeyRange {
  if (cursor === null) return range;
  // A cursor is a key of the range in base64url, which is what session ids are written in too.
  const key = parseSession(cursor);
  if (reverse) return { start: range.start, end: key };
  return { start: key + "\0" as Key, end: range.end };
}

/** Serves `GET /v1/kv`. */
export function listEntries(service: CommandService, gate: HttpGate): Handler {
  return (c) => {
    const query = new Query(c.req.raw.url, LIST_PARAMETERS);
    const reverse = query.flag("reverse");
    const count = query.flag("count_only");
    const keys = query.flag("keys_only");
    if (count && (keys || query.has("limit") || query.has("cursor"))) {
      throw malformed("count_only goes with no keys_only, limit or cursor");
    }
    const operation: Range = {
      type: "range",
      ...afterCursor(rangeOf(query), query.bytes("cursor"), reverse),
      limit: count ? 0 : pageSize(query),
      reverse,
      projection: count ? "count" : keys ? "keys" : "entries",
    };
    const answer = (result: Awaited<ReturnType<typeof settleRead>>): Response => {
      if (result.type === "error") return problemOfResult(result);
      if (result.type !== "range") throw new TypeError(`a range gave a ${result.type}`);
      return c.json(count ? { revision: result.revision, count: result.count } : page(result, keys));
    };
    gate.permit(c.req.raw, operation);
    const result = settleRead(service, operation, consistencyOf(query));
    return result instanceof Promise ? result.then(answer) : answer(result);
  };
}

function page(result: RangeResult, keysOnly: boolean): Record<string, unknown> {
  const fitting = fittingEntries(result.entries, MAX_ANSWER_BYTES);
  const entries = fitting < result.entries.length ? result.entries.slice(0, fitting) : result.entries;
  const more = result.more || fitting < result.entries.length;
  const last = entries[entries.length - 1];
  return {
    revision: result.revision,
    entries: entries.map((keyed) => {
      if (!keysOnly) return keyedEntryToJson(keyed);
      const { value: _, ...rest } = keyedEntryToJson({ key: keyed.key, entry: { ...keyed.entry, value: EMPTY } });
      return rest;
    }),
    count: entries.length,
    more,
    cursor: more && last !== undefined ? toBase64Url(keyToBytes(last.key)) : null,
  };
}

/** Serves `DELETE /v1/kv`. */
export function deleteEntries(service: CommandService, gate: HttpGate): Handler {
  return (c) => {
    const { url, headers } = c.req.raw;
    const query = new Query(url, RANGE_PARAMETERS);
    const { start, end } = rangeOf(query);
    // A script whose variable is empty must not empty the store.
    if (start.length === 0) {
      throw malformed("neither a prefix nor a start, or an empty one; start=%00 without an end deletes every key");
    }
    const command = withOnce(onceHeaders(headers), { type: "deleteRange", start, end });
    gate.permit(c.req.raw, command);
    return settle(service, command, (result) => {
      if (result.type === "error") return problemOfResult(result);
      if (result.type !== "delete") throw new TypeError(`a deleteRange gave a ${result.type}`);
      return c.json({ deleted: result.deleted, revision: result.revision });
    });
  };
}

/** How many of `events`, by whole revisions from the first on, fit in {@link MAX_ANSWER_BYTES}: at least one revision. */
function fittingEvents(events: readonly WatchEvent[]): number {
  let bytes = 0;
  let whole = 0;
  for (let i = 0; i < events.length; i++) {
    const { key, entry, revision } = events[i]!;
    if (i > 0 && revision !== events[i - 1]!.revision) {
      if (bytes > MAX_ANSWER_BYTES) return whole > 0 ? whole : i;
      whole = i;
    }
    bytes += key.length + entry.value.length;
  }
  return bytes > MAX_ANSWER_BYTES && whole > 0 ? whole : events.length;
}

/** Serves `GET /v1/events`. */
export function listEvents(service: Service, gate: HttpGate): Handler {
  const { store } = service;
  return (c) => {
    const query = new Query(c.req.raw.url, EVENTS_PARAMETERS);
    const range = rangeOf(query);
    const fromRevision = query.wholeNumber("from_revision", 1);
    if (fromRevision === null) {
      throw malformed("no from_revision; start with the revision of an answer plus 1, then with nextRevision");
    }
    const limit = pageSize(query);
    gate.permit(c.req.raw, { type: "range", ...range, limit, reverse: false, projection: "entries" });
    return settleBarrier(service, () => {
      const found = store.events({ ...range, fromRevision, limit });
      const events = found.slice(0, fittingEvents(found));
      // A page that was not cut has seen everything up to the present revision.
      const cut = found.length >= limit || events.length < found.length;
      const last = events[events.length - 1];
      const seen = cut && last !== undefined ? last.revision : Math.max(store.revision, fromRevision - 1);
      return c.json({ revision: store.revision, events: events.map(eventToJson), nextRevision: seen + 1 });
    });
  };
}
