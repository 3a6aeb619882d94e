/**
 * Built replicas that know each other by name: one comes back with another address, as the pod of a StatefulSet does.
 * Each process sees a file of hosts of the test in place of the system's, in a namespace of mounts of its own.
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePorts } from "../support/free_ports.ts";
import { KVCLIENT, KVSERVER, type ServerProcess, Servers } from "./support/server_process.ts";

const servers = new Servers();
afterAll(() => servers.close());

const folder = servers.folder("names");
const hosts = join(folder, "hosts");
writeFileSync(hosts, "127.0.0.1 localhost\n");
const WITH_HOSTS = ["unshare", "--map-root-user", "--mount", "sh", "-c"] as const;
const SCRIPT = 'hosts=$1; shift; mount --bind "$hosts" /etc/hosts && exec "$@"';
// Containers may forbid namespaces.
const canMount = spawnSync(WITH_HOSTS[0], [...WITH_HOSTS.slice(1), SCRIPT, "sh", hosts, "true"]).status === 0;

/** Writes the file as a whole but keeps it the same file, which is what is mounted. */
function setHosts(addresses: readonly string[]): void {
  writeFileSync(hosts, ["127.0.0.1 localhost", ...addresses.map((each, id) => `${each} kv-${id}.test`), ""].join("\n"));
}

for (const transport of ["tcp", "http"]) {
  // Skipped where the system lets nobody mount, as within most containers.
  test.skipIf(!canMount || !existsSync("/etc/hosts"))(
    `a replica comes back with another address under its old name, with all data, over ${transport}`,
    async () => {
      const [port] = await freePorts(1);
      const addresses = ["127.20.0.1", "127.20.0.2", "127.20.0.3"];
      setHosts(addresses);
      const peers = addresses.map((_, id) => `kv-${id}.test:${port}`);
      const start = (id: number): Promise<ServerProcess> =>
        servers.spawn({
          port: port!,
          dataDir: join(folder, `${transport}-${id}`),
          command: [...WITH_HOSTS, SCRIPT, "sh", hosts, KVSERVER],
          flags: [
            `--host=${addresses[id]}`,
            `--peers=${peers.join(",")}`,
            `--advertise=${peers[id]}`,
            `--transport=${transport}`,
          ],
        });
      const client = (id: number, ...args: string[]): { readonly code: number | null; readonly output: string } => {
        const { status, stdout, stderr } = spawnSync(KVCLIENT, [...args, "--server", `${addresses[id]}:${port}`], {
          encoding: "utf8",
          timeout: 20_000,
          env: { ...process.env, XDG_CONFIG_HOME: folder },
        });
        return { code: status, output: stdout + stderr };
      };
      const ready = async (id: number): Promise<void> => {
        for (;;) {
          if (client(id, "health", "--protocol=HTTP").code === 0) return;
          await new Promise((wait) => setTimeout(wait, 50));
        }
      };

      const running = await Promise.all([0, 1, 2].map(start));
      await Promise.all([0, 1, 2].map(ready));
      expect(client(0, "put", "a", "before")).toMatchObject({ code: 0 });

      for (const [id, address] of [[2, "127.20.9.3"], [0, "127.20.9.1"]] as const) {
        await running[id]!.kill();
        addresses[id] = address;
        setHosts(addresses);
        running[id] = await start(id);
        await ready(id);
      }
      // Two of three have moved: without them there is no majority, and each is called by the others.
      await running[1]!.kill();
      await Promise.all([ready(0), ready(2)]);
      expect(client(0, "get", "a")).toEqual({ code: 0, output: "before" });
      expect(client(2, "put", "b", "after")).toMatchObject({ code: 0 });
      expect(client(0, "get", "b")).toEqual({ code: 0, output: "after" });
      expect(running[2]!.output).toContain(
        `connected to replica kv-0.test:${transport === "tcp" ? port : port! + 1000}`,
      );
      await Promise.all([running[0]!.stop(), running[2]!.stop()]);
    },
  );
}

test("a name that is not known is said, with the name", async () => {
  const [port] = await freePorts(1);
  const peers = `127.0.0.1:${port},kv-1.invalid:${port},kv-2.invalid:${port}`;
  const server = await servers.spawn({ port: port!, flags: [`--peers=${peers}`] });
  const says = /cannot reach replica kv-2\.invalid:\d+: the name kv-2\.invalid (is not known|cannot be looked up)/;
  while (!says.test(server.output)) await new Promise((wait) => setTimeout(wait, 20));
  expect((await server.stop()).code).toBe(0);
});
