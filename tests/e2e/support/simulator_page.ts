/**
 * The script of a page that runs seeds and shows their trace hashes, a line each, and then sets `data-done` of the
 * document's element. What it throws is an error of the page.
 *
 * @module
 */
import { traceHashes } from "./trace_hashes.ts";

const seeds = Number(new URLSearchParams(location.search).get("seeds"));
for await (const line of traceHashes(seeds)) {
  document.body.append(Object.assign(document.createElement("p"), { textContent: line }));
}
document.documentElement.dataset["done"] = "";
