/** kvclient over TLS: what is asked for by flags, environment and profile, and that every command keeps to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectLibrary } from "../../cli/kvclient/library_store.ts";
import { runClient } from "../../cli/kvclient/run.ts";
import type { TlsOptions } from "../../src/adapters/tls/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { createAuthority } from "../support/certificates.ts";
import { openTlsDoor, type TlsDoor } from "../support/tls_door.ts";
import { FakeStore, FakeTerminal, type FakeTerminalOptions, kvclient } from "./fakes.ts";

const PROFILE = "/home/user/.config/kvpaxos/client.json";
const authority = createAuthority("the authority");
const stranger = createAuthority("a stranger");
const app = authority.issue({ names: ["app"], usage: "client" });
const shown = authority.issue({ names: ["127.0.0.1"] });
const files = {
  "ca.pem": authority.certificate,
  "other.pem": stranger.certificate,
  "app.pem": app.certificate,
  "app-key.pem": app.key,
  "server-key.pem": shown.key,
};

describe("TLS", () => {
  /** What would be connected with, or why nothing is. */
  async function tlsOf(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    profile?: object,
  ): Promise<TlsOptions | string | null> {
    const store = new FakeStore();
    const saved = profile === undefined ? {} : { [PROFILE]: JSON.stringify(profile) };
    const { code, error } = await kvclient([...args, "status"], { store, env, files: { ...files, ...saved } });
    return code === 0 ? store.targets[0]!.tls : `${code} ${error}`;
  }
  const saved = { servers: ["10.0.0.1:4000"], protocol: "tcp", tls: { ca: "ca.pem", serverName: "kv" } };

  it("comes from the arguments, else from the environment, else from the profile", async () => {
    const ca = authority.certificate;
    expect(await tlsOf([])).toBeNull();
    expect(await tlsOf(["--tls"])).toEqual({});
    expect(await tlsOf(["--tls-ca", "ca.pem"])).toEqual({ ca });
    expect(await tlsOf(["--tls-server-name", "kv"])).toEqual({ serverName: "kv" });
    const pair = ["--tls-cert", "app.pem", "--tls-key", "app-key.pem"];
    expect(await tlsOf(pair)).toEqual({ cert: app.certificate, key: app.key });
    expect(await tlsOf([], { KVCLIENT_TLS: "true" })).toEqual({});
    expect(await tlsOf([], { KVCLIENT_TLS_CA: "ca.pem", KVCLIENT_TLS_SERVER_NAME: "kv" })).toEqual({
      ca,
      serverName: "kv",
    });
    expect(await tlsOf([], {}, saved)).toEqual({ ca, serverName: "kv" });
  });

  it("that was saved stays when another server is named, and goes when it is told to", async () => {
    const ca = authority.certificate;
    expect(await tlsOf(["--server", "10.0.0.9:1"], {}, saved)).toEqual({ ca, serverName: "kv" });
    expect(await tlsOf(["--no-tls"], {}, saved)).toBeNull();
    expect(await tlsOf(["--no-tls"], { KVCLIENT_TLS_CA: "ca.pem" })).toBeNull();
    expect(await tlsOf(["--tls"], {}, saved)).toEqual({});
    expect(await tlsOf(["--tls-ca", "other.pem"], {}, saved)).toEqual({ ca: stranger.certificate });
  });

  it.each([
    [["--tls-ca", "none.pem"], /--tls-ca none\.pem: ENOENT.*; give the path of a PEM file that can be read/],
    [["--tls-ca", "app-key.pem"], /there is no certificate in --tls-ca app-key\.pem/],
    [["--tls-cert", "app.pem"], /--tls-cert app\.pem needs its private key; give --tls-key FILE/],
    [["--tls-key", "app-key.pem"], /--tls-key app-key\.pem needs its certificate; give --tls-cert FILE/],
    [["--tls-cert", "app.pem", "--tls-key", "server-key.pem"], /key in --tls-key server-key\.pem is not that of the/],
    [["--tls-cert", "app.pem", "--tls-key", "ca.pem"], /there is no private key in --tls-key ca\.pem/],
    [["--no-tls", "--tls-ca", "ca.pem"], /--no-tls and --tls-ca contradict each other/],
    [["--tls", "--protocol", "udp"], /no TLS over UDP; choose another --protocol, or --no-tls/],
  ])("is refused with exit code 2 for %j", async (args, why) => {
    const refusal = await tlsOf(args);
    expect(refusal).toMatch(/^2 kvclient: /);
    expect(refusal).toMatch(why);
  });

  it("is saved with the server, as the paths of its files and never what is in them", async () => {
    const args = ["--tls-ca", "ca.pem", "--tls-cert", "app.pem", "--tls-key", "app-key.pem", "--tls-server-name", "kv"];
    const { code, terminal } = await kvclient(args, { files });
    const text = terminal.files.get(PROFILE)!;
    expect([code, JSON.parse(text).tls]).toEqual([0, {
      ca: resolve("ca.pem"),
      cert: resolve("app.pem"),
      key: resolve("app-key.pem"),
      serverName: "kv",
    }]);
    expect(text).not.toContain("BEGIN");
    const none = await kvclient(["--no-tls"], { files: { ...files, [PROFILE]: JSON.stringify(saved) } });
    expect(JSON.parse(none.terminal.files.get(PROFILE)!)).toEqual({ servers: ["10.0.0.1:4000"], protocol: "tcp" });
  });

  it("in a profile that makes no sense is said to be so", async () => {
    expect(await tlsOf([], {}, { ...saved, tls: { ca: 7 } })).toContain("is not a profile; remove it");
  });
});

describe("kvclient before servers that speak TLS only", () => {
  let server: RunningServer;
  let doors: readonly TlsDoor[] = [];
  const folder = mkdtempSync(join(tmpdir(), "kvpaxos-tls-"));
  beforeAll(async () => {
    server = await startServer({
      port: 0,
      httpPort: null,
      dataDir: null,
      logLevels: { levels: () => ({ kvpaxos: "info" }), setLevel: () => {} },
    });
    const { tcp, http } = server.addresses;
    doors = await Promise.all([tcp.port, http!.port].map((port) => openTlsDoor(port, { shown })));
  });
  afterAll(async () => {
    await Promise.all(doors.map((door) => door.close()));
    await server.close();
    rmSync(folder, { recursive: true });
  });

  async function run(args: readonly string[], options: FakeTerminalOptions = {}): Promise<[number, string]> {
    const [tcp, http] = doors.map(({ port }) => String(port));
    const at = ["--server-ip", "127.0.0.1", "--port", tcp!, "--http-port", http!];
    const split = args.indexOf("--");
    const before = split < 0 ? args : args.slice(0, split);
    const after = split < 0 ? [] : args.slice(split);
    const terminal = new FakeTerminal({ files, ...options, args: [...before, ...at, ...after] });
    const code = await runClient(terminal, connectLibrary);
    return [code, terminal.output + terminal.error];
  }

  const TXN = '{"then":[{"type":"put","key":"t","value":"1"}]}';
  describe.each(["tcp", "http", "rpc"])("over %s", (protocol) => {
    const flags = ["--protocol", protocol, "--tls-ca", "ca.pem"];
    it.each<[string, readonly string[], string, RegExp]>([
      ["put", ["put", "a", "1"], "", /OK/],
      ["get", ["get", "a"], "", /1/],
      ["range", ["range"], "", /a/],
      ["txn", ["txn"], TXN, /./],
      ["watch", ["watch", "--prefix", "a", "--from-revision", "1", "--count", "1"], "", /a/],
      ["delete", ["delete", "a"], "", /./],
      ["the prompt", [], "PUT b 2\nGET b\n", /Connected to .*2/s],
      ["status", ["status"], "", /version/i],
      ["health", ["health"], "", /is ready/],
      ["top", ["top", "--once"], "", /127\.0\.0\.1/],
      ["demo", ["demo"], "", /every reply was right/],
      ["bench", ["bench", "--duration", "50ms", "--clients", "2", "--keys", "10"], "", /./],
      ["check", ["check", "--duration", "50ms", "--clients", "2", "--keys", "2"], "", /./],
      ["lock", ["lock", "l", "--", "true"], "", /^/],
      ["elect", ["elect", "e", "--value", "me", "--", "true"], "", /^/],
      ["snapshot save", ["snapshot", "save", join(folder, `${protocol}.snapshot`)], "", /saved \d+ keys/],
      ["export", ["export", join(folder, `${protocol}.jsonl`)], "", /exported/],
      ["import", ["import", join(folder, `${protocol}.jsonl`)], "", /imported [1-9]/],
      ["log-level", ["log-level"], "", /127\.0\.0\.1/],
    ])("%s works", async (_, args, input, seen) => {
      const [code, output] = await run([...flags, ...args], { input });
      expect(code, output).toBe(0);
      expect(output).toMatch(seen);
    });

    it.each([
      [["get", "a"], 1],
      [["status"], 1],
      [["health"], 5],
      [["demo"], 1],
      [["snapshot", "save", join(folder, "never")], 1],
      [["export", join(folder, "never")], 1],
      [["log-level"], 1],
      [["check", "--duration", "50ms"], 1],
      [[], 1],
    ])("%j says whom it does not trust, and how that could be mended", async (args, expected) => {
      const [code, output] = await run(["--protocol", protocol, "--tls-ca", "other.pem", ...args]);
      expect(output).toMatch(
        /127\.0\.0\.1:\d+: its certificate is of no authority that is trusted here.*--tls-ca FILE/,
      );
      expect(code).toBe(expected);
    });
  });

  it("speaks plain RESP over TLS", async () => {
    const args = ["check", "--plain", "--tls-ca", "ca.pem", "--duration", "50ms", "--clients", "2"];
    const [code, output] = await run(args);
    expect(code, output).toBe(0);
    expect((await run(["check", "--plain", "--tls-ca", "other.pem"]))[1]).toContain(
      "no authority that is trusted here",
    );
  });

  it("says that they speak TLS when it was not asked to", async () => {
    const [code, output] = await run(["get", "a", "--timeout", "300ms"]);
    expect(code).not.toBe(0);
    expect(output).toMatch(/speaks TLS.*--tls-ca FILE or --tls/);
  });
});
