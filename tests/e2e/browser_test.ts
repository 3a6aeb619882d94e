/** The simulator in a real browser: a bare page runs seeds and comes to what Node comes to. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { traceHashes } from "./support/trace_hashes.ts";

/** Debian's own: no browser is ever fetched from anywhere else. */
const CHROMIUM = "/usr/bin/chromium";
const missing = existsSync(CHROMIUM) ? null : `there is no ${CHROMIUM}; apt-get install chromium brings it`;
if (missing !== null) console.warn(`the simulator is not tried in a browser: ${missing}`);
const root = resolve(import.meta.dirname, "../..");
const SEEDS = 20;
const PATIENCE_MS = 120_000;

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>kvpaxos</title>' +
  '<link rel="icon" href="data:,"><body><script type="module" src="/simulator.js"></script></body></html>';

/** Nothing but the page's own script may be loaded or asked, and none made from text. */
const POLICY = "default-src 'none'; script-src 'self'; img-src data:";

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, "tests/e2e/support/simulator_page.ts")],
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}

describe.skipIf(missing !== null)(`a page in Chromium${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  let server: Server;
  let browser: Browser;
  let home = "";
  const asked: string[] = [];

  beforeAll(async () => {
    const script = await bundle();
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://page");
      asked.push(pathname);
      const content = pathname === "/" ? PAGE : pathname === "/simulator.js" ? script : null;
      response.writeHead(content === null ? 404 : 200, {
        "content-type": pathname === "/" ? "text/html" : "text/javascript",
        "content-security-policy": POLICY,
      });
      response.end(content);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    // Otherwise it leaves a database of crashes in the home of whoever runs the tests.
    home = mkdtempSync(join(tmpdir(), "kvpaxos-browser-"));
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    });
  }, PATIENCE_MS);

  afterAll(async () => {
    await browser?.close();
    server?.closeAllConnections();
    await new Promise((closed) => server?.close(closed) ?? closed(null));
    if (home !== "") rmSync(home, { recursive: true, force: true });
  });

  test(`runs ${SEEDS} seeds of the simulator and shows the trace hashes that Node has`, async () => {
    const page = await browser.newPage();
    const { port } = server.address() as AddressInfo;
    const failed = new Promise<never>((_, reject) => page.on("pageerror", reject));
    // What is thrown while the seeds run here is met by the race below.
    failed.catch(() => {});
    await page.goto(`http://127.0.0.1:${port}/?seeds=${SEEDS}`);
    const expected = await Array.fromAsync(traceHashes(SEEDS));
    await Promise.race([page.waitForSelector("html[data-done]", { state: "attached", timeout: PATIENCE_MS }), failed]);
    const shown = await page.locator("p").allTextContents();
    expect(new Set(expected).size).toBe(SEEDS);
    expect(shown).toEqual(expected);
    expect(asked).toEqual(["/", "/simulator.js"]);
  }, PATIENCE_MS);
});
