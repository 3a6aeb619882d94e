import { readdirSync, readFileSync } from "node:fs";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Secret } from "kubernetes-models/v1/Secret";
import { Service } from "kubernetes-models/v1/Service";
import {
  createCompilerHost,
  createProgram,
  createSourceFile,
  flattenDiagnosticMessageText,
  getPreEmitDiagnostics,
} from "typescript";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { CONNECTION } from "../../cli/kvclient/flags.ts";
import { startServer } from "../../src/server/server.ts";
import { VERSION } from "../../src/version.ts";
import { createAuthority } from "../support/certificates.ts";
import { ROOT } from "./support/dockerfile.ts";
import {
  canRender,
  CLUSTER_SECRET,
  environmentOf,
  filesOf,
  type Manifest,
  only,
  OVERLAYS,
  PASSWORD,
  type PodTemplate,
  render,
  SECRETS,
} from "./support/manifests.ts";
import { lineOf, serverOf, strangers } from "./support/programs.ts";

const MODELS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  ConfigMap,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  Secret,
  Service,
  ServiceMonitor,
  StatefulSet,
};

/** Where the types of a kind are; those of a ServiceMonitor are in no package of types alone. */
const TYPES: Readonly<Record<string, string>> = {
  ConfigMap: "core/v1",
  Job: "batch/v1",
  Namespace: "core/v1",
  NetworkPolicy: "networking/v1",
  PodDisruptionBudget: "policy/v1",
  Secret: "core/v1",
  Service: "core/v1",
  StatefulSet: "apps/v1",
};

interface Kustomization {
  readonly replicas: readonly [{ readonly count: number }];
  readonly configMapGenerator: readonly [{ readonly literals: readonly string[] }];
}

interface Ports {
  readonly ports: readonly { readonly port: number; readonly targetPort: string; readonly protocol?: string }[];
  readonly selector: Readonly<Record<string, string>>;
}

interface Rule {
  readonly ports: readonly { readonly port: number; readonly protocol: string }[];
}

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

function podOf(manifest: Manifest): PodTemplate {
  return manifest.spec!["template"] as PodTemplate;
}

/** What the compiler says of the manifests as literals, where a name that no type has is an error. */
function typeErrors(manifests: readonly Manifest[]): string[] {
  const lines = manifests.filter(({ kind }) => TYPES[kind] !== undefined).map((manifest, index) =>
    `export const m${index}: import("kubernetes-types/${TYPES[manifest.kind]}").${manifest.kind} = ${
      JSON.stringify(manifest)
    };`
  );
  const name = new URL("tests/deploy/manifests_as_literals.ts", ROOT).pathname;
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    module: 99,
    moduleResolution: 100,
    lib: ["lib.es5.d.ts"],
    types: [],
  };
  const host = createCompilerHost(options);
  const [getSourceFile, fileExists] = [host.getSourceFile.bind(host), host.fileExists.bind(host)];
  host.fileExists = (path) => path === name || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    path === name ? createSourceFile(name, lines.join("\n"), rest[0]) : getSourceFile(path, ...rest);
  return getPreEmitDiagnostics(createProgram([name], options, host)).map(({ messageText }) =>
    flattenDiagnosticMessageText(messageText, " ")
  );
}

describe.each(OVERLAYS)("the overlay %s", (overlay) => {
  const file = new URL(`deploy/kubernetes/overlays/${overlay}/kustomization.yaml`, ROOT);
  const { replicas: [{ count }], configMapGenerator: [{ literals }] } = parse(
    readFileSync(file, "utf8"),
  ) as Kustomization;

  it("lists as many peers as it has replicas, by the names that their pods have", () => {
    const pods = Array.from({ length: count }, (_, id) => `kvserver-${id}.kvserver-peers:32000`);
    expect(literals).toEqual([`peers=${pods.join(",")}`]);
    // Of an even number no more may fail than of the one below it.
    expect(count % 2).toBe(1);
  });
});

// Skipped where neither kustomize nor kubectl is installed.
describe.skipIf(!canRender).each(OVERLAYS)("the manifests of the overlay %s", (overlay) => {
  const manifests = canRender ? render(overlay) : [];
  const set = (): Manifest => only(manifests, "StatefulSet");
  const pods = (): Manifest[] => manifests.filter(({ kind }) => kind === "StatefulSet" || kind === "Job");
  const count = (): number => set().spec!["replicas"] as number;

  it("are valid by the published schemas", () => {
    for (const manifest of manifests) {
      const Model = MODELS[manifest.kind]!;
      expect(() => new Model(manifest as never).validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow();
    }
    const wrong = { ...set(), spec: { ...set().spec, replicas: "three" } };
    expect(() => new StatefulSet(wrong as never).validate()).toThrow();
  });

  it("have no name that the published types do not have", () => {
    const wrong = { ...set(), spec: { ...set().spec, replicaz: 3 } };
    const errors = typeErrors([...manifests, wrong]);
    expect(errors.length).toBe(1);
    expect(errors[0]).toContain("replicaz");
  });

  it("start each replica as the one that its pod is named after", () => {
    const names = Array.from({ length: count() }, (_, id) => `${set().metadata.name}-${id}`);
    for (const [id, name] of names.entries()) {
      const env = environmentOf(manifests, podOf(set()), name);
      expect(strangers(env)).toEqual([]);
      const settings = serverOf(env, filesOf(manifests, podOf(set())), podOf(set()).spec.containers[0].args ?? []);
      expect(settings).toMatchObject({
        host: "0.0.0.0",
        password: PASSWORD,
        clusterSecret: CLUSTER_SECRET,
        cluster: { id, protocol: "paxos" },
      });
      expect(settings.cluster!.peers).toEqual(
        names.map((each) => ({ host: `${each}.${set().spec!["serviceName"] as string}`, port: settings.port })),
      );
      const mount = podOf(set()).spec.containers[0].volumeMounts.find((each) => each.name === "data")!;
      expect(settings.dataDir!.startsWith(`${mount.mountPath}/`)).toBe(true);
      const { ports } = podOf(set()).spec.containers[0];
      expect(ports!.map(({ containerPort, protocol }) => `${containerPort}/${protocol ?? "TCP"}`)).toEqual([
        `${settings.port}/TCP`,
        `${settings.port}/UDP`,
        `${settings.httpPort}/TCP`,
      ]);
    }
  });

  it("lead Services, budgets and monitors to the pods and ports that there are", () => {
    const { containers: [{ ports }] } = podOf(set()).spec;
    const { labels } = podOf(set()).metadata;
    for (const service of manifests.filter(({ kind }) => kind === "Service")) {
      const { selector, ports: own } = service.spec as unknown as Ports;
      expect(labels).toMatchObject(selector);
      for (const { port, targetPort, protocol } of own) {
        const target = ports!.find(({ name }) => name === targetPort)!;
        expect([target.containerPort, target.protocol ?? "TCP"]).toEqual([port, protocol ?? "TCP"]);
      }
    }
    const peers = only(manifests, "Service", set().spec!["serviceName"] as string);
    expect(peers.spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
    for (const kind of ["PodDisruptionBudget", "StatefulSet"]) {
      expect(labels).toMatchObject((only(manifests, kind).spec!["selector"] as { matchLabels: object }).matchLabels);
    }
    for (const monitor of manifests.filter(({ kind }) => kind === "ServiceMonitor")) {
      expect(peers.metadata.labels).toMatchObject((monitor.spec!["selector"] as { matchLabels: object }).matchLabels);
    }
  });

  it("begin all replicas at once, and keep a majority when nodes are drained", () => {
    expect(set().spec).toMatchObject({ podManagementPolicy: "Parallel" });
    const allowed = only(manifests, "PodDisruptionBudget").spec!["maxUnavailable"] as number;
    expect(allowed).toBeGreaterThan(0);
    expect(count() - allowed).toBeGreaterThan(count() / 2);
  });

  it("give pods no more rights than they need, and refer to one Secret by its name", () => {
    for (const manifest of pods()) {
      const { metadata, spec } = podOf(manifest);
      expect(spec).toMatchObject({
        enableServiceLinks: false,
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
      });
      expect(metadata.labels["app.kubernetes.io/name"]).toBeDefined();
      const [container] = spec.containers;
      expect(container.securityContext).toEqual(RESTRICTED);
      expect(container.resources).toEqual({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      });
      expect(container.image).toBe(`kvpaxos/${metadata.labels["app.kubernetes.io/name"]}:${VERSION}`);
      const secrets = spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []);
      expect(secrets.length).toBe(1);
      expect(secrets[0]).toMatch(/^kvserver(-[a-z0-9]{10})?$/);
    }
    // In production the Secret is not made from a file of this repository.
    const own = manifests.filter(({ kind }) => kind === "Secret");
    expect(own.length).toBe(overlay === "dev" ? 1 : 0);
    for (const { data } of own) expect(Object.keys(data!).toSorted()).toEqual(Object.keys(SECRETS).toSorted());
  });

  it("let in and out what the replicas listen on, and nothing else but names", () => {
    const { ingress, egress } = only(manifests, "NetworkPolicy").spec as unknown as {
      ingress: Rule[];
      egress: Rule[];
    };
    const listened = podOf(set()).spec.containers[0].ports!.map((each) =>
      `${each.containerPort}/${each.protocol ?? "TCP"}`
    );
    const all = (rules: Rule[]): string[] =>
      rules.flatMap(({ ports }) => ports.map((each) => `${each.port}/${each.protocol}`));
    expect(new Set(all(ingress))).toEqual(new Set(listened));
    expect(all(egress).filter((port) => !listened.includes(port)).sort()).toEqual(["53/TCP", "53/UDP"]);
  });

  it("run the demo as a command that there is, from a pod that may talk to the replicas", () => {
    for (const job of manifests.filter(({ kind }) => kind === "Job")) {
      const env = environmentOf(manifests, podOf(job), "demo");
      expect(strangers(env)).toEqual([]);
      const line = lineOf("kvclient", podOf(job).spec.containers[0].args!, env);
      expect(line.command.name).toBe("demo");
      const service = only(manifests, "Service", line.get(CONNECTION.server)!.split(":")[0]!);
      expect((service.spec as unknown as Ports).ports.map(({ port }) => `${port}`)).toContain(
        line.get(CONNECTION.server)!.split(":")[1],
      );
      expect(Object.keys(filesOf(manifests, podOf(job)))).toContain(line.get(CONNECTION.passwordFile));
      expect(Object.keys(filesOf(manifests, podOf(job))).filter((path) => path.endsWith("cluster-secret"))).toEqual([]);
      expect(podOf(job).metadata.labels).toMatchObject({ "kvpaxos/client": "true" });
    }
  });

  it("ask for pages that a server has, with the password where it is needed", async () => {
    await using server = await startServer({
      host: "127.0.0.1",
      port: 0,
      httpPort: null,
      dataDir: null,
      password: PASSWORD,
    });
    const url = `http://127.0.0.1:${server.addresses.http!.port}`;
    const [container] = podOf(set()).spec.containers;
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(container.ports!.map(({ name }) => name)).toContain(probe!.httpGet.port);
      expect((await fetch(url + probe!.httpGet.path)).status).toBe(200);
    }
    for (const monitor of manifests.filter(({ kind }) => kind === "ServiceMonitor")) {
      const [endpoint] = monitor.spec!["endpoints"] as [{
        path: string;
        port: string;
        authorization: { type: string; credentials: { name: string; key: string } };
      }];
      const headers = { Authorization: `${endpoint.authorization.type} ${PASSWORD}` };
      expect((await fetch(url + endpoint.path)).status).toBe(401);
      expect((await fetch(url + endpoint.path, { headers })).status).toBe(200);
      expect(endpoint.authorization.credentials).toEqual({ name: "kvserver", key: "password" });
    }
  });
});

describe("the manifests", () => {
  it("are all used", () => {
    const root = new URL("deploy/kubernetes/", ROOT);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
      /\.(yaml|toml)$/.test(path)
    );
    for (const path of files.filter((path) => !path.endsWith("kustomization.yaml"))) {
      const folder = path.slice(0, path.lastIndexOf("/") + 1);
      const kustomization = readFileSync(new URL(`${folder}kustomization.yaml`, root), "utf8");
      expect(kustomization, path).toContain(path.slice(folder.length));
    }
  });
});

describe("the component tls", () => {
  const patch = parse(readFileSync(new URL("deploy/kubernetes/components/tls/tls.yaml", ROOT), "utf8")) as {
    readonly spec: { readonly template: PodTemplate };
  };
  const { containers: [container] } = patch.spec.template.spec;

  it("has the server speak TLS with what the Secret has", () => {
    const authority = createAuthority("kubernetes");
    const own = authority.issue({ names: ["kvserver-0.kvserver-peers"] });
    const folder = container.volumeMounts[0]!.mountPath;
    const files = {
      [`${folder}/tls.crt`]: own.certificate,
      [`${folder}/tls.key`]: own.key,
      [`${folder}/ca.crt`]: authority.certificate,
    };
    const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value!]));
    expect(strangers(env)).toEqual([]);
    const peers = ["--peers", "kvserver-0.kvserver-peers:32000,kvserver-1.kvserver-peers:32000"];
    const place = ["--advertise", "kvserver-0.kvserver-peers:32000"];
    expect(serverOf(env, files, [...peers, ...place]).tls).toMatchObject({ ca: authority.certificate });
  });

  it("has the probes come over HTTPS", () => {
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
      expect(container).toHaveProperty([probe, "httpGet", "scheme"], "HTTPS");
    }
  });
});
