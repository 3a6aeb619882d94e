import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CONNECTION } from "../../cli/kvclient/flags.ts";
import { VERSION } from "../../src/version.ts";
import { readDockerfile, ROOT } from "./support/dockerfile.ts";
import { type Environment, lineOf, serverOf, strangers } from "./support/programs.ts";
import { secret } from "../support/secrets/secrets.ts";

const PASSWORD = secret("compose");
const CLUSTER_SECRET = secret("compose cluster");

interface Service {
  readonly image: string;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly environment: Environment;
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly secrets: readonly string[];
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
  readonly secrets: object;
}

const PATH = new URL("deploy/compose.yaml", ROOT);
const compose = parse(readFileSync(PATH, "utf8"), { merge: true }) as Compose;
const { demo, ...replicas } = compose.services;
const secrets = {
  "/run/secrets/password": `${PASSWORD}\n`,
  "/run/secrets/cluster-secret": `${CLUSTER_SECRET}\n`,
};

/** Whether `docker compose` is there; it needs no daemon to read a file. */
const hasCompose = spawnSync("docker", ["compose", "version"]).status === 0;

describe("compose.yaml", () => {
  it("has five replicas that know each other by the names of their services", () => {
    const names = Object.keys(replicas);
    expect(names).toEqual(["kv-0", "kv-1", "kv-2", "kv-3", "kv-4"]);
    for (const [id, name] of names.entries()) {
      const env = { ...readDockerfile("Dockerfile.server").env, ...replicas[name]!.environment };
      expect(strangers(env)).toEqual([]);
      const settings = serverOf(env, secrets, replicas[name]!.command ?? []);
      expect(settings).toMatchObject({ host: "0.0.0.0", password: PASSWORD, cluster: { id } });
      expect(settings.clusterSecret).toBe(CLUSTER_SECRET);
      expect(replicas[name]!.secrets).toEqual(["password", "cluster-secret"]);
      expect(settings.cluster!.peers).toEqual(names.map((host) => ({ host, port: settings.port })));
      expect(replicas[name]!.volumes).toEqual([`data-${id}:${settings.dataDir}`]);
      for (const port of replicas[name]!.ports ?? []) {
        const [address, , inside] = port.split(":");
        expect(address).toBe("127.0.0.1");
        expect([`${settings.port}/tcp`, `${settings.httpPort}/tcp`]).toContain(inside);
      }
    }
    expect(Object.keys(compose.volumes)).toEqual(names.map((_, id) => `data-${id}`));
  });

  it("has a client that runs the demo once all of them are healthy", () => {
    const line = lineOf("kvclient", demo!.command!, demo!.environment);
    expect(line.command.name).toBe("demo");
    expect(line.get(CONNECTION.server)).toBe(replicas["kv-0"]!.environment["KVSERVER_PEERS"]);
    expect(Object.keys(secrets)).toContain(line.get(CONNECTION.passwordFile));
    expect(strangers(demo!.environment)).toEqual([]);
    expect(demo!.secrets).toEqual(["password"]);
    expect(demo!.depends_on).toEqual(
      Object.fromEntries(Object.keys(replicas).map((name) => [name, { condition: "service_healthy" }])),
    );
  });

  it("builds images of this version, and gives containers nothing that they do not need", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const program = name === "demo" ? "client" : "server";
      expect(service.image).toBe(`kvpaxos/kv${program}:${VERSION}`);
      expect(service.build).toEqual({ context: "..", dockerfile: `deploy/Dockerfile.${program}` });
      expect(existsSync(new URL(service.build.dockerfile, ROOT))).toBe(true);
      expect([service.read_only, service.cap_drop]).toEqual([true, ["ALL"]]);
      expect(service.security_opt).toEqual(["no-new-privileges:true"]);
      for (const network of service.networks) expect(Object.keys(compose.networks)).toContain(network);
      for (const secret of service.secrets) expect(Object.keys(compose.secrets)).toContain(secret);
    }
  });

  // Skipped where docker has no compose.
  it.skipIf(!hasCompose)("is what docker compose understands", () => {
    const { status, stderr } = spawnSync("docker", ["compose", "-f", PATH.pathname, "config", "--quiet"], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  });
});
