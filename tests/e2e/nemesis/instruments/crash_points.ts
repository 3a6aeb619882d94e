/**
 * Named points at which a server under test can be made to die, as if by `kill -9`: around every append, sync, send and
 * apply. They are in the parts that a test build puts around the real ones (see the other files of this folder), so that
 * the product has none of them.
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import process from "node:process";

/** Where the process is to end, how often it passes there before, and a file that takes the names of the points passed. */
export interface CrashPlan {
  readonly point: string | null;
  readonly after: number;
  readonly seenFile: string | null;
}

/** The plan that the environment gives: `KVPAXOS_CRASH_AT=point` or `point:3`, and `KVPAXOS_CRASH_SEEN=FILE`. */
export function crashPlanOf(env: Readonly<Record<string, string | undefined>>): CrashPlan {
  const [point = null, after = "1"] = env.KVPAXOS_CRASH_AT?.split(":") ?? [];
  return { point, after: Number(after), seenFile: env.KVPAXOS_CRASH_SEEN ?? null };
}

/** Counts how often each point is passed, and ends the process at the one that was asked for. */
export class CrashPoints {
  readonly #plan: CrashPlan;
  readonly #seen = new Set<string>();
  #passed = 0;

  constructor(plan: CrashPlan) {
    this.#plan = plan;
  }

  /** The process is at a point. Does not return when it is the one. */
  pass(point: string): void {
    const { seenFile, after } = this.#plan;
    if (seenFile !== null && !this.#seen.has(point)) {
      this.#seen.add(point);
      appendFileSync(seenFile, `${point}\n`);
    }
    if (point !== this.#plan.point || ++this.#passed < after) return;
    process.kill(process.pid, "SIGKILL");
    // The signal takes effect before anything else happens, or soon: nothing must happen until then.
    for (;;);
  }

  /** Runs `action` between the points `before NAME` and `after NAME`. */
  around<Result>(name: string, action: () => Result): Result {
    this.pass(`before-${name}`);
    const result = action();
    this.pass(`after-${name}`);
    return result;
  }
}
