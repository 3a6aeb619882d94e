#!/usr/bin/env node
/**
 * The `kvclient` executable.
 *
 * @module
 */
import { runInProcess } from "../system_terminal.ts";
import { connectLibrary } from "./library_store.ts";
import { runClient } from "./run.ts";

await runInProcess((terminal) => runClient(terminal, connectLibrary));
