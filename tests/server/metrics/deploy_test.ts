/** The dashboard and the alerts ask for metrics that servers have. Their expressions are read by Prometheus's own grammar. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { parser } from "@prometheus-io/lezer-promql";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { REQUEST_KINDS, REQUEST_RESULTS } from "../../../src/server/metrics/door_metrics.ts";
import { familiesOf, scrapeEveryKind } from "./scrape.ts";

const deploy = resolve(import.meta.dirname, "../../../deploy");
const ALERTS = `${deploy}/prometheus/alerts.yaml`;

/** The labels of every sample that some server has, by the sample's name. */
const labelsOf = new Map<string, Set<string>>();
beforeAll(async () => {
  for (const text of Object.values(await scrapeEveryKind())) {
    for (const family of familiesOf(text).values()) {
      for (const { name, labels } of family.samples) {
        const known = labelsOf.get(name) ?? new Set(["job", "instance"]);
        for (const label of Object.keys(labels)) known.add(label);
        labelsOf.set(name, known);
      }
    }
  }
  // Prometheus's own.
  labelsOf.set("up", new Set(["job", "instance"]));
});

const VALUES: Readonly<Record<string, readonly string[]>> = {
  kind: REQUEST_KINDS,
  result: REQUEST_RESULTS,
  door: ["tcp", "udp", "http"],
};

/** What an expression asks for that no server has, or that is not PromQL. */
function faultsOf(expression: string): string[] {
  const text = expression.replaceAll("$__rate_interval", "5m");
  const faults: string[] = [];
  const metrics: string[] = [];
  const labels: string[] = [];
  const textOf = (node: { readonly from: number; readonly to: number }): string => text.slice(node.from, node.to);
  parser.parse(text).iterate({
    enter: ({ name, type, node }) => {
      if (type.isError) faults.push(`not PromQL at ${node.from}`);
      if (name === "Identifier" && node.parent?.name === "VectorSelector") metrics.push(textOf(node));
      if (name === "LabelName") labels.push(textOf(node));
      if (name === "UnquotedLabelMatcher") {
        const [, label, value] = /^(\w+)[=~!]+"(.*)"$/.exec(textOf(node))!;
        const unknown = value!.split("|").filter((each) => VALUES[label!]?.includes(each) === false);
        if (unknown.length > 0) faults.push(`${label} is never ${unknown.join()}`);
      }
    },
  });
  if (metrics.length === 0) faults.push("no metric");
  for (const metric of metrics) if (!labelsOf.has(metric)) faults.push(`no server has ${metric}`);
  for (const label of labels) {
    for (const metric of metrics) {
      if (labelsOf.get(metric)?.has(label) === false) faults.push(`${metric} has no label ${label}`);
    }
  }
  return faults.map((fault) => `${fault}: ${expression}`);
}

describe("the check itself", () => {
  test("finds a metric, a label and a value that nobody has, and what is no PromQL", () => {
    expect(faultsOf("rate(kvpaxos_requests_total[5m])")).toEqual([]);
    expect(faultsOf("rate(kvpaxos_request_total[5m])")[0]).toContain("no server has");
    expect(faultsOf("sum by (peer) (kvpaxos_keys)")[0]).toContain("no label peer");
    expect(faultsOf('kvpaxos_requests_total{result="error"}')[0]).toContain("never error");
    expect(faultsOf("kvpaxos_keys ==")[0]).toContain("not PromQL");
    expect(faultsOf("kvpaxos_log_sync_duration_seconds")[0]).toContain("no server has");
  });
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[];
  };
  readonly panels: readonly Panel[];
}

describe("deploy/grafana/kvpaxos.json", () => {
  const text = readFileSync(`${deploy}/grafana/kvpaxos.json`, "utf8");
  const dashboard = JSON.parse(text) as Dashboard;
  const targets = dashboard.panels.flatMap(({ targets = [] }) => targets);

  test("asks only for metrics and labels that servers have", () => {
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
    const queries = text.match(/label_values\([^)]*\)/g) ?? [];
    expect(queries.length).toBeGreaterThan(0);
    for (const query of queries) {
      const metric = /^label_values\((\w+)/.exec(query)![1]!;
      expect([...labelsOf.keys()]).toContain(metric);
    }
  });

  test("can be imported: ids are its own, panels do not overlap, and variables are declared", () => {
    expect(dashboard).toMatchObject({ title: "kvpaxos", uid: "kvpaxos" });
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos: { x, y, w, h } } of panels) {
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          expect(taken.has(`${column},${line}`), title).toBe(false);
          taken.add(`${column},${line}`);
        }
      }
    }
    const declared = new Set(dashboard.templating.list.map(({ name }) => name));
    expect([...declared]).toEqual(["datasource", "job", "instance"]);
    for (const [, name] of text.matchAll(/\$\{?(\w+)/g)) {
      if (!name!.startsWith("__")) expect([...declared]).toContain(name);
    }
    for (const panel of panels) {
      if (panel.type === "row") continue;
      expect(panel.datasource, panel.title).toEqual({ type: "prometheus", uid: "${datasource}" });
      expect(new Set(panel.targets!.map(({ refId }) => refId)).size).toBe(panel.targets!.length);
    }
  });
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

describe("deploy/prometheus/alerts.yaml", () => {
  const { groups } = parse(readFileSync(ALERTS, "utf8")) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  test("asks only for metrics and labels that servers have, and tells of labels that the result has", () => {
    expect(rules.flatMap(({ expr }) => faultsOf(expr))).toEqual([]);
    for (const { alert, expr, annotations, labels } of rules) {
      expect(alert).toMatch(/^Kvpaxos[A-Z]\w+$/);
      expect(labels["severity"], alert).toMatch(/^(warning|critical)$/);
      expect(Object.keys(annotations), alert).toEqual(["summary", "description"]);
      const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(/,\s*/);
      const metric = /\b(?:kvpaxos|process|up)\w*/.exec(expr)![0];
      for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)) {
        expect(kept ?? [...labelsOf.get(metric)!], alert).toContain(label);
      }
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  test("is what promtool takes", (context) => {
    const promtool = process.env["PROMTOOL"] ?? "promtool";
    if (spawnSync(promtool, ["--version"]).error !== undefined) context.skip("promtool is not installed");
    const { status, stdout, stderr } = spawnSync(promtool, ["check", "rules", ALERTS], { encoding: "utf8" });
    expect({ status, said: status === 0 ? "" : stdout + stderr }).toEqual({ status: 0, said: "" });
  });
});
