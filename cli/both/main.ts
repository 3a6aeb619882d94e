/**
 * `kvserver` and `kvclient` in one executable, which is the one that it is called as. For images that need both: the
 * runtime, nearly all of the size, is there once.
 *
 * @module
 */
import { basename } from "node:path";
import process from "node:process";

if (basename(process.argv0) === "kvclient") await import("../kvclient/main.ts");
else await import("../kvserver/main.ts");
