/**
 * `check`: clients work on running servers for a while, and what they were told is judged.
 *
 * @module
 */
import { KINDS } from "../../src/sim/live/kinds/all.ts";
import type { Checking } from "../../src/sim/live/checking.ts";
import { LiveCheck } from "../../src/sim/live/live_check.ts";
import type { LiveActor } from "../../src/sim/live/live_client.ts";
import { MOST_WATCHERS, WATCH_MIX, WatchCheck } from "../../src/sim/live/watch_check.ts";
import { SimRandom } from "../../src/sim/world/sim_random.ts";
import { EXIT, Failure, UsageError } from "../exit_code.ts";
import { Doors } from "./check_doors.ts";
import { CheckFigures } from "./check_figures.ts";
import { CHECK_FLAGS, loadOf, mixOf } from "./check_flags.ts";
import { HistoryFile } from "./check_history.ts";
import { type CheckReport, reportOf, writeReport } from "./check_report.ts";
import { type Context, describeError, exitCodeOf, writeJson } from "./context.ts";
import { showProgress } from "./load_progress.ts";
import type { Store } from "./store.ts";

/** How long a client waits after an operation that failed, at most: a server that refuses is not to be stormed. */
const PAUSE_MS = 100;

/** `check` */
export async function check(context: Context, store: Store): Promise<number> {
  const { terminal, line, json, signal } = context;
  const { seed } = loadOf(line);
  const history = new HistoryFile(terminal, line.get(CHECK_FLAGS.history));
  const doors = await Doors.find(context, store);
  const random = new SimRandom(seed);
  try {
    const checking = checkOf(context, doors, random, history);
    const figures = new CheckFigures(terminal.monotonic());
    const actors = Array.from({ length: line.get(CHECK_FLAGS.clients) }, (_, id): LiveActor => ({
      id,
      client: doors.clientOf(id),
      dice: random.fork(`client ${id}`),
    }));
    const elapsed_ms = await load(context, checking, actors, figures);
    const readAgain = signal.aborted ? 0 : await readAll(checking, doors, actors.length, random);
    await checking.finish();
    history.flush();
    const report = reportOf(context, { doors, checking, figures, elapsed_ms, readAgain });
    savePicture(context, report);
    if (json) await writeJson(terminal, report);
    else await writeReport(context, report);
    if (!signal.aborted && figures.answered > 0) await checking.clear(actors[0]!);
    if (report.verdict === "nothing done") {
      const error = figures.firstError;
      if (error !== null) terminal.writeError(`kvclient: the first error: ${describeError(error, context)}\n`);
      return error === null ? EXIT.unavailable : exitCodeOf(error);
    }
    return report.verdict === "linearizable" ? EXIT.done : EXIT.failed;
  } finally {
    history.flush();
    await doors.close();
  }
}

function checkOf(context: Context, doors: Doors, random: SimRandom, history: HistoryFile): Checking {
  const { terminal, line, connect, resolved } = context;
  const { workload: name, keys } = loadOf(line);
  const given = line.get(CHECK_FLAGS.mix);
  const start_ms = terminal.monotonic();
  const shared = {
    prefix: `check-${terminal.randomName()}/`,
    clock: { monotonic: (): number => terminal.monotonic() - start_ms },
    onEvent: history.add.bind(history),
  };
  const kind = KINDS.find((each) => each.name === name);
  if (kind !== undefined) {
    const mix = mixOf(name, kind.mix, given);
    const subjects = Math.max(1, Math.round(keys / kind.keys));
    return new LiveCheck({ ...shared, kind, mix, subjects, dice: random.fork("subjects") });
  }
  if (doors.isPlain) {
    throw new UsageError("--workload watch: these servers speak plain RESP, which has no watches; choose another one");
  }
  const through = doors.servers.slice(0, MOST_WATCHERS).map((server) => {
    const store = connect({ ...resolved.target, servers: [server] });
    doors.closeLater(() => store.close());
    return store;
  });
  return new WatchCheck({
    ...shared,
    mix: mixOf(name, WATCH_MIX, given),
    keys,
    dice: random.fork("watchers"),
    watchers: through.map((store) => store.watch.bind(store)),
    sleep: (duration_ms) => terminal.sleep(duration_ms),
  });
}

/** Has all actors do operations until the time is over or something is wrong. Returns how long that took. */
async function load(
  context: Context,
  checking: Checking,
  actors: readonly LiveActor[],
  figures: CheckFigures,
): Promise<number> {
  const { terminal, line, signal } = context;
  const duration_ms = line.get(CHECK_FLAGS.duration);
  const since_ms = terminal.monotonic();
  /** When no more operations were to begin; what is under way then may take until its deadline. */
  let over_ms: number | null = null;
  const isOver = (): boolean => {
    if (over_ms !== null) return true;
    const now_ms = terminal.monotonic();
    const isDue = now_ms - since_ms >= duration_ms;
    if (isDue || checking.found !== null || signal.aborted) over_ms = isDue ? since_ms + duration_ms : now_ms;
    return over_ms !== null;
  };
  const act = async (actor: LiveActor): Promise<void> => {
    while (!isOver()) {
      const asked_ms = terminal.monotonic();
      const { attempt, isWrite } = await checking.step(actor);
      const ended_ms = terminal.monotonic();
      if (!signal.aborted) figures.add(attempt, isWrite, { asked_ms, ended_ms, isLate: isOver() });
      if (attempt.type !== "ok") await terminal.sleep(actor.dice.next() * PAUSE_MS, signal);
    }
  };
  const finished = new AbortController();
  const progress = showProgress(context, since_ms, duration_ms, () => figures.answered, finished.signal);
  try {
    await Promise.all(actors.map(act));
    return over_ms! - since_ms;
  } finally {
    finished.abort();
    await progress;
  }
}

/** Reads everything again through each server. Returns how many of them answered. */
async function readAll(checking: Checking, doors: Doors, first: number, random: SimRandom): Promise<number> {
  let answered = 0;
  for (const [at, client] of doors.clientsOfEach().entries()) {
    if (checking.found !== null) break;
    const id = first + at;
    if (await checking.reread({ id, client, dice: random.fork(`reader ${id}`) })) answered++;
  }
  return answered;
}

/** Before anything is printed, as who reads that may close the pipe after the first lines. */
function savePicture({ terminal, line }: Context, { violation }: CheckReport): void {
  const path = line.get(CHECK_FLAGS.picture);
  if (path === undefined || violation === null || violation.page === null) return;
  try {
    terminal.replaceFile(path, violation.page);
  } catch (error) {
    throw new Failure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
