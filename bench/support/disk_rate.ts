/**
 * What the disk gives to as many processes as there are replicas, when each writes one file from beginning to end: the
 * bound for everything that they could log.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { median } from "./table.ts";

const MIB = 1024 * 1024;
const DURATION_MS = 4000;

/**
 * Bytes a second that each of so many processes writes, syncing after each MiB, all at once, in a new folder in `above`.
 * Each runs `program disk FILE`, which is to call {@link writeSequentially}.
 */
export async function diskRate(count: number, program: string, above: string): Promise<number> {
  const folder = mkdtempSync(join(above, "disk-"));
  const children = Array.from(
    { length: count },
    (_, index) =>
      spawn(process.execPath, [program, "disk", join(folder, `${index}`)], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
  );
  const rates = await Promise.all(children.map((child) =>
    new Promise<number>((done) => {
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => output += chunk.toString());
      child.once("close", () => done(Number(output)));
    })
  ));
  rmSync(folder, { recursive: true, force: true });
  return median(rates);
}

/** One of the processes of {@link diskRate}. */
export function writeSequentially(path: string): void {
  const bytes = new Uint8Array(MIB);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(Math.random() * 256);
  const file = openSync(path, "wx");
  const begun = performance.now();
  let count = 0;
  while (performance.now() - begun < DURATION_MS) {
    writeSync(file, bytes);
    fdatasyncSync(file);
    count++;
  }
  closeSync(file);
  console.log(count * MIB / (performance.now() - begun) * 1000);
}
