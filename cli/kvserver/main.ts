#!/usr/bin/env node
/**
 * The `kvserver` executable.
 *
 * @module
 */
import { startServer } from "../../src/server/server.ts";
import { systemProcesses } from "./processes.ts";
import { runInProcess } from "../system_terminal.ts";
import { runServer, type Start } from "./run.ts";

const start: Start = ({ maxKeyBytes, maxValueBytes, cluster, ...settings }) =>
  startServer({
    ...settings,
    limits: { maxKeyBytes, maxValueBytes },
    ...(cluster === null ? {} : { cluster }),
  });

await runInProcess((terminal) => runServer(terminal, start, systemProcesses));
