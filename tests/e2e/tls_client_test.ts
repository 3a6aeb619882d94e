/** The built kvclient over TLS, as a process: the system's authorities, the environment, and the saved profile. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { openTlsDoor, type TlsDoor } from "../support/tls_door.ts";
import { KVCLIENT, Servers } from "./support/server_process.ts";

const servers = new Servers();
const authority = createAuthority("the authority");
let doors: readonly TlsDoor[] = [];
let home = "";
let at: readonly string[] = [];

beforeAll(async () => {
  const server = await servers.start();
  const shown = authority.issue({ names: ["127.0.0.1"] });
  doors = await Promise.all([server.port, server.port + 1000].map((port) => openTlsDoor(port, { shown })));
  home = servers.folder("home");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "ca.pem"), authority.certificate);
  const [tcp, http] = doors.map(({ port }) => String(port));
  at = ["--server-ip", "127.0.0.1", "--port", tcp!, "--http-port", http!];
});
afterAll(async () => {
  await Promise.all(doors.map((door) => door.close()));
  await servers.close();
});

/** Runs kvclient; the doors are in this process, which must not stand still meanwhile. */
function client(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const options = {
      cwd: home,
      timeout: 30_000,
      env: { ...process.env, XDG_CONFIG_HOME: home, XDG_STATE_HOME: home, NO_COLOR: "1", ...env },
    };
    const child = execFile(KVCLIENT, args, options, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin!.end();
  });
}

describe("the built kvclient", () => {
  test.each(["TCP", "HTTP", "RPC"])("trusts by --tls whom the system trusts, over %s", async (protocol) => {
    const args = [...at, "--protocol", protocol, "--tls", "put", "a", "1"];
    const trusted = await client(args, { SSL_CERT_FILE: join(home, "ca.pem") });
    expect(trusted.code, trusted.stderr).toBe(0);
    const stranger = await client(args);
    expect(stranger.code).toBe(1);
    expect(stranger.stderr).toMatch(
      /127\.0\.0\.1:\d+: its certificate is of no authority that is trusted here.*--tls-ca/,
    );
  });

  test("takes the authority from the environment", async () => {
    const { code, stderr } = await client([...at, "status"], { KVCLIENT_TLS_CA: "ca.pem" });
    expect(code, stderr).toBe(0);
  });

  test("goes on as it was told before", async () => {
    const first = await client([...at, "--tls-ca", "ca.pem"]);
    expect(first.code, first.stderr).toBe(0);
    const profile = JSON.parse(readFileSync(join(home, "kvpaxos", "client.json"), "utf8")) as { readonly tls?: object };
    expect(profile.tls).toEqual({ ca: join(home, "ca.pem") });
    for (const args of [["put", "b", "2"], ["demo"], ["health"], ["bench", "--duration", "100ms"]]) {
      const { code, stdout, stderr } = await client(args);
      expect(code, stdout + stderr).toBe(0);
    }
    expect((await client(["get", "b"])).stdout).toBe("2");
    expect((await client(["--no-tls", "--timeout", "300ms", "get", "b"])).stderr).toMatch(/TLS/);
  });
});
