/**
 * The image of the server, as podman and buildah make and run it: five containers on a network of their own find each other
 * by name, pass the demo, and go on when one of them is killed.
 *
 * No registry is asked: the stage of the Dockerfile that runs is put on a base of the C library of this machine, and what
 * the stage that builds would make is built here, by the same script.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bin, root } from "../architecture/packed.ts";
import { secret } from "../support/secrets/secrets.ts";

const NAMES = Array.from({ length: 5 }, (_, id) => `kv-${id}`);
const PATIENCE_MS = 60_000;
const IMAGE = "localhost/kvpaxos/kvserver";

interface Outcome {
  readonly status: number | null;
  readonly text: string;
}

function run(command: string, args: readonly string[]): Outcome {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: PATIENCE_MS });
  return { status, text: error === undefined ? stdout + stderr : error.message };
}

function succeed(command: string, args: readonly string[]): string {
  const { status, text } = run(command, args);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${text}`);
  return text;
}

const folder = mkdtempSync(join(tmpdir(), "kvpaxos-containers-"));
/** Nothing of it is left in the places where the machine has its own containers. */
const STORE = ["--storage-driver", "vfs", "--root", join(folder, "root"), "--runroot", join(folder, "run")];
const PODMAN = [
  ...STORE,
  "--cgroup-manager",
  "cgroupfs",
  "--runtime",
  "runc",
  "--network-config-dir",
  join(folder, "net"),
];
const podman = (...args: readonly string[]): Outcome => run("podman", [...PODMAN, ...args]);
/** A container that runs on machines which let nobody raise limits. */
const RUN = ["run", "--network", "kvpaxos", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

/** Makes the image. */
function build(): void {
  for (const path of ["base/tmp", "base/etc", "out/bin", "out/data", "net"]) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  const executable = join(folder, "out/bin/kvserver");
  succeed(bin("node"), [join(root, ".ci/build.mjs"), "both"]);
  copyFileSync(join(root, "dist/both"), executable);
  symlinkSync("kvserver", join(folder, "out/bin/kvclient"));
  for (const [library] of succeed("ldd", [executable]).matchAll(/\/\S+(?= \()/g)) {
    mkdirSync(dirname(join(folder, "base", library)), { recursive: true });
    copyFileSync(library, join(folder, "base", library));
  }
  writeFileSync(join(folder, "Dockerfile.base"), "FROM scratch\nCOPY base/ /\n");
  const text = readFileSync(join(root, "deploy/Dockerfile.server"), "utf8");
  const running = text.slice(text.indexOf("FROM ${RUNTIME_IMAGE}"));
  writeFileSync(
    join(folder, "Dockerfile"),
    `ARG RUNTIME_IMAGE\nFROM scratch AS build\nCOPY out/ /out/\n${running}`,
  );
  const bud = ["bud", "--isolation", "chroot", "--format", "docker"];
  succeed("buildah", [...STORE, ...bud, "-f", join(folder, "Dockerfile.base"), "-t", "localhost/base", folder]);
  const base = ["--build-arg", "RUNTIME_IMAGE=localhost/base"];
  succeed("buildah", [...STORE, ...bud, ...base, "-f", join(folder, "Dockerfile"), "-t", IMAGE, folder]);
}

/** Why no container can be run on this machine, such as one that is a container itself; null when it can. */
function refusal(): string | null {
  const network = podman("network", "create", "--internal", "kvpaxos");
  const { status, text } = network.status === 0 ? podman(...RUN, "--rm", IMAGE, "--version") : network;
  return status === 0 ? null : `podman runs no containers here: ${text.trim().slice(-300)}`;
}

/** Why there are no containers here, or null. */
let missing: string | null = null;

beforeAll(() => {
  const absent = ["podman", "buildah", "runc", "iptables", "ldd"].find((name) => run(name, ["--version"]).status !== 0);
  if (absent !== undefined) {
    missing = `${absent} is not installed`;
    return;
  }
  build();
  missing = refusal();
}, 2 * PATIENCE_MS);

afterAll(() => {
  if (missing === null || missing.startsWith("podman runs")) {
    podman("rm", "--all", "--force", "--time", "0");
    podman("network", "rm", "--force", "kvpaxos");
  }
  rmSync(folder, { recursive: true, force: true });
}, PATIENCE_MS);

describe("the image of the server", () => {
  test(
    "is run five times: containers find each other by name, and go on without one",
    { timeout: 180_000 },
    async (context) => {
      if (missing !== null) context.skip(missing);
      const password = secret("password of containers");
      const environment = {
        KVSERVER_PEERS: NAMES.map((name) => `${name}:32000`).join(","),
        KVSERVER_PASSWORD: password,
        KVSERVER_CLUSTER_SECRET: secret("secret of containers"),
      };
      const variables = Object.entries(environment).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
      const hardened = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"];
      for (const name of NAMES) {
        const own = ["--env", `KVSERVER_ADVERTISE=${name}:32000`, "--volume", `data-${name}:/data`];
        succeed("podman", [...PODMAN, ...RUN, "--detach", "--name", name, ...hardened, ...variables, ...own, IMAGE]);
      }
      const kvclient = (servers: readonly string[], ...args: string[]): Outcome =>
        podman(
          ...[...RUN, "--rm", "--env", `KVCLIENT_PASSWORD=${password}`, "--env", "HOME=/tmp"],
          ...["--env", `KVCLIENT_SERVER=${servers.map((name) => `${name}:32000`).join(",")}`],
          ...["--entrypoint", "/usr/local/bin/kvclient", IMAGE, ...args],
        );
      const logs = (): string => NAMES.map((name) => podman("logs", name).text).join("\n");
      await until(() => kvclient(NAMES, "health").status === 0, logs);
      // What HEALTHCHECK runs.
      for (const name of NAMES) await until(() => podman("healthcheck", "run", name).status === 0, logs);

      const demo = kvclient(NAMES, "demo");
      expect(demo, logs()).toMatchObject({
        status: 0,
        text: expect.stringMatching(/5 DELETEs?|passed|verified/) as string,
      });
      expect(kvclient(NAMES, "put", "city", "Bern").status).toBe(0);

      succeed("podman", [...PODMAN, "kill", "--signal", "KILL", NAMES[0]!]);
      const others = NAMES.slice(1);
      await until(() => kvclient(others, "put", "city", "Basel").status === 0, logs);
      for (const name of others) expect(kvclient([name], "get", "city").text).toContain("Basel");
      expect(kvclient(others, "demo").status, logs()).toBe(0);
      // It comes back with its data.
      succeed("podman", [...PODMAN, "start", NAMES[0]!]);
      await until(() => kvclient([NAMES[0]!], "get", "city").text.includes("Basel"), logs);
    },
  );
});

async function until(holds: () => boolean, told: () => string): Promise<void> {
  for (const deadline = performance.now() + PATIENCE_MS; !holds();) {
    if (performance.now() > deadline) throw new Error(told());
    await new Promise((wait) => setTimeout(wait, 200));
  }
}
