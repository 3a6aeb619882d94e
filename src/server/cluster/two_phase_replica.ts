/**
 * Two-phase commit in a server: what an operator hears of it.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { systemRandom } from "../../adapters/system_random.ts";
import type { TwoPhaseEvent } from "../../core/two_phase_commit/options.ts";
import { TwoPhaseCommit } from "../../core/two_phase_commit/two_phase_commit.ts";
import { type ClusterOptions, nameOf, type ProtocolParts, type RunningProtocol } from "./options.ts";

/**
 * Makes a replica that is not started yet.
 *
 * @throws {RangeError} for a place among the others that cannot be meant
 */
export function replicateByTwoPhaseCommit(options: ProtocolParts): RunningProtocol {
  const { cluster, logger, parts } = options;
  const replication = new TwoPhaseCommit({
    ...options,
    id: cluster.id,
    replicas: cluster.peers.length,
    clock: parts.clock,
    random: systemRandom,
    stateMachine: parts.aroundMachine(options.store),
    ...(cluster.twoPhaseTimes === undefined ? {} : { times: cluster.twoPhaseTimes }),
  });
  replication.onEvent((event) => tell(logger, event, cluster));
  return { replication, start: () => replication.start(), close: () => replication.close() };
}

/** One line for each thing that happens. Connections are told of by the transport. */
function tell(logger: Logger, event: TwoPhaseEvent, cluster: ClusterOptions): void {
  switch (event.type) {
    case "missing": {
      const replica = nameOf(event.replica, cluster);
      if (event.isMissing) logger.warning("{replica} is missing: writes are refused until it is back", { replica });
      else logger.info("{replica} is there", { replica });
      return;
    }
    case "member":
      logger.info("this replica votes now: all the others know its log");
      return;
    case "refused":
      logger.error(
        "{by} remembers another log of this replica: it may have forgotten votes and decisions, so it does not vote and " +
          "does not serve, and no replica takes writes. Bring its data directory back",
        { by: nameOf(event.by, cluster) },
      );
      return;
    case "stranger": {
      const replica = nameOf(event.replica, cluster);
      if (event.isStranger) {
        logger.error(
          "{replica} came with another log than the one that it had: writes are refused until its data directory is back",
          { replica },
        );
      } else logger.info("{replica} has its log again", { replica });
      return;
    }
    case "inDoubt": {
      const { transaction, age_ms, keys } = event;
      logger.warning(
        "transaction {transaction} is in doubt for {age} ms, and {keys} locked: {coordinator} decides, and has not been heard",
        {
          transaction,
          age: Math.round(age_ms),
          keys: keys === null ? "all keys are" : keys.length === 1 ? "a key is" : `${keys.length} keys are`,
          coordinator: nameOf(event.coordinator, cluster),
        },
      );
      return;
    }
    case "resolved":
      logger.info("transaction {transaction} is in doubt no more after {age} ms: it was {outcome}", {
        transaction: event.transaction,
        age: Math.round(event.age_ms),
        outcome: event.isCommitted ? "committed" : "aborted",
      });
      return;
    case "peer":
      return;
  }
}
