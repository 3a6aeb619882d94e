/**
 * The manifests of an overlay, as `kubectl apply -k` would send them.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { parseAllDocuments } from "yaml";
import type { Environment } from "./programs.ts";
import { ROOT } from "./dockerfile.ts";
import { secret } from "../../support/secrets/secrets.ts";

export const PASSWORD: string = secret("kubernetes");
export const CLUSTER_SECRET: string = secret("kubernetes cluster");

/** The overlays that there are. */
export const OVERLAYS = ["dev", "prod"] as const;

/** A manifest, as far as the tests look at it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** A variable of a container. */
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

/** A probe. */
export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

/** A container. */
export interface Container {
  readonly image: string;
  readonly args?: readonly string[];
  readonly env: readonly Variable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly protocol?: string }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly resources: unknown;
  readonly securityContext: unknown;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

/** The pods of a StatefulSet or a Job. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly enableServiceLinks: boolean;
    readonly automountServiceAccountToken: boolean;
    readonly securityContext: unknown;
    readonly containers: readonly [Container];
    readonly volumes: readonly {
      readonly name: string;
      readonly configMap?: { readonly name: string };
      readonly secret?: {
        readonly secretName: string;
        readonly items?: readonly { readonly key: string; readonly path: string }[];
      };
    }[];
  };
}

const TOOLS: readonly (readonly [string, ...string[]])[] = [["kustomize", "build"], ["kubectl", "kustomize"]];
const tool = TOOLS.find(([program, command]) => spawnSync(program, [command!, "--help"]).status === 0);

/** Whether something is installed that makes manifests of an overlay. */
export const canRender: boolean = tool !== undefined;

/** The manifests of an overlay. */
export function render(overlay: string): readonly Manifest[] {
  const [program, ...args] = tool!;
  const folder = new URL(`deploy/kubernetes/overlays/${overlay}`, ROOT).pathname;
  const { status, stdout, stderr } = spawnSync(program, [...args, folder], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ${folder}: ${stderr}`);
  return parseAllDocuments(stdout, { version: "1.1" }).map((document) => document.toJS() as Manifest);
}

/** The one manifest of a kind, by its name when there are several. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((each) => each.kind === kind && (name === undefined || each.metadata.name === name));
  if (found.length !== 1) throw new Error(`${found.length} manifests of kind ${kind} ${name ?? ""}`);
  return found[0]!;
}

/** The environment of the one container of a pod called `pod`. */
export function environmentOf(manifests: readonly Manifest[], template: PodTemplate, pod: string): Environment {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of template.spec.containers[0].env) {
    if (valueFrom?.fieldRef?.fieldPath === "metadata.name") env[name] = pod;
    else if (valueFrom?.configMapKeyRef !== undefined) {
      const { name: map, key } = valueFrom.configMapKeyRef;
      env[name] = only(manifests, "ConfigMap", map).data![key]!;
    } // As Kubernetes does: only what stands before it.
    else env[name] = value!.replaceAll(/\$\((\w+)\)/g, (all, other: string) => env[other] ?? all);
  }
  return env;
}

/** The keys of the Secret, whose values in a cluster are others. */
export const SECRETS: Readonly<Record<string, string>> = {
  "password": `${PASSWORD}\n`,
  "cluster-secret": `${CLUSTER_SECRET}\n`,
};

/** The files that are mounted into the one container of a pod. Every Secret has {@link SECRETS}. */
export function filesOf(manifests: readonly Manifest[], template: PodTemplate): Record<string, string> {
  const { containers: [container], volumes } = template.spec;
  const files: Record<string, string> = {};
  for (const { name, mountPath } of container.volumeMounts) {
    const volume = volumes.find((each) => each.name === name);
    if (volume?.secret !== undefined) {
      const items = volume.secret.items ?? Object.keys(SECRETS).map((key) => ({ key, path: key }));
      for (const { key, path } of items) files[`${mountPath}/${path}`] = SECRETS[key]!;
    }
    if (volume?.configMap === undefined) continue;
    const { data } = only(manifests, "ConfigMap", volume.configMap.name);
    for (const [key, text] of Object.entries(data!)) files[`${mountPath}/${key}`] = text;
  }
  return files;
}
