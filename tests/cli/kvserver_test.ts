import { describe, expect, it } from "vitest";
import { LogError } from "../../src/ports/log.ts";
import type { ServerTlsTexts } from "../../src/adapters/tls/server_texts.ts";
import { createAuthority } from "../support/certificates.ts";
import { type Running, runServer } from "../../cli/kvserver/run.ts";
import type { Processes } from "../../cli/kvserver/processes.ts";
import type { Settings } from "../../cli/kvserver/settings.ts";
import { keepSecret, secret } from "../support/secrets/secrets.ts";
import { FakeTerminal, type FakeTerminalOptions } from "./fakes.ts";

const PASSWORD = secret("kvserver");
const NONSENSE = secret("nonsense");
const CLUSTER_SECRET = secret("kvserver cluster");
const OTHER_CLUSTER_SECRET = secret("kvserver other cluster");

/** For what starts no others. */
const noProcesses: Processes = {
  spawn: () => {
    throw new Error("a single server starts no processes");
  },
  isFree: () => Promise.resolve(true),
};

/** A server that does nothing but be stopped. */
class FakeServer implements Running {
  readonly settings: Settings;
  closed = 0;
  fail: (error: Error) => void = () => {};
  finishClose: Promise<void> = Promise.resolve();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  get addresses(): Running["addresses"] {
    const { host, port, httpPort } = this.settings;
    return { tcp: { host, port }, udp: { host, port }, http: httpPort === 0 ? null : { host, port: httpPort } };
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  onFailure(callback: (error: Error) => void): void {
    this.fail = callback;
  }

  replaced: string[] = [];

  replaceUsers(users: string): void {
    this.replaced.push(users);
  }

  certificates: ServerTlsTexts[] = [];

  replaceCertificate(texts: ServerTlsTexts): void {
    this.certificates.push(texts);
  }

  close(): Promise<void> {
    this.closed++;
    return this.finishClose;
  }
}

interface Run {
  readonly terminal: FakeTerminal;
  readonly code: Promise<number>;
  /** The server, once it has started. */
  readonly server: Promise<FakeServer>;
}

function run(args: readonly string[], options: FakeTerminalOptions = {}): Run {
  const terminal = new FakeTerminal({ ...options, args });
  let started: (server: FakeServer) => void = () => {};
  const server = new Promise<FakeServer>((resolve) => started = resolve);
  const code = runServer(terminal, (settings) => {
    const server = new FakeServer(settings);
    started(server);
    return Promise.resolve(server);
  }, noProcesses);
  return { terminal, code, server };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(condition()).toBe(true);
}

async function settingsOf(args: readonly string[], options: FakeTerminalOptions = {}): Promise<Settings | string> {
  const { terminal, code, server } = run(args, options);
  const started = await Promise.race([server, code]);
  if (typeof started === "number") return `${started}: ${terminal.error}`;
  await until(() => terminal.output !== "");
  terminal.signal("SIGTERM");
  expect(await code).toBe(0);
  return started.settings;
}

describe("the settings of kvserver", () => {
  it("have defaults that fit together", async () => {
    expect(await settingsOf([])).toEqual({
      host: "127.0.0.1",
      port: 32_000,
      httpPort: 33_000,
      dataDir: "./kvserver-32000",
      restore: null,
      password: null,
      users: null,
      clusterSecret: null,
      tls: null,
      udp: true,
      maxKeyBytes: 4096,
      maxValueBytes: 1024 * 1024,
      maxConnections: 10_000,
      threads: 1,
      snapshotEvery_bytes: 128 * 1024 * 1024,
      cluster: null,
    });
    expect(await settingsOf(["--port", "32005", "--memory"])).toMatchObject({ httpPort: 33_005, dataDir: null });
    expect(await settingsOf(["--http-port", "0", "--max-value-bytes", "2m"])).toMatchObject({
      httpPort: 0,
      maxValueBytes: 2 * 1024 * 1024,
    });
  });

  it("take the password from a file, the environment or an argument", async () => {
    const files = { f: `${PASSWORD}\nmore\n`, empty: "\n" };
    expect(await settingsOf(["--password-file", "f"], { files })).toMatchObject({ password: PASSWORD });
    expect(await settingsOf([], { env: { KVSERVER_PASSWORD: PASSWORD } })).toMatchObject({ password: PASSWORD });
    expect(await settingsOf(["--password-file", "empty"], { files })).toContain("the first line is empty");
    expect(await settingsOf(["--password-file", "none"], { files })).toContain("--password-file none: ENOENT");
    expect(await settingsOf(["--password-file", "f", "--password", PASSWORD], { files })).toContain(
      "give one of the two",
    );
  });

  it("are refused where they contradict each other", async () => {
    expect(await settingsOf(["--memory", "--data-dir", "d"])).toContain("2: kvserver: --memory keeps nothing on disk");
    expect(await settingsOf(["--port", "65000"])).toContain("give --http-port");
    expect(await settingsOf(["--port", "5000", "--http-port", "5000"])).toContain("is the main port");
  });
});

describe("the settings of a replica", () => {
  const list = "127.0.0.1:32000,127.0.0.1:32001,[::1]:32002";
  const peers = ["--peers", list];

  it("say which of the peers it is, by its own address", async () => {
    expect(await settingsOf(peers)).toMatchObject({ cluster: { id: 0, transport: "tcp", failures: null } });
    expect(await settingsOf(peers)).toMatchObject({ cluster: { leaseReads: false } });
    expect(await settingsOf([...peers, "--lease-reads"])).toMatchObject({ cluster: { leaseReads: true } });
    const third = await settingsOf([...peers, "--host", "::1", "--port", "32002", "--transport", "http"]);
    expect(third).toMatchObject({ cluster: { id: 2, transport: "http", peers: { length: 3 } } });
    expect(await settingsOf([...peers, "--replication", "paxos"])).toMatchObject({ cluster: { id: 0 } });
  });

  it("say which of the peers it is by the name it is advertised as, whatever it listens on", async () => {
    const named = ["--peers", "kv-0.kv:32000,kv-1.kv:32000,kv-2.kv:32000", "--host", "0.0.0.0", "--insecure"];
    expect(await settingsOf([...named, "--advertise", "KV-1.kv:32000"])).toMatchObject({
      host: "0.0.0.0",
      cluster: { id: 1, peers: [{ host: "kv-0.kv", port: 32_000 }, {}, {}] },
    });
    const env = { KVSERVER_ADVERTISE: "kv-2.kv:32000" };
    expect(await settingsOf(named, { env })).toMatchObject({ cluster: { id: 2 } });
    // Behind a port that is mapped.
    expect(await settingsOf([...named, "--port", "5000", "--advertise", "kv-0.kv:32000"])).toMatchObject({
      port: 5000,
      cluster: { id: 0 },
    });
    expect(await settingsOf(named)).toContain("say which of these it is with --advertise HOST:PORT");
    expect(await settingsOf([...named, "--advertise", "kv-3.kv:32000"])).toContain(
      "this server is kv-3.kv:32000 (--advertise), and --peers has only kv-0.kv:32000, kv-1.kv:32000",
    );
    expect(await settingsOf([...named, "--advertise", "kv-1.kv"])).toContain('"kv-1.kv" is not HOST:PORT');
    expect(await settingsOf(["--advertise", "kv-1.kv:32000"])).toContain("--advertise is about replicas");
  });

  it("have the protocol that was asked for, and Multi-Paxos otherwise", async () => {
    expect(await settingsOf(peers)).toMatchObject({ cluster: { protocol: "paxos" } });
    const second = await settingsOf([...peers, "--port", "32001", "--replication", "2pc", "--transport", "http"]);
    expect(second).toMatchObject({ cluster: { id: 1, protocol: "2pc", transport: "http", failures: null } });
  });

  it("have the drill that was asked for, and defaults for the rest", async () => {
    const fail = [...peers, "--fail", "acceptor,learner"];
    expect(await settingsOf(fail)).toMatchObject({
      cluster: { failures: { roles: ["acceptor", "learner"], every: { least_ms: 5000 }, lasting: { most_ms: 3000 } } },
    });
    expect(await settingsOf([...fail, "--fail-every", "1s..4s", "--fail-for=500ms..2s", "--fail-seed", "9"]))
      .toMatchObject({
        cluster: {
          failures: { every: { least_ms: 1000, most_ms: 4000 }, lasting: { least_ms: 500, most_ms: 2000 }, seed: 9 },
        },
      });
  });

  const refused: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [[...peers, "--port", "32009"], /127\.0\.0\.1:32009 \(--host and --port\), and --peers has only 127/],
    [["--peers", "127.0.0.1:32000,127.0.0.1:32000"], /has 127\.0\.0\.1:32000 twice/],
    [["--peers", "127.0.0.1:32000,nonsense"], /has "nonsense", which is not HOST:PORT/],
    [[...peers, "--replication", "none"], /has no replicas/],
    [["--replication", "paxos"], /--replication paxos needs the list of the replicas; give --peers/],
    [["--replication", "2pc"], /--replication 2pc needs the list of the replicas; give --peers/],
    [[...peers, "--replication", "3pc"], /"3pc".*none.*2pc.*paxos/],
    [["--transport", "http"], /give --peers/],
    [["--lease-reads"], /give --peers/],
    [[...peers, "--replication", "2pc", "--lease-reads"], /--lease-reads is for Paxos/],
    [["--fail", "acceptor"], /give --peers/],
    [[...peers, "--fail", "acceptors"], /none of acceptor, proposer, learner/],
    [[...peers, "--fail", "acceptor,acceptor"], /twice/],
    [[...peers, "--fail-every", "1s..2s"], /about --fail ROLES/],
    [[...peers, "--fail", "acceptor", "--fail-every", "4s..1s"], /the shorter one first/],
    [
      [...peers, "--transport", "http", "--http-port", "9000"],
      /at port \+ 1000, which is 33000 here; leave out --http-port 9000/,
    ],
    [[...peers, "--transport", "http", "--http-port", "0"], /leave out --http-port 0/],
    [[...peers, "--replication", "2pc", "--fail", "acceptor"], /roles are those of Paxos/],
    [[...peers, "--replication", "2pc", "--fail-seed", "1"], /about --fail ROLES/],
  ];
  for (const [args, says] of refused) {
    it(`are refused: ${args.join(" ")}`, async () => {
      const answer = await settingsOf(args);
      expect(answer).toMatch(/^2: /);
      expect(answer).toMatch(says);
    });
  }
});

describe("kvserver", () => {
  it("says when it is ready, and where", async () => {
    const { terminal, code } = run(["--port", "4000", "--data-dir", "d"]);
    await until(() => terminal.output !== "");
    expect(terminal.output).toMatch(
      /^kvserver \d+\.\d+\.\d+ is ready: TCP and UDP on 127\.0\.0\.1:4000, HTTP on 127\.0\.0\.1:5000, data in d\n$/,
    );
    terminal.signal("SIGINT");
    expect(await code).toBe(0);
    const json = run(["--log-format", "json", "--http-port", "0", "--memory", "--host", "::1"]);
    await until(() => json.terminal.output !== "");
    expect(JSON.parse(json.terminal.output)).toMatchObject({
      event: "ready",
      tcp: { host: "::1" },
      http: null,
      dataDir: null,
    });
    json.terminal.signal("SIGTERM");
    expect(await json.code).toBe(0);
    expect(JSON.parse(json.terminal.error)).toMatchObject({ message: "SIGTERM: stopping", level: "INFO" });
  });

  it("finishes what it accepted on the first signal and leaves at once on the second", async () => {
    const { terminal, code, server } = run([]);
    const running = await server;
    let finish = (): void => {};
    running.finishClose = new Promise((resolve) => finish = resolve);
    await until(() => terminal.output !== "");
    terminal.signal("SIGTERM");
    await until(() => running.closed === 1);
    expect(terminal.exits).toEqual([]);
    terminal.signal("SIGINT");
    expect(terminal.exits).toEqual([130]);
    terminal.signal("SIGTERM");
    expect(terminal.exits).toEqual([130, 143]);
    finish();
    expect(await code).toBe(0);
    expect(terminal.signal("SIGTERM")).toBe(false);
  });

  it("stops with code 1 when it can no longer serve, and says why", async () => {
    const { terminal, code, server } = run([]);
    const running = await server;
    await until(() => terminal.output !== "");
    running.fail(new Error("no space left on device"));
    expect(await code).toBe(1);
    expect(running.closed).toBe(1);
    expect(terminal.error).toContain("FATAL");
    expect(terminal.error).toContain("no space left on device; stopping");
  });

  it("warns when the network can reach it without a password", async () => {
    const open = run(["--host", "0.0.0.0", "--insecure"]);
    await until(() => open.terminal.output !== "");
    expect(open.terminal.error).toContain("without a password");
    open.terminal.signal("SIGTERM");
    await open.code;
    const quiet = run(["--host", "0.0.0.0", "--password", PASSWORD, "--log-level", "error"]);
    await until(() => quiet.terminal.output !== "");
    quiet.terminal.signal("SIGTERM");
    await quiet.code;
    expect(quiet.terminal.error).toBe("");
  });

  const refusals: readonly (readonly [error: Error, says: readonly string[]])[] = [
    [
      Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE", address: "127.0.0.1", port: 33_000 }),
      ["127.0.0.1:33000 is in use", "--http-port"],
    ],
    [
      Object.assign(new Error("Failed to start server. Is port 33000 in use?"), { code: "EADDRINUSE" }),
      ["127.0.0.1:33000 is in use", "--http-port"],
    ],
    [Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" }), ["127.0.0.1:32000 is in use", "--port"]],
    [Object.assign(new Error("bind"), { code: "EADDRNOTAVAIL" }), ["not an address of this machine", "--host"]],
    [new Error("Failed to listen at 127.0.0.1"), ["not an address of this machine", "--host"]],
    [
      new LogError("damaged", "a record does not match its checksum", { file: "log-1", offset: 4711 }),
      ["file log-1, offset 4711", "kvserver-32000"],
    ],
    [new LogError("damaged", "log-1 is damaged at offset 5", { file: "log-1", offset: 5 }), [
      "log-1 is damaged at offset 5 (data",
    ]],
    [new LogError("locked", "process 12 has the directory"), ["process 12", "data directory ./kvserver-32000"]],
    [new LogError("version", "format 9 is newer\nthan 1"), ["format 9 is newer than 1"]],
  ];
  for (const [error, says] of refusals) {
    it(`refuses to start in one line that says: ${says.join("; ")}`, async () => {
      const terminal = new FakeTerminal();
      expect(await runServer(terminal, () => Promise.reject(error), noProcesses)).toBe(1);
      for (const text of says) expect(terminal.error).toContain(text);
      expect(terminal.error).toMatch(/^kvserver: cannot start: [^\n]+\n$/);
      expect(terminal.output).toBe("");
    });
  }
});

describe("users", () => {
  const line = (name: string): string =>
    `{"user":"${name}","role":"read-only","tokens":["sha256$${"A".repeat(43)}"]}\n`;

  it("come from a file, and an error names its line", async () => {
    expect(await settingsOf(["--users", "u"], { files: { u: line("a") } })).toMatchObject({ users: line("a") });
    const wrong = await settingsOf(["--users", "u"], { files: { u: `${line("a")}{}\n` } });
    expect(wrong).toContain("2: ");
    expect(wrong).toContain("--users u, line 2: ");
    expect(await settingsOf(["--users", "none"])).toContain("--users none: ENOENT");
    const both = await settingsOf(["--users", "u", "--password", PASSWORD], { files: { u: line("default") } });
    expect(both).toContain("leave one of the two out");
  });

  it("are read again at SIGHUP; a file that cannot be used changes nothing", async () => {
    const { terminal, code, server } = run(["--users", "u", "--log-level", "info"], { files: { u: line("a") } });
    const started = await server;
    await until(() => terminal.output !== "");
    terminal.files.set("u", line("b"));
    terminal.signal("SIGHUP");
    expect(started.replaced).toEqual([line("b")]);
    terminal.files.set("u", NONSENSE);
    terminal.signal("SIGHUP");
    expect(started.replaced).toEqual([line("b")]);
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
    expect(terminal.error).toContain("everything stays as it was");
    expect(terminal.error).not.toContain(NONSENSE);
  });
});

describe("listening where others can reach it", () => {
  const files = { secret: `${CLUSTER_SECRET}\n`, p: `${PASSWORD}\n` };
  const peers = ["--peers", "0.0.0.0:32000,10.0.0.2:32000"];
  const on = (host: string, ...args: string[]): ReturnType<typeof settingsOf> =>
    settingsOf(["--host", host, "--log-level", "fatal", ...args], { files });

  it("is refused without a password or users, with a text that names the remedy", async () => {
    for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org", "128.0.0.1"]) {
      const refusal = await on(host);
      expect(refusal).toMatch(/^2: /);
      for (const says of [`--host ${host} `, "--users", "--password-file", "--insecure"]) {
        expect(refusal).toContain(says);
      }
    }
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) expect(await on(host)).toMatchObject({ host });
    expect(await on("0.0.0.0", "--password-file", "p")).toMatchObject({ password: PASSWORD });
    expect(await on("0.0.0.0", "--insecure")).toMatchObject({ host: "0.0.0.0" });
  });

  it("is refused to a replica without a cluster secret", async () => {
    const refusal = await on("0.0.0.0", "--password-file", "p", ...peers);
    expect(refusal).toMatch(/^2: .*could pass for a replica; give .*--cluster-secret-file/s);
    const args = ["--password-file", "p", "--cluster-secret-file", "secret", ...peers];
    expect(await on("0.0.0.0", ...args)).toMatchObject({ clusterSecret: CLUSTER_SECRET });
    expect(await on("0.0.0.0", "--cluster-secret-file", "secret", ...peers)).toMatch(/^2: .*--users/s);
  });
});

describe("the secret of a cluster", () => {
  const short = keepSecret("sekret-15-chars");
  const files = { secret: `${CLUSTER_SECRET}\n`, short: `${short}\n` };
  const peers = ["--peers", "127.0.0.1:32000,127.0.0.1:32001"];

  it("comes from a file or the environment, and is long", async () => {
    const env = { KVSERVER_CLUSTER_SECRET: OTHER_CLUSTER_SECRET };
    expect(await settingsOf(peers, { env })).toMatchObject({ clusterSecret: OTHER_CLUSTER_SECRET });
    expect(await settingsOf([...peers, "--cluster-secret-file", "secret"], { files })).toMatchObject({
      clusterSecret: CLUSTER_SECRET,
    });
    const refusal = await settingsOf([...peers, "--cluster-secret-file", "short"], { files });
    expect(refusal).toMatch(/^2: .*has 15 characters; give at least 16 random ones/s);
    expect(refusal).not.toContain(short);
    expect(await settingsOf([...peers, "--cluster-secret-file", "secret"], { files, env })).toMatch(
      /^2: .*one of the two/s,
    );
    expect(await settingsOf([...peers, "--cluster-secret-file", "none"], { files })).toMatch(/^2: .*ENOENT/s);
    expect(await settingsOf(["--cluster-secret-file", "secret"], { files })).toMatch(/^2: .*give --peers/s);
  });
});

describe("TLS", () => {
  const authority = createAuthority("operators");
  const own = authority.issue({ names: ["127.0.0.1", "kv-0.example"] });
  const next = authority.issue({ names: ["127.0.0.1", "kv-0.example"] });
  const foreign = createAuthority("others").issue({ names: ["127.0.0.1"] });
  const forServers = authority.issue({ names: ["127.0.0.1"], usage: "server" });
  const files = {
    cert: own.certificate,
    key: own.key,
    ca: authority.certificate,
    foreign: foreign.certificate,
    foreignKey: foreign.key,
    forServers: forServers.certificate,
    forServersKey: forServers.key,
    text: "text",
    p: "password\n",
  };
  const tls = ["--tls-cert", "cert", "--tls-key", "key"];
  const peers = ["--peers", "127.0.0.1:32000,10.0.0.2:32000"];
  const on = (...args: string[]): ReturnType<typeof settingsOf> => settingsOf(args, { files });

  it("is spoken with a certificate and its key, and closes UDP unless --insecure opens it", async () => {
    expect(await on(...tls)).toMatchObject({ tls: { cert: own.certificate, key: own.key, ca: null }, udp: false });
    expect(await on(...tls, "--insecure")).toMatchObject({ udp: true });
    const env = { KVSERVER_TLS_CERT: "cert", KVSERVER_TLS_KEY: "key", KVSERVER_TLS_CA: "ca" };
    expect(await settingsOf([], { files, env })).toMatchObject({ tls: { ca: authority.certificate } });
  });

  it("stands for a cluster secret, and certificates of clients for users, where others can reach the server", async () => {
    const exposed = ["--host", "0.0.0.0", "--advertise", "127.0.0.1:32000", ...peers, ...tls, "--tls-ca", "ca"];
    expect(await on(...exposed, "--password-file", "p")).toMatchObject({ clusterSecret: null, host: "0.0.0.0" });
    expect(await on(...exposed, "--tls-client-auth")).toMatchObject({ tls: { clientAuth: true } });
    expect(await on(...exposed)).toMatch(/^2: .*--users/s);
  });

  it.each<[args: string[], text: RegExp]>([
    [["--tls-cert", "cert"], /--tls-cert cert is of no use without --tls-key/],
    [["--tls-key", "key"], /--tls-key key is of no use without --tls-cert/],
    [["--tls-ca", "ca"], /--tls-ca is about TLS/],
    [["--tls-cert", "none", "--tls-key", "key"], /--tls-cert none: ENOENT/],
    [["--tls-cert", "text", "--tls-key", "key"], /there is no certificate in --tls-cert text/],
    [["--tls-cert", "cert", "--tls-key", "text"], /there is no private key in --tls-key text/],
    [["--tls-cert", "cert", "--tls-key", "foreignKey"], /key in --tls-key foreignKey is not that of the certificate/],
    [[...tls, "--tls-client-auth"], /give --tls-ca/],
    [[...tls, ...peers], /give the authority that issued them: --tls-ca/],
    [["--tls-cert", "foreign", "--tls-key", "foreignKey", "--tls-ca", "ca", ...peers], /is of none of the authorities/],
    [
      [
        ...tls,
        "--tls-ca",
        "ca",
        "--peers",
        "kv-1.example:32000,kv-2.example:32000",
        "--advertise",
        "kv-1.example:32000",
      ],
      /--tls-cert cert is not for kv-1\.example, .*it is for .*kv-0\.example/,
    ],
  ])("is refused: %j", async (args, text) => {
    const refusal = await on(...args);
    expect(refusal).toMatch(/^2: /);
    expect(refusal).toMatch(text);
    expect(refusal).not.toContain("PRIVATE KEY-----\n");
  });

  // Deno does not say what a certificate is for.
  it.skipIf("Deno" in globalThis)("needs certificates for both ends of a connection between replicas", async () => {
    const args = ["--tls-cert", "forServers", "--tls-key", "forServersKey", "--tls-ca", "ca"];
    expect(await on(...args, ...peers)).toMatch(/^2: .*serverAuth, clientAuth/s);
    expect(await on(...args)).toMatchObject({ udp: false });
  });

  it("reads its files again at SIGHUP; those that cannot be used change nothing", async () => {
    const { terminal, code, server } = run([...tls, "--log-level", "info"], { files });
    const started = await server;
    await until(() => terminal.output !== "");
    expect(terminal.output).toContain(" is ready: TLS over TCP ");
    terminal.files.set("cert", next.certificate);
    terminal.signal("SIGHUP");
    expect(started.certificates).toEqual([]);
    expect(terminal.error).toContain("is not that of the certificate");
    terminal.files.set("key", next.key);
    terminal.signal("SIGHUP");
    expect(started.certificates).toMatchObject([{ cert: next.certificate, key: next.key }]);
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
    expect(terminal.error).toContain("everything stays as it was");
  });

  it("is missed in the log where others can reach the server", async () => {
    const { terminal, code, server } = run(["--host", "0.0.0.0", "--password-file", "p"], { files });
    await server;
    await until(() => terminal.output !== "");
    terminal.signal("SIGTERM");
    expect(await code).toBe(0);
    expect(terminal.error).toContain("without TLS");
  });
});
