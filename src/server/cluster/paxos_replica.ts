/**
 * Multi-Paxos in a server: what an operator hears of it, and the drills in which its roles crash.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { systemClock } from "../../adapters/system_clock.ts";
import { systemRandom } from "../../adapters/system_random.ts";
import type { PaxosEvent } from "../../core/paxos/options.ts";
import { Paxos } from "../../core/paxos/paxos.ts";
import type { ReplicaId } from "../../ports/transport.ts";
import { type ClusterOptions, nameOf, type ProtocolParts, type RunningProtocol } from "./options.ts";
import { type RoleFailureOptions, RoleFailures } from "./role_failures.ts";

/**
 * Makes a replica that is not started yet.
 *
 * @throws {RangeError} for a place among the others that cannot be meant
 */
export function replicateByPaxos(options: ProtocolParts): RunningProtocol {
  const { cluster, logger, parts, metrics } = options;
  const { id } = cluster;
  const replication = new Paxos({
    ...options,
    id,
    replicas: cluster.peers.length,
    clock: parts.clock,
    random: systemRandom,
    stateMachine: parts.aroundMachine(options.store),
    onChosen: (_slot, value) => {
      metrics.slotsApplied++;
      metrics.slotsAppliedBytes += value.length;
    },
    ...(cluster.leaseReads === undefined ? {} : { leaseReads: cluster.leaseReads }),
    ...(cluster.times === undefined ? {} : { times: cluster.times }),
  });
  replication.onEvent((event) => {
    if (event.type === "leader") {
      metrics.leaderChanges++;
      if (event.leader === id) metrics.electionsWon++;
    }
    tell(logger, event, cluster);
  });
  let failures: RoleFailures | null = null;
  return {
    replication,
    start: async () => {
      await replication.start();
      if (cluster.failures !== null && cluster.failures !== undefined) {
        failures = beginFailures(replication, cluster.failures, id, logger);
      }
    },
    close: () => {
      failures?.close();
      return replication.close();
    },
  };
}

function beginFailures(replication: Paxos, failures: RoleFailureOptions, id: ReplicaId, logger: Logger): RoleFailures {
  const { roles, every, lasting, seed } = failures;
  logger.warning(
    "a drill: {roles} of this replica crash every {every} for {lasting}; seed {seed}",
    { roles: roles.join(", "), every: rangeText(every), lasting: rangeText(lasting), seed },
  );
  // One seed for a whole cluster must not let all its replicas crash at the same moments.
  return new RoleFailures(replication, { ...failures, seed: seed + Math.imul(id, 0x85ebca6b) }, systemClock);
}

function rangeText({ least_ms, most_ms }: RoleFailureOptions["every"]): string {
  return `${least_ms}ms..${most_ms}ms`;
}

/** One line for each thing that happens. Connections are told of by the transport. */
function tell(logger: Logger, event: PaxosEvent, cluster: ClusterOptions): void {
  switch (event.type) {
    case "leader":
      if (event.leader === null) logger.warning("no leader", { ballot: event.ballot });
      else {
        logger.info("{leader} leads with ballot {ballot}", {
          leader: nameOf(event.leader, cluster),
          ballot: event.ballot,
        });
      }
      return;
    case "role":
      if (event.isUp) logger.info("the {role} of this replica is back", { role: event.role });
      else logger.warning("the {role} of this replica has crashed", { role: event.role });
      return;
    case "member":
      logger.info("this replica votes now: enough of the others know its log");
      return;
    case "refused":
      logger.error(
        "{by} remembers another log of this replica: it may have forgotten promises, so it does not vote and does not " +
          "serve. Bring its data directory back, or give its place to a new replica",
        { by: nameOf(event.by, cluster) },
      );
      return;
    case "installed":
      logger.info("caught up by a snapshot of another replica, up to slot {slot}", { slot: event.slot });
      return;
    case "peer":
      return;
  }
}
