/**
 * kvserver as it is, but that it dies as by `kill -9` when it is about to tell another replica to commit: the decision is
 * durable then, and nobody else knows of it.
 *
 * @module
 */
import process from "node:process";
import { MESSAGE } from "../../../src/core/two_phase_commit/messages.ts";
import { Outbox } from "../../../src/core/two_phase_commit/outbox.ts";

const { send } = Outbox.prototype;

Outbox.prototype.send = function (to, message) {
  if (message.type === MESSAGE.go) process.kill(process.pid, "SIGKILL");
  send.call(this, to, message);
};

await import("../../../cli/kvserver/main.ts");
