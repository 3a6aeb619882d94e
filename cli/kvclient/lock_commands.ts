/**
 * `lock` and `elect`: run a command while a lock is held, and end it when the lock is lost.
 *
 * @module
 */
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import type { RunningCommand } from "../terminal.ts";
import type { Context } from "./context.ts";
import { FLAGS } from "./flags.ts";
import type { HeldLock, LockRequest, Store } from "./store.ts";

/** How long a lock outlasts this program when it is gone, unless told otherwise. */
const DEFAULT_TTL_MS = 10_000;
/** What shells say of a command that cannot be run. */
const NOT_FOUND = 127;

/** `lock NAME -- COMMAND…` */
export function lock(context: Context, store: Store): Promise<number> {
  return runHolding(context, (name, request) => store.lock(name, request));
}

/** `elect NAME --value TEXT -- COMMAND…` */
export function elect(context: Context, store: Store): Promise<number> {
  const value = context.line.get(FLAGS.value);
  if (value === undefined) {
    throw new UsageError("elect needs what the leader is to tell the others: --value TEXT, such as its address");
  }
  return runHolding(context, (name, request) => store.elect(name, value, request));
}

async function runHolding(
  { line, signal, terminal }: Context,
  take: (name: string, request: LockRequest) => Promise<HeldLock>,
): Promise<number> {
  const [name = "", ...command] = line.operands;
  const wait_ms = line.get(FLAGS.wait);
  const ttl_ms = line.get(FLAGS.ttl) ?? DEFAULT_TTL_MS;
  const held = await take(name, { ttl_ms, signal, ...(wait_ms === undefined ? {} : { wait_ms }) });
  try {
    const running = terminal.run(command, {
      KVPAXOS_LOCK_TOKEN: String(held.token),
      KVPAXOS_LOCK_KEY: held.key,
    });
    const onLost = (): void => {
      const { reason } = held.signal;
      terminal.writeError(
        `kvclient: ${reason instanceof Error ? reason.message : "the lock is lost"}; ending the command\n`,
      );
      running.signal("SIGTERM");
    };
    held.signal.addEventListener("abort", onLost, { once: true });
    if (held.signal.aborted) onLost();
    // Ctrl-C reaches the command without our help: it is in the same group of processes.
    const release = terminal.onSignal("SIGTERM", () => running.signal("SIGTERM"));
    try {
      const code = await codeOf(command, running);
      return held.signal.aborted && code === EXIT.done ? EXIT.failed : code;
    } finally {
      release();
      held.signal.removeEventListener("abort", onLost);
    }
  } finally {
    // Where no server can be asked the lock goes by itself, when its time is over.
    await held.release().catch(() => false);
  }
}

async function codeOf([program]: readonly string[], running: RunningCommand): Promise<number> {
  try {
    return await running.ended;
  } catch (error) {
    throw new Failure(`${program}: ${error instanceof Error ? error.message : String(error)}`, NOT_FOUND);
  }
}
