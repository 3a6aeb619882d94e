#!/usr/bin/env node
/**
 * The `kvserver` executable.
 *
 * @module
 */
import { SYSTEM_PARTS } from "../../src/server/parts.ts";
import { runInProcess } from "../system_terminal.ts";
import { systemProcesses } from "./processes.ts";
import { runServer } from "./run.ts";
import { startWith } from "./start.ts";

await runInProcess((terminal) => runServer(terminal, startWith(SYSTEM_PARTS), systemProcesses));
