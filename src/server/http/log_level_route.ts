/**
 * `/v1/admin/log-level`: how much the server logs, and a way to change it without a restart.
 *
 * @module
 */
import * as v from "valibot";
import { LOG_LEVELS, type LogLevel, type LogLevels } from "../log_levels.ts";
import type { HttpGate } from "./gate.ts";
import type { Handler } from "./kv_routes.ts";
import { HttpProblem, malformed } from "./problem.ts";
import type { Bodies } from "./request_body.ts";
import { check } from "./schemas.ts";

/** The most bytes of a body. */
const MAX_BODY_BYTES = 4096;

const levelSchema: v.GenericSchema<{ readonly category: string; readonly level: LogLevel | null }> = v
  .strictObject({ category: v.string(), level: v.nullable(v.picklist(LOG_LEVELS)) });

/** `GET`: the levels by category. */
export function getLogLevels(levels: LogLevels | undefined): Handler {
  return (c) => c.json({ levels: existing(levels).levels() });
}

/** `PUT`: sets one, and answers with all. For users who may do everything. */
export function putLogLevel(levels: LogLevels | undefined, gate: HttpGate, bodies: Bodies): Handler {
  return async (c) => {
    gate.permitAdmin(c.req.raw, "PUT /v1/admin/log-level");
    const control = existing(levels);
    const { category, level } = check(levelSchema, await bodies.json(c.req.raw, MAX_BODY_BYTES));
    try {
      control.setLevel(category, level);
    } catch (error) {
      if (error instanceof RangeError) throw malformed(error.message);
      throw error;
    }
    return c.json({ levels: control.levels() });
  };
}

function existing(levels: LogLevels | undefined): LogLevels {
  if (levels !== undefined) return levels;
  throw new HttpProblem(
    "NOT_FOUND",
    "the log of this server is configured by the program around it, which offers no change",
  );
}
