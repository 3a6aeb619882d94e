#!/usr/bin/env node
/**
 * The `kvclient` executable. Threads of `simulate` load the same file.
 *
 * @module
 */
import { runInProcess } from "../system_terminal.ts";
import { connectLibrary } from "./library_store.ts";
import { runClient } from "./run.ts";
import { isSimulationThread } from "./simulate_thread.ts";

if (!isSimulationThread) await runInProcess((terminal) => runClient(terminal, connectLibrary));
