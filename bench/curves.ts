/**
 * Draws curves as SVG from what bench/quick.ts has written with --json: one line for each number of servers, protocol,
 * operation and depth of pipelining; each point is the median of all rows for it.
 *
 * usage: node bench/curves.ts ROWS.jsonl OUT.svg [--x clients|replicas|pipeline|offered_per_s]
 *          [--y rate_per_s|p50_ms|p99_ms|processor_us|frames|writes|syncs] [--title TEXT] [--only set|get]
 *
 * Latency against offered load: --x offered_per_s --y p99_ms, of rows that were made with --rate; several figures, with
 * commas between, are lines of one picture.
 *
 * Both axes are logarithmic where values differ by more than a power of ten.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { median, shown } from "./support/table.ts";

/** One row, as far as it is drawn. */
interface Row {
  readonly replicas: number;
  readonly replication: string;
  readonly operation: string;
  readonly pipeline: number;
  readonly clients: number;
  readonly [figure: string]: number | string | null;
}

/** A line of the picture, its points from left to right. */
interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** Where a value is on an axis, from 0 to 1, and the values that are written beside it. */
interface Axis {
  readonly place: (value: number) => number;
  readonly marks: readonly number[];
}

const WIDTH = 800;
const HEIGHT = 420;
const MARGIN = { left: 80, right: 230, top: 40, bottom: 50 };
const COLOURS = ["#1b6ca8", "#d1495b", "#2e933c", "#8e5aa8", "#e0a100", "#4a4e57", "#00a6a6", "#9c6644"];
/** From here on a ratio is drawn logarithmically. */
const WIDE = 10;

function curvesOf(rows: readonly Row[], x: string, figures: readonly string[]): Curve[] {
  const lines = new Map<string, Map<number, number[]>>();
  const isOneCrowd = rows.every(({ clients }) => clients === rows[0]!.clients);
  for (const [row, y] of rows.flatMap((each) => figures.map((figure) => [each, figure] as const))) {
    const at = row[x];
    const value = row[y];
    if (typeof at !== "number" || typeof value !== "number") continue;
    const servers = row.replicas === 1 ? "1 server" : `${row.replicas} replicas, ${row.replication}`;
    const parts = [row.operation.toUpperCase(), x === "replicas" ? row.replication : servers];
    if (x !== "clients" && !isOneCrowd) parts.push(`${row.clients} clients`);
    if (x !== "pipeline" && row.pipeline > 1) parts.push(`pipeline ${row.pipeline}`);
    if (figures.length > 1) parts.push(y);
    // One server is where the curve of replicas begins, whatever protocol there is with more.
    const name = x === "replicas" ? parts.filter((part) => part !== row.replication).join(", ") : parts.join(", ");
    const line = lines.get(name) ?? new Map<number, number[]>();
    lines.set(name, line);
    line.set(at, [...line.get(at) ?? [], value]);
  }
  return [...lines].map(([name, line]) => ({
    name,
    points: [...line].toSorted(([a], [b]) => a - b).map(([at, values]) => ({ x: at, y: median(values) })),
  }));
}

function axisOf(values: readonly number[], fromZero: boolean): Axis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least > 0 && most / least > WIDE) {
    const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    const marks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
    return { place: (value) => (Math.log10(value) - low) / (high - low), marks };
  }
  const base = fromZero ? 0 : least;
  const step = niceStep((most - base) / 4);
  const top = base + Math.max(1, Math.ceil((most - base) / step)) * step;
  const marks = Array.from({ length: Math.round((top - base) / step) + 1 }, (_, i) => base + i * step);
  return { place: (value) => (value - base) / (top - base), marks };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least: number): number {
  if (least <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

function picture(
  curves: readonly Curve[],
  labels: { readonly x: string; readonly y: string; readonly title: string },
): string {
  const points = curves.flatMap((curve) => curve.points);
  const [horizontal, vertical] = [
    axisOf(points.map(({ x }) => x), false),
    axisOf(points.map(({ y }) => y), true),
  ];
  const left = (x: number): string =>
    (MARGIN.left + horizontal.place(x) * (WIDTH - MARGIN.left - MARGIN.right)).toFixed(1);
  const top = (y: number): string =>
    (HEIGHT - MARGIN.bottom - vertical.place(y) * (HEIGHT - MARGIN.top - MARGIN.bottom)).toFixed(1);
  const text = (x: number | string, y: number | string, content: string, anchor = "middle"): string =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(WIDTH / 2, 20, labels.title),
    text((WIDTH - MARGIN.right + MARGIN.left) / 2, HEIGHT - 12, labels.x),
    `<g transform="translate(16 ${HEIGHT / 2}) rotate(-90)">${text(0, 0, labels.y)}</g>`,
  ];
  for (const mark of vertical.marks) {
    parts.push(`<path d="M${MARGIN.left} ${top(mark)}H${WIDTH - MARGIN.right}" stroke="#ddd"/>`);
    parts.push(text(MARGIN.left - 8, Number(top(mark)) + 4, shown(mark), "end"));
  }
  for (const mark of horizontal.marks) parts.push(text(left(mark), HEIGHT - MARGIN.bottom + 18, String(mark)));
  for (const [i, { name, points: line }] of curves.entries()) {
    const colour = COLOURS[i % COLOURS.length]!;
    const path = line.map(({ x, y }, j) => `${j === 0 ? "M" : "L"}${left(x)} ${top(y)}`).join("");
    parts.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const { x, y } of line) parts.push(`<circle cx="${left(x)}" cy="${top(y)}" r="3" fill="${colour}"/>`);
    const at = MARGIN.top + 10 + i * 18;
    parts.push(`<rect x="${WIDTH - MARGIN.right + 12}" y="${at - 9}" width="10" height="10" fill="${colour}"/>`);
    parts.push(text(WIDTH - MARGIN.right + 28, at, name, "start"));
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    x: { type: "string", default: "clients" },
    y: { type: "string", default: "rate_per_s" },
    title: { type: "string" },
    only: { type: "string" },
  },
});
const [input, output] = positionals;
if (input === undefined || output === undefined) throw new Error("usage: node bench/curves.ts ROWS.jsonl OUT.svg");
const rows = readFileSync(input, "utf8").split("\n").filter((line) => line !== "").map((line) =>
  JSON.parse(line) as Row
)
  .filter(({ operation }) => values.only === undefined || operation === values.only);
const curves = curvesOf(rows, values.x, values.y.split(","));
if (curves.length === 0) throw new Error(`${input} has no row with the figures ${values.x} and ${values.y}`);
const title = values.title ?? `${values.y} against ${values.x}`;
writeFileSync(output, picture(curves, { x: values.x, y: values.y, title }));
