/**
 * MULTI, EXEC and WATCH. What is queued is planned when it arrives, from copies of its arguments; EXEC makes
 * one transaction of the plans, which compares the revisions of watched keys, so that it is atomic and isolated
 * on every replica.
 *
 * @module
 */
import type { Compare, Operation } from "../../core/kv/command.ts";
import type { Result } from "../../core/kv/result.ts";
import { type CommandSpec, PermissionError, type Plan, RespError, UnknownCommandError } from "./command_spec.ts";
import type { RespConnection } from "./connection.ts";
import { permittedPlan } from "./permissions.ts";
import { lineOf, replyByRun, replyResult } from "./replies.ts";
import type { ReplyWriter } from "./reply_writer.ts";

/** What may be queued. */
type QueuedPlan = Extract<Plan, { readonly kind: "operation" | "local" | "inspect" }>;

const QUEUED: Plan = { kind: "local", run: (_connection, out) => out.simple("QUEUED") };

/** The commands between MULTI and EXEC. */
export class Transaction {
  readonly plans: QueuedPlan[] = [];
  /** Whether a command was refused, so that EXEC will refuse. */
  aborted = false;
  /** The bytes of all queued arguments. */
  bytes = 0;

  /** EXEC will refuse. What was queued is let go. */
  abort(): void {
    this.aborted = true;
    this.plans.length = 0;
    this.bytes = 0;
  }
}

/** Queues a command of a client that is between MULTI and EXEC; gives the plan that says so. */
export function queueCommand(transaction: Transaction, spec: CommandSpec, connection: RespConnection): Plan {
  const limits = connection.service.store.limits;
  const args = connection.args().map((arg) => arg.slice());
  for (const arg of args) transaction.bytes += arg.length;
  if (transaction.bytes > limits.maxCommandBytes || transaction.plans.length >= limits.maxTxnOperations) {
    transaction.abort();
    throw new RespError(
      `ERR transaction too large: the limits are ${limits.maxTxnOperations} commands and ` +
        `${limits.maxCommandBytes} bytes of arguments`,
    );
  }
  const plan = planOrError(transaction, spec, args, connection);
  if (plan.kind === "command" || plan.kind === "encoded" || plan.kind === "wait") {
    transaction.abort();
    throw new RespError("ERR Command not allowed inside a transaction");
  }
  // Nothing is kept of a transaction that can only be discarded.
  if (!transaction.aborted) transaction.plans.push(plan);
  return QUEUED;
}

/** As in Redis, arguments that make no sense are an error in their place when the transaction is executed. */
function planOrError(
  transaction: Transaction,
  spec: CommandSpec,
  args: Uint8Array[],
  connection: RespConnection,
): Plan {
  try {
    return permittedPlan(spec, args, connection);
  } catch (error) {
    if (error instanceof UnknownCommandError || error instanceof PermissionError) {
      transaction.abort();
      throw error;
    }
    const line = lineOf(error);
    return {
      kind: "local",
      run: () => {
        throw new RespError(line);
      },
    };
  }
}

/** Ends the transaction and forgets the watched keys; gives the plan that executes it. */
export function planExec(connection: RespConnection): Plan {
  const { transaction, watched } = connection.state;
  if (transaction === null) throw new RespError("ERR EXEC without MULTI");
  connection.state.transaction = null;
  connection.state.watched = new Map();
  if (transaction.aborted) throw new RespError("EXECABORT Transaction discarded because of previous errors.");
  const plans = transaction.plans;
  const compare: Compare[] = [];
  for (const [key, operand] of watched) compare.push({ key, target: "modRevision", operator: "=", operand });
  const then: Operation[] = [];
  for (const plan of plans) if (plan.kind === "operation") then.push(plan.operation);
  if (compare.length === 0 && plans.every((plan) => plan.kind === "local")) {
    return { kind: "local", run: (_connection, out) => replyPlans(connection, plans, [], out) };
  }
  return {
    kind: "operation",
    operation: { type: "txn", compare, then, else: [] },
    changesClient: plans.some((plan) => plan.kind === "local"),
    reply: (result, out) => {
      if (result.type !== "txn") throw new Error(`a transaction gave a result of type ${result.type}`);
      if (result.succeeded) replyPlans(connection, plans, result.results, out);
      else out.nilArray();
    },
  };
}

function replyPlans(
  connection: RespConnection,
  plans: readonly QueuedPlan[],
  results: readonly Result[],
  out: ReplyWriter,
): void {
  out.array(plans.length);
  let next = 0;
  for (const plan of plans) {
    if (plan.kind === "operation") replyResult(connection, results[next++]!, plan.reply, out);
    else replyByRun(connection, plan.run, out);
  }
}
