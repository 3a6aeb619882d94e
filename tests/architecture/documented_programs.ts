/**
 * The programs that documents name: those that are run as documented, and those that are not, with the reason.
 *
 * @module
 */

/** Run by tests/e2e/documented_commands_test.ts; a program of others that is not installed is said to be missing. */
export const RUN: ReadonlySet<string> = new Set([
  "kvserver",
  "kvclient",
  "redis-cli",
  "redis-benchmark",
  "curl",
  "echo",
  "printf",
  "sleep",
  "chmod",
  "openssl",
  "gzip",
  "gunzip",
  // Of the shell, behind `until`.
  "done",
]);

/** Not run, and why. A line with one of them is not run at all. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  "npm": "what the scripts do is what .ci/run does",
  "node": "measures, on a machine that does nothing else",
  "kill": "says … for the process of the reader's choice; tests/e2e/failover_test.ts kills them",
  "docker": "builds images from bases that are fetched; tests/deploy checks what it is given",
  "kubectl": "needs a cluster; tests/deploy renders and checks what it is given",
  "etcd": "is there for comparison only, and takes the ports of the reader's machine",
  "benchmark": "is built from etcd's repository",
  "for": "is a loop over etcd",
};
