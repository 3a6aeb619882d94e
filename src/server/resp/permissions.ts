/**
 * Plans that a client's user may carry out: the one place where the RESP doors ask.
 *
 * Invariant: every plan that touches the store is looked at here before it is run or queued, whatever command it came
 * from; what shows or ends other clients, or changes the server, is for those who may do everything.
 *
 * @module
 */
import { KvError } from "../../core/errors.ts";
import { encodeResult } from "../../core/kv/result_codec.ts";
import { type Access, adminDenial, denialOf, isFullAccess } from "../access/access.ts";
import { type Args, type CommandSpec, PermissionError, type Plan } from "./command_spec.ts";
import type { RespConnection } from "./connection.ts";
import { errorLine, errorResult } from "./resp_errors.ts";

/**
 * Plans a command.
 *
 * @throws {PermissionError} when the client's user may not do it
 */
export function permittedPlan(spec: CommandSpec, args: Args, connection: RespConnection): Plan {
  const { access } = connection.state;
  // Who has not logged in gets no further than the commands that lead there: see refusals.ts.
  if (access === null || isFullAccess(access)) return spec.plan(args, connection);
  if (spec.flags.includes("admin")) throwOf(adminDenial(access, spec.name.toUpperCase()));
  const plan = spec.plan(args, connection);
  const denial = denialOfPlan(access, plan);
  if (denial === null) return plan;
  // Whoever sends the bytes of commands reads the bytes of results.
  if (plan.kind === "encoded") {
    return { kind: "local", run: (_connection, out) => out.bulk(encodeResult(errorResult(denial))) };
  }
  return throwOf(denial);
}

/**
 * For what a container command has inside that only those may do who may do everything.
 *
 * @throws {PermissionError} when the client's user may not
 */
export function checkAdmin(what: string, { state: { access } }: RespConnection): void {
  if (access === null) return;
  const denial = adminDenial(access, what);
  if (denial !== null) throwOf(denial);
}

function denialOfPlan(access: Access, plan: Plan): KvError | null {
  switch (plan.kind) {
    case "operation":
      return denialOf(access, plan.operation);
    case "command":
    case "encoded":
      return denialOf(access, plan.command);
    case "inspect":
      return denialOf(access, plan.reads);
    case "local":
    case "wait":
      return null;
  }
}

function throwOf(denial: KvError | null): never {
  throw new PermissionError(errorLine(denial ?? new KvError("PERMISSION_DENIED", "not permitted")));
}
