#!/usr/bin/env node
/**
 * The `kvserver` executable. Its own threads load the same file.
 *
 * @module
 */
import { SYSTEM_PARTS } from "../../src/server/parts.ts";
import { isServerThread } from "../../src/server/threads/thread.ts";
import { runInProcess } from "../system_terminal.ts";
import { systemProcesses } from "./processes.ts";
import { runServer } from "./run.ts";
import { startWith } from "./start.ts";

if (!isServerThread) {
  await runInProcess((terminal) => runServer(terminal, startWith(SYSTEM_PARTS), systemProcesses));
}
