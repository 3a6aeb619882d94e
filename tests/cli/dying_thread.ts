/**
 * A worker thread that comes, at its first task, to the end that its data names.
 *
 * @module
 */
import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";

const hoard: unknown[] = [];

parentPort?.on("message", () => {
  switch (workerData) {
    case "exit":
      process.exit(7);
      break;
    case "throw":
      throw new Error("a bug");
    case "memory":
      for (;;) hoard.push({ more: [hoard.length] });
  }
});
