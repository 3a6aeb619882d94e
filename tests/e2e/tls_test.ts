/** Replicas with TLS as operators run them: built executables, files, signals, and the clients of others. */
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, describe, expect, test } from "vitest";
import { createAuthority, type IssuedCertificate } from "../support/certificates.ts";
import { freePorts } from "../support/free_ports.ts";
import { namesAt } from "../server/tls/tls_caller.ts";
import { until } from "../support/resp_client.ts";
import { type ServerProcess, Servers } from "./support/server_process.ts";

const servers = new Servers();
afterAll(() => servers.close());

const authority = createAuthority("operators");
const ca = authority.certificate;
const folder = servers.folder("tls");
const caFile = join(folder, "ca.pem");
writeFileSync(caFile, ca);

const hasRedisCli = (spawnSync("redis-cli", ["--help"], { encoding: "utf8" }).stdout ?? "").includes("--tls");
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

/** Writes a certificate and its key to files, and returns the flags that name them. */
function filesOf(name: string, { certificate, key }: IssuedCertificate): string[] {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, "cert.pem"), certificate);
  writeFileSync(join(folder, name, "key.pem"), key, { mode: 0o600 });
  return ["--tls-cert", join(folder, name, "cert.pem"), "--tls-key", join(folder, name, "key.pem"), "--tls-ca", caFile];
}

async function untilReady(...processes: readonly ServerProcess[]): Promise<void> {
  for (const process of processes) {
    await until(() => process.output.includes(" is ready: ") || process.child.exitCode !== null, "a server is ready");
    expect(process.output).toContain(" is ready: ");
  }
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve(error === null ? stdout.trim() : `failed: ${error.message} ${stderr}`);
    });
  });
}

describe("five replicas with TLS", () => {
  test("form a cluster, go on without one that is killed, and take it back", async () => {
    const ports = await freePorts(5);
    const peers = ports.map((port) => `127.0.0.1:${port}`).join(",");
    const start = (id: number): Promise<ServerProcess> =>
      servers.spawn({
        port: ports[id]!,
        dataDir: join(folder, `data-${id}`),
        flags: ["--peers", peers, ...filesOf(`replica-${id}`, authority.issue({ names: ["127.0.0.1", `kv-${id}`] }))],
      });
    const processes = await Promise.all(ports.map((_, id) => start(id)));
    await untilReady(...processes);
    expect(processes[0]!.output).toContain("TLS over TCP on 127.0.0.1");
    const clients = ports.map((port) => new Redis({ port, host: "127.0.0.1", tls: { ca }, lazyConnect: true }));
    try {
      for (const client of clients) client.on("error", () => {});
      expect(await clients[0]!.set("a", "1")).toBe("OK");
      await processes[1]!.kill();
      expect(await clients[2]!.set("a", "2")).toBe("OK");
      const again = await start(1);
      await untilReady(again);
      expect(await clients[1]!.get("a")).toBe("2");
      // Another certificate, while connections stay.
      filesOf("replica-3", authority.issue({ names: ["127.0.0.1", "renewed.example"] }));
      expect(await clients[3]!.get("a")).toBe("2");
      processes[3]!.child.kill("SIGHUP");
      await until(() => processes[3]!.output.includes("the certificate of"), "it was read again");
      expect(await namesAt(ports[3]!, ca)).toContain("renewed.example");
      expect(await clients[3]!.get("a")).toBe("2");
      writeFileSync(join(folder, "replica-3", "cert.pem"), "no certificate");
      processes[3]!.child.kill("SIGHUP");
      await until(() => processes[3]!.output.includes("everything stays as it was"), "it was refused");
      expect(await namesAt(ports[3]!, ca)).toContain("renewed.example");
    } finally {
      for (const client of clients) client.disconnect();
    }
    for (const process of processes) if (process.child.exitCode === null) await process.stop();
  }, 120_000);
});

describe("the clients of others", () => {
  let server: Promise<ServerProcess> | null = null;
  const running = async (): Promise<ServerProcess> => {
    server ??= servers.spawn({ flags: filesOf("alone", authority.issue({ names: ["127.0.0.1"] })) });
    await untilReady(await server);
    return await server;
  };

  // redis-cli is not there, or was built without TLS.
  test.skipIf(!hasRedisCli)("redis-cli --tls", async () => {
    const { port } = await running();
    const args = ["-p", String(port), "--tls", "--cacert", caFile];
    expect(await run("redis-cli", [...args, "set", "city", "Bern"])).toBe("OK");
    expect(await run("redis-cli", [...args, "get", "city"])).toBe("Bern");
    expect(await run("redis-cli", ["-p", String(port), "get", "city"])).not.toContain("Bern");
  });

  // curl is not there.
  test.skipIf(!hasCurl)("curl --cacert", async () => {
    const { port } = await running();
    const url = `https://127.0.0.1:${port + 1000}/v1/kv/road`;
    expect(await run("curl", ["-sS", "--cacert", caFile, "-X", "PUT", "--data-binary", "long", url])).toBe("");
    expect(await run("curl", ["-sS", "--cacert", caFile, url])).toBe("long");
    expect(await run("curl", ["-sS", url])).toContain("failed");
    expect(await run("curl", ["-sS", "--tls-max", "1.1", "--cacert", caFile, url])).toContain("failed");
  });

  test("ioredis with tls", async () => {
    const { port } = await running();
    const redis = new Redis({ port, host: "127.0.0.1", tls: { ca } });
    redis.on("error", () => {});
    expect(await redis.set("river", "Aare")).toBe("OK");
    expect(await redis.get("river")).toBe("Aare");
    redis.disconnect();
  });
});

describe("files that cannot be used", () => {
  const good = authority.issue({ names: ["127.0.0.1"] });
  const expired = authority.issue({ names: ["127.0.0.1"], notAfter: new Date(Date.now() - 60_000) });
  const cases: readonly [what: string, flags: () => string[], text: RegExp][] = [
    [
      "missing",
      () => ["--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"],
      /--tls-cert \/nowhere\/cert\.pem: ENOENT/,
    ],
    ["no PEM", () => filesOf("text", { ...good, certificate: "text" }), /no certificate in --tls-cert .*cert\.pem/],
    [
      "of another key",
      () => filesOf("other", { ...good, key: expired.key }),
      /key in --tls-key .*key\.pem is not that of the certificate/,
    ],
    ["expired", () => filesOf("expired", expired), /cert\.pem expired on .*have another one issued/],
    ["without a key", () => filesOf("keyless", good).slice(0, 2), /is of no use without --tls-key/],
  ];

  test.each(cases)("end the start with exit code 2 and a text: %s", async (_, flags, text) => {
    const process = await servers.spawn({ flags: flags() });
    expect((await process.exited).code).toBe(2);
    expect(process.output).toMatch(text);
    expect(process.output).not.toContain("PRIVATE KEY-----");
  });
});
