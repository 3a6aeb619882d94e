/**
 * Which meter counts which request of a RESP door. Found by the command's number, so that counting costs an array
 * look-up; what carries another command inside is counted as that one.
 *
 * @module
 */
import { type Command, isRead } from "../../core/kv/command.ts";
import { decodeResult, isErrorResult } from "../../core/kv/result_codec.ts";
import {
  type CommandMeter,
  type DoorMetrics,
  type RequestKind,
  type RequestResult,
  resultOfCode,
} from "../metrics/door_metrics.ts";
import type { CommandSpec } from "./command_spec.ts";
import type { KnownCommand } from "./command_table.ts";
import type { Slot } from "./reply_queue.ts";

/** The meters of one door. */
export class RequestMeters {
  readonly door: DoorMetrics;
  /** Counts what is no command. */
  readonly malformed: CommandMeter;
  readonly #unknown: CommandMeter;
  readonly #byNumber: (CommandMeter | undefined)[] = [];

  constructor(door: DoorMetrics) {
    this.door = door;
    this.malformed = door.meter("malformed", "other");
    this.#unknown = door.meter("unknown", "other");
  }

  /** The meter of a command; undefined for one that the door does not know. */
  of(spec: KnownCommand | undefined): CommandMeter {
    if (spec === undefined) return this.#unknown;
    return this.#byNumber[spec.number] ??= this.door.meter(spec.name, kindOf(spec));
  }

  /** The meter of a command that came as bytes. */
  encoded(command: Command): CommandMeter {
    const { type } = command.type === "once" ? command.operation : command;
    return this.door.meter(`kv:${type}`, isRead(command) ? "read" : "write");
  }
}

function kindOf({ flags }: CommandSpec): RequestKind {
  if (flags.includes("write")) return "write";
  return flags.includes("readonly") ? "read" : "other";
}

/** How the request of a slot that is filled has ended. */
export function resultOf({ error, result, bytes, form }: Slot): RequestResult {
  if (error !== null) return resultOfCode(error.code);
  if (result !== null) return result.type === "error" ? resultOfCode(result.code) : "ok";
  if (bytes === null || form === "reply" || !isErrorResult(bytes)) return "ok";
  const decoded = decodeResult(bytes);
  return decoded.type === "error" ? resultOfCode(decoded.code) : "ok";
}
