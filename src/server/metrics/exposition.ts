/**
 * Prometheus's text format, version 0.0.4.
 *
 * @module
 */
import { BUCKET_BOUNDS_SECONDS, type Histogram } from "./histogram.ts";

/** The labels of a sample. */
export type Labels = Readonly<Record<string, string>>;

/** The media type of the text. */
export const METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NO_LABELS: Labels = {};

/** Writes families of metrics, each once. Names are given without the prefix of all of them. */
export class Exposition {
  #text = "";

  /** The whole text. */
  get text(): string {
    return this.#text;
  }

  /** A gauge with one sample. */
  gauge(name: string, help: string, value: number): void {
    this.gauges(name, help, [[NO_LABELS, value]]);
  }

  /** A gauge with a sample for each value of its labels. */
  gauges(name: string, help: string, samples: Iterable<readonly [labels: Labels, value: number]>): void {
    this.#family(`kvpaxos_${name}`, "gauge", help, samples);
  }

  /** A counter with one sample. */
  counter(name: string, help: string, value: number): void {
    this.counters(name, help, [[NO_LABELS, value]]);
  }

  /** A counter with a sample for each value of its labels. */
  counters(name: string, help: string, samples: Iterable<readonly [labels: Labels, value: number]>): void {
    this.#family(`kvpaxos_${name}`, "counter", help, samples);
  }

  /** A metric of the process, whose name is the same for all programs and has no prefix of ours. */
  process(name: string, type: "gauge" | "counter", help: string, value: number): void {
    this.#family(`process_${name}`, type, help, [[NO_LABELS, value]]);
  }

  /** Histograms of durations, one for each value of the labels. */
  histograms(name: string, help: string, samples: Iterable<readonly [labels: Labels, histogram: Histogram]>): void {
    const full = `kvpaxos_${name}`;
    this.#head(full, "histogram", help);
    for (const [labels, histogram] of samples) {
      let count = 0;
      for (const [index, bound] of [...BUCKET_BOUNDS_SECONDS, Infinity].entries()) {
        count += histogram.counts[index]!;
        this.#sample(`${full}_bucket`, { ...labels, le: numberText(bound) }, count);
      }
      this.#sample(`${full}_sum`, labels, histogram.sum_seconds);
      this.#sample(`${full}_count`, labels, count);
    }
  }

  #family(
    name: string,
    type: "gauge" | "counter",
    help: string,
    samples: Iterable<readonly [labels: Labels, value: number]>,
  ): void {
    this.#head(name, type, help);
    for (const [labels, value] of samples) this.#sample(name, labels, value);
  }

  #head(name: string, type: "gauge" | "counter" | "histogram", help: string): void {
    const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    this.#text += `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
  }

  #sample(name: string, labels: Labels, value: number): void {
    this.#text += `${name}${labelText(labels)} ${numberText(value)}\n`;
  }
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
