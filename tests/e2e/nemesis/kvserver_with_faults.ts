/**
 * The test build of kvserver: the product's own code, with crash points and troubles put around its disk, its log, its
 * machine, its clock and its links. Which ones is for the environment to say; without any it does what kvserver does.
 *
 * | variable | |
 * |---|---|
 * | `KVPAXOS_TROUBLES` | the file that says what is wrong; it is read again and again |
 * | `KVPAXOS_ROUTES` | `host:port=host:port,…`: where to call for an address of `--peers` |
 * | `KVPAXOS_CRASH_AT` | `point` or `point:3`: die there, the third time |
 * | `KVPAXOS_CRASH_SEEN` | a file that takes the name of every point that was passed |
 *
 * @module
 */
import process from "node:process";
import { systemProcesses } from "../../../cli/kvserver/processes.ts";
import { runServer } from "../../../cli/kvserver/run.ts";
import { startWith } from "../../../cli/kvserver/start.ts";
import { runInProcess } from "../../../cli/system_terminal.ts";
import { openNodeDisk } from "../../../src/adapters/node_disk.ts";
import { systemClock } from "../../../src/adapters/system_clock.ts";
import { MESSAGE as PAXOS_MESSAGE } from "../../../src/core/paxos/messages.ts";
import { RECORD as PAXOS_RECORD } from "../../../src/core/paxos/records.ts";
import { readFrame } from "../../../src/core/two_phase_commit/message_codec.ts";
import { MESSAGE as TWO_PHASE_MESSAGE } from "../../../src/core/two_phase_commit/messages.ts";
import { RECORD as TWO_PHASE_RECORD } from "../../../src/core/two_phase_commit/records.ts";
import type { ServerParts } from "../../../src/server/parts.ts";
import { isServerThread } from "../../../src/server/threads/thread.ts";
import { crashPlanOf, CrashPoints } from "./instruments/crash_points.ts";
import { troubledDisk } from "./instruments/troubled_disk.ts";
import { TroubleFile } from "./instruments/troubles.ts";
import { manyMessages, oneMessage, watchedLog, watchedMachine, watchedTransport } from "./instruments/watched_parts.ts";

const { env, argv } = process;
const isTwoPhase = argv.some((arg) => arg === "2pc" || arg === "--replication=2pc");
const points = new CrashPoints(crashPlanOf(env));
const troubles = new TroubleFile(env.KVPAXOS_TROUBLES ?? "");
const routes = new Map(
  (env.KVPAXOS_ROUTES ?? "").split(",").filter((route) => route !== "").map((route) => {
    const [from, to] = route.split("=");
    return [from!, to!] as const;
  }),
);
const kindsIn = isTwoPhase
  ? manyMessages(TWO_PHASE_MESSAGE, (body) => readFrame(body).messages)
  : oneMessage(PAXOS_MESSAGE);

const parts: ServerParts = {
  openDisk: (path) => troubledDisk(openNodeDisk(path), points, troubles),
  clock: { ...systemClock, now: () => systemClock.now() + (troubles.now.clockOffset_ms ?? 0) },
  aroundLog: (log) => watchedLog(log, points, isTwoPhase ? TWO_PHASE_RECORD : PAXOS_RECORD),
  aroundMachine: (machine) => watchedMachine(machine, points),
  aroundTransport: (transport) => watchedTransport(transport, points, kindsIn),
  route: ({ host, port }) => {
    const way = routes.get(`${host}:${port}`) ?? `${host}:${port}`;
    const colon = way.lastIndexOf(":");
    return { host: way.slice(0, colon), port: Number(way.slice(colon + 1)) };
  },
};

if (!isServerThread) await runInProcess((terminal) => runServer(terminal, startWith(parts), systemProcesses));
