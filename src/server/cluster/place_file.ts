/**
 * The file that says whose data a directory holds: which replica of which list. A majority of another list need not
 * share a member with one of the old list, so a directory that went on under another list could forget what was
 * chosen; and under another number a replica would vote twice. So both are refused.
 *
 * @module
 */
import { bytesToText, textToBytes } from "../../codec/bytes.ts";
import type { Disk } from "../../ports/disk.ts";
import { LogError } from "../../ports/log.ts";

/** The name of the file. */
export const PLACE_FILE = "replica";
const NEW_SUFFIX = ".new";
const FIRST_LINE = "kvpaxos replica 1";
/** Longer than any list of 31 names. */
const MOST_BYTES = 64 * 1024;

/** Which replica of which list. Addresses as text: `127.0.0.1:32000`. */
export interface Place {
  readonly address: string;
  readonly peers: readonly string[];
}

/**
 * Makes sure that a directory belongs to `place`; one that belongs to nobody becomes its own, durably.
 *
 * @throws {LogError} `version` when it belongs to another replica, or to one of another list
 */
export function claimPlace(disk: Disk, place: Place): void {
  const names = disk.list();
  if (names.includes(PLACE_FILE)) {
    checkPlace(readPlace(disk), place);
    return;
  }
  const temporary = PLACE_FILE + NEW_SUFFIX;
  if (names.includes(temporary)) disk.remove(temporary);
  const file = disk.create(temporary);
  try {
    file.write(0, textToBytes(`${FIRST_LINE}\n${place.address}\n${place.peers.join(",")}\n`));
    file.syncNow();
  } finally {
    file.close();
  }
  disk.rename(temporary, PLACE_FILE);
  disk.syncDirectory();
}

/** The place that the file tells of. */
function readPlace(disk: Disk): Place {
  const file = disk.open(PLACE_FILE);
  try {
    const [first, address, peers] = bytesToText(file.read(0, MOST_BYTES)).split("\n");
    if (first === FIRST_LINE && address !== undefined && peers !== undefined) {
      return { address, peers: peers.split(",") };
    }
  } finally {
    file.close();
  }
  throw new LogError(
    "damaged",
    `the file ${PLACE_FILE} is not what a replica wrote: restore it, or start from a copy`,
    {
      file: PLACE_FILE,
    },
  );
}

function checkPlace(found: Place, wanted: Place): void {
  const [was, is] = [found.peers.join(","), wanted.peers.join(",")];
  if (found.address === wanted.address && was === is) return;
  const what = was === is
    ? `this data is that of the replica ${found.address}, and this one is ${wanted.address}: choose its own --data-dir`
    : `this data is that of a replica of ${was}, and --peers is ${is} now: the list of a cluster with data cannot be ` +
      "changed; give the old one, in its order, or choose another --data-dir";
  throw new LogError("version", what, { file: PLACE_FILE });
}
