/**
 * A process that takes the directory it is given, says how that went in one line, and holds on until it is ended.
 *
 * @module
 */
import process from "node:process";
import { openNodeDisk } from "../../../src/adapters/node_disk.ts";

try {
  openNodeDisk(process.argv[2]!).lock();
  process.stdout.write("held\n");
} catch (error) {
  process.stdout.write(`${(error as { code?: string }).code}: ${(error as Error).message}\n`);
}
process.stdin.resume();
