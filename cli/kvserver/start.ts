/**
 * From settings to a server that runs.
 *
 * @module
 */
import type { ServerParts } from "../../src/server/parts.ts";
import { startServerOn } from "../../src/server/server.ts";
import type { Start } from "./run.ts";

/** Starts servers that stand on `parts`. */
export function startWith(parts: ServerParts): Start {
  return ({ maxKeyBytes, maxValueBytes, cluster, ...settings }, logLevels) =>
    startServerOn(parts, {
      ...settings,
      logLevels,
      limits: { maxKeyBytes, maxValueBytes },
      ...(cluster === null ? {} : { cluster }),
    });
}
