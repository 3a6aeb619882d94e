/**
 * The commands of `kvclient`, as data.
 *
 * @module
 */
import { CLIENT_EXIT_CODES } from "../exit_code.ts";
import type { Command, Flag, Program } from "../flags.ts";
import { commandNotYet, COMPLETIONS, HELP, HELP_COMMAND, MANUAL, SHOW_VERSION } from "../program.ts";
import { COMPARE_FLAGS } from "./compare_command.ts";
import { CHECK_FLAGS } from "./check_flags.ts";
import { CONNECTION, FLAGS, PRINTING } from "./flags.ts";
import { LOG_LEVEL_FLAGS } from "./log_level_command.ts";
import { SIMULATE_FLAGS } from "./simulate_flags.ts";
import { TOP_FLAGS } from "./top_command.ts";
import { USERS_FLAGS } from "./users_command.ts";
import { VERIFY_FLAGS } from "./verify_command.ts";

const SHARED: readonly Flag<unknown>[] = [...Object.values(CONNECTION), ...Object.values(PRINTING)];

function command(
  name: string,
  spec: Partial<Omit<Command, "name">> & Pick<Command, "summary" | "operands" | "operandCount">,
): Command {
  return { name, description: [], examples: [], notYet: null, ...spec, flags: [...spec.flags ?? [], ...SHARED] };
}

/** A command that talks to no server. */
function offline(name: string, spec: Parameters<typeof command>[1]): Command {
  return { ...command(name, spec), flags: [...spec.flags ?? [], ...Object.values(PRINTING)] };
}

/** The program. */
export const KVCLIENT: Program = {
  name: "kvclient",
  summary: "kvclient: talks to a kvserver. Without a command it checks the server and opens a prompt.",
  environmentPrefix: "KVCLIENT_",
  commands: [
    command("", {
      summary: "check the server, then open a prompt",
      operands: "",
      operandCount: [0, 0],
      description: [
        "The server named by the flags is saved as the default for later, once it has answered. " +
        "Where standard input is no terminal, commands are read from it, one a line.",
      ],
      examples: [
        ["kvclient --server_ip 127.0.0.1 --port 32000 --protocol TCP", "check this server, save it, open a prompt"],
        ["kvclient demo", "see 5 PUTs, 5 GETs and 5 DELETEs"],
        ["kvclient put greeting hello", "one command, from a shell or a script"],
        ["echo 'GET greeting' | kvclient", "commands from standard input"],
      ],
    }),
    command("put", {
      summary: "store a value",
      operands: "KEY [VALUE]",
      operandCount: [1, 2],
      description: ["The value - or none at all means standard input. Nothing is added to it or taken from it."],
      flags: [FLAGS.file, FLAGS.ttl, FLAGS.ifAbsent, FLAGS.ifRevision],
      examples: [
        ["kvclient put greeting hello", ""],
        ["kvclient put photo --file cat.jpg", "a value from a file"],
        ["kvclient put lock me --if-absent --ttl 30s", "take a lock; exit code 6 when it is taken"],
        ["kvclient put balance 90 --if-revision 12", "write only over what was read"],
        ["kvclient put -- temperature -5", "after -- nothing is a flag"],
      ],
    }),
    command("get", {
      summary: "print a value",
      operands: "KEY",
      operandCount: [1, 1],
      description: [
        "Writes exactly the value's bytes, and a line break only on a terminal. Exit code 3 when the key is absent.",
      ],
      flags: [FLAGS.revision, FLAGS.stale],
      examples: [
        ["kvclient get greeting", ""],
        ["kvclient get photo > cat.jpg", "byte for byte"],
        ["kvclient get greeting -o json", "with its version, revisions and expiry"],
      ],
    }),
    command("delete", {
      summary: "remove keys",
      operands: "KEY…",
      operandCount: [1, Infinity],
      description: ["Exit code 3 when none of them was there."],
      examples: [["kvclient delete greeting", ""]],
    }),
    command("range", {
      summary: "list keys and values in order",
      operands: "",
      operandCount: [0, 0],
      description: ["Without flags: everything. Control characters and backslashes are escaped; -o json is exact."],
      flags: [
        FLAGS.prefix,
        FLAGS.start,
        FLAGS.end,
        FLAGS.limit,
        FLAGS.reverse,
        FLAGS.keysOnly,
        FLAGS.countOnly,
        FLAGS.stale,
      ],
      examples: [
        ["kvclient range --prefix user/", "every key below user/"],
        ["kvclient range --start a --end b --limit 10", "the first ten from a up to, not including, b"],
        ["kvclient range --count-only", "how many keys there are"],
      ],
    }),
    command("txn", {
      summary: "do several operations in one atomic step",
      operands: "[FILE]",
      operandCount: [0, 1],
      completes: "file",
      description: [
        'Reads the JSON that POST /v1/txn takes, from a file or standard input: when every comparison holds the operations in "then" are done, otherwise those in "else". Exit code 6 when one does not hold.',
      ],
      examples: [[
        `echo '{"compare":[{"key":"a","target":"version","operand":0}],"then":[{"type":"put","key":"a","value":"1"}]}' | kvclient txn`,
        "create a key that is absent",
      ]],
    }),
    command("watch", {
      summary: "print changes as they happen",
      operands: "[KEY]",
      operandCount: [0, 1],
      description: ["One key, or with --prefix many, or everything. With -o json each event is one line of JSON."],
      flags: [FLAGS.prefix, FLAGS.fromRevision, FLAGS.count],
      examples: [
        ["kvclient watch --prefix user/", "until Ctrl-C"],
        ["kvclient watch job --count 1", "wait for the next change"],
      ],
    }),
    command("lock", {
      summary: "run a command while holding a lock",
      operands: "NAME -- COMMAND…",
      operandCount: [2, Infinity],
      description: [
        "Waits for the lock, after those who have asked for it before, and runs the command. Its exit code is the " +
        "command's, with 128 added to the number of a signal that ended it; 6 when others held the lock for all of --wait.",
        "The command has the fencing token in KVPAXOS_LOCK_TOKEN: a whole number that is higher for every later holder. " +
        "Give it to whatever the lock guards, which has to refuse a lower one than it has seen; or compare the " +
        "createRevision of the key in KVPAXOS_LOCK_KEY with it in a txn.",
        "When the lock is lost (no server could be reached for nine tenths of --ttl, or somebody has removed its key), the " +
        "command is sent SIGTERM, and the exit code is not 0.",
      ],
      flags: [FLAGS.ttl, FLAGS.wait],
      examples: [
        ["kvclient lock reports/nightly -- ./report.sh", "one at a time, from any machine"],
        ["kvclient lock reports/nightly --wait 0s -- ./report.sh", "not at all while another runs"],
        [`kvclient lock deploy -- sh -c './deploy.sh --fencing-token "$KVPAXOS_LOCK_TOKEN"'`, ""],
      ],
    }),
    command("elect", {
      summary: "run a command while leading",
      operands: "NAME -- COMMAND…",
      operandCount: [2, Infinity],
      description: ["As lock, and those who follow the election see the value."],
      flags: [FLAGS.value, FLAGS.ttl, FLAGS.wait],
      examples: [["kvclient elect scheduler --value 10.0.0.7:9000 -- ./scheduler", ""]],
    }),
    command("status", {
      summary: "show what each replica says of itself",
      operands: "",
      operandCount: [0, 0],
      description: [
        "One server is enough to find the others of its cluster. -o json is an array with an object for each replica; " +
        "one that does not answer has reachable: false. Exit code 5 when none answers.",
        "The role is leader, follower or candidate under Paxos, participant under two-phase commit, and master for a server " +
        "without replicas.",
      ],
      examples: [
        [
          "kvclient status",
          "Paxos: role, ballot, leader, slots, lag, connections and crashes of every replica; two-phase commit: who is " +
          "missing, what is in doubt for how long and who decides it, who waits for whom",
        ],
        ["kvclient status -o json", "everything"],
      ],
    }),
    command("health", {
      summary: "tell whether the server takes requests",
      operands: "",
      operandCount: [0, 0],
      description: [
        "Exit code 0 when every server that was named is ready, otherwise 5. The other replicas are not asked. Over HTTP no " +
        "password is needed.",
      ],
      examples: [
        ["kvclient health --protocol HTTP", "as the health check of a container"],
        ["until kvclient health; do sleep 1; done", "wait for a server"],
      ],
    }),
    command("top", {
      summary: "watch what each replica does: requests, latencies, syncs, lag",
      operands: "",
      operandCount: [0, 0],
      description: [
        "A table that is drawn again every second, until q or Ctrl-C; where standard output is no terminal, one table after " +
        "the other. One server is enough to find the others of its cluster. -o json is a line for each look.",
        "P99 is the upper bound of what 99 % of the requests took since the look before, in steps of a factor of 2; REQ/S has " +
        "those over HTTP too, ERR/S and the bytes only those over TCP and UDP. WAIT is how many commands wait for their " +
        "outcome, LAG how many slots a Paxos replica is behind.",
      ],
      flags: Object.values(TOP_FLAGS),
      examples: [["kvclient top", ""], ["kvclient top --once -o json", "one line for a program"]],
    }),
    command("log-level", {
      summary: "show or change how much servers log, while they run",
      operands: "[LEVEL]",
      operandCount: [0, 1],
      description: [
        "LEVEL is trace, debug, info, warning, error or fatal; inherit takes the level of a category away again. Goes to each " +
        "server that is named, over HTTP whatever the protocol. A restart begins with --log-level again.",
      ],
      flags: Object.values(LOG_LEVEL_FLAGS),
      examples: [
        ["kvclient log-level", "what is logged"],
        ["kvclient log-level debug --category kvpaxos.server", "more of one part"],
        ["kvclient log-level info --server 127.0.0.1:32000,127.0.0.1:32001", "two servers"],
      ],
    }),
    command("demo", {
      summary: "show 5 PUTs, 5 GETs and 5 DELETEs, and check every reply",
      operands: "",
      operandCount: [0, 0],
      description: ["Works on keys of its own and removes them afterwards. Exit code 1 when a reply is wrong."],
      flags: [FLAGS.spread],
      examples: [["kvclient demo --protocol UDP", ""], [
        "kvclient demo --spread",
        "what one replica took, the others show",
      ]],
    }),
    command("bench", {
      summary: "measure operations per second and latency",
      operands: "",
      operandCount: [0, 0],
      description: [
        "Works on keys of its own and removes them afterwards. Exit code 1 when an operation failed.",
        "Without --rate each client waits for its answers before it asks for more (a closed loop), so that a slow server " +
        "gets less to do. With --rate the load does not depend on the answers (an open loop): past what the servers can " +
        "do, latencies grow for as long as it goes on. kvclient takes a core of its own then.",
      ],
      flags: [
        FLAGS.clients,
        FLAGS.pipeline,
        FLAGS.rate,
        FLAGS.valueSize,
        FLAGS.keys,
        FLAGS.readShare,
        FLAGS.duration,
        FLAGS.progress,
      ],
      examples: [
        ["kvclient bench --clients 64 --pipeline 16", ""],
        ["kvclient bench --read-share 1 --duration 30s -o json", "reads only"],
        ["kvclient bench --rate 5000 --clients 64", "latency under a load of 5,000 a second"],
      ],
    }),
    command("check", {
      summary: "work on running servers for a while and check what they answered for linearizability",
      operands: "",
      operandCount: [0, 0],
      description: [
        "Clients do random operations through all replicas of the cluster, also while something breaks, and the checker " +
        "decides whether what they were told has an order. Works on keys of its own and removes them afterwards, unless " +
        "something was wrong with them. Exit code 1 with an explanation when something was (or could not be decided), 5 " +
        "when nothing could be done.",
        "An operation that timed out, or whose connection broke, is of unknown outcome: it may take effect at any time " +
        "or never. Memory stays bounded however long it lasts: after 250 operations a key is given up for a new one, and " +
        "its history is judged at once and forgotten, but for a sample of 50 keys that are read once more at the end. " +
        "The check ends with the first violation.",
        "A server that is not ours is spoken to in plain RESP (GET, SET, DEL, INCRBY, APPEND, MULTI, EXEC, WATCH), " +
        "where nothing is tried twice. --read-from asks a Redis's replicas for reads; they lag behind, which shows.",
        "A bank has five keys. The operations of --mix: register has read, write, cas and delete; counter read and " +
        "increment; bank read and transfer; append read and append; watch put and delete, which are compared with what " +
        "watchers are shown (there is no picture of that).",
      ],
      flags: Object.values(CHECK_FLAGS),
      examples: [
        ["kvclient check --server 10.0.0.1:32000 --duration 5m", "one server is enough to find the others"],
        ["kvclient check --workload bank --history run.jsonl --picture wrong.html", ""],
        ["kvclient check --stale-reads --picture wrong.html", "see what a violation looks like"],
        ["kvclient check --server 127.0.0.1:6379 --read-from 127.0.0.1:6380", "a Redis, read from its replica"],
      ],
    }),
    command("snapshot", {
      summary: "save the state of the servers in a file, or show what such a file holds",
      operands: "save|status FILE",
      operandCount: [2, 2],
      description: [
        "save asks one replica, over HTTP, while all go on: the file holds every write that was acknowledged before the " +
        "command began, at one revision. It is written to FILE.part, made durable, and then takes the name FILE. " +
        "kvserver --restore FILE begins a new server or cluster with it, under any --replication.",
        "status reads the whole file and checks it. Exit code 1 when it is damaged, cut short, or of a newer format.",
      ],
      flags: [FLAGS.progress],
      examples: [
        ["kvclient snapshot save backup.kvsnap", "back up"],
        [
          "kvclient snapshot status backup.kvsnap",
          "when it was taken, by which version, what it holds, and whether it is whole",
        ],
      ],
    }),
    command("export", {
      summary: "write keys and values as lines of JSON, as they are at one revision",
      operands: "FILE",
      operandCount: [1, 1],
      description: [
        'The file - is standard output. A line is {"key":"k","value":"v"}, with "ttl_ms" for a key that expires; bytes ' +
        'that are no UTF-8 are {"base64":"…"}. Sessions and revisions are not exported: snapshot save has all. With ' +
        "--prefix everything is sent all the same, and chosen here.",
      ],
      flags: [FLAGS.prefix, FLAGS.progress],
      examples: [
        ["kvclient export all.jsonl", ""],
        ["kvclient export - --prefix user/ | gzip > users.jsonl.gz", "some keys, compressed"],
      ],
    }),
    command("import", {
      summary: "put the keys and values of lines of JSON",
      operands: "FILE",
      operandCount: [1, 1],
      description: [
        "The file - is standard input. Takes what export writes. What is there under other keys stays; a key that is " +
        "there is overwritten. To import the same lines twice is the same as once, but for the time that keys which expire " +
        "have left: it begins anew. An error names the line; what came before it may be there already.",
      ],
      flags: [FLAGS.prefix, FLAGS.progress],
      examples: [
        ["kvclient import all.jsonl", ""],
        ["gunzip < users.jsonl.gz | kvclient import -", ""],
      ],
    }),
    offline("simulate", {
      summary: "run simulated servers and clients, break what can break, and check everything",
      operands: "",
      operandCount: [0, 0],
      description: [
        "A seed decides everything: the same seed gives the same run, with the same trace hash. Exit code 1 when " +
        "something was wrong; the first run that failed is then made small and told as a line that replays it.",
        "Several runs go on at once (--jobs); what is printed is in the order of the seeds all the same. Ctrl-C ends " +
        "them, with what they came to until then and exit code 130.",
      ],
      flags: Object.values(SIMULATE_FLAGS),
      examples: [
        ["kvclient simulate --seeds 1..1000", "a thousand runs with heavy faults"],
        ["kvclient simulate --seed 7 --workload register,counter --faults crash,loss=0.5", ""],
        ["kvclient simulate --seed 7 --ops 20 --trace", "everything that happened in a small run"],
      ],
    }),
    offline("compare", {
      summary: "show two-phase commit beside Paxos, in the simulator, while something fails",
      operands: "",
      operandCount: [0, 0],
      description: [
        "Both protocols get the same operations at the same times, and the same failure at the same moment, for 3 of 10 seconds of virtual time. A seed decides everything: the same seed gives the same table. Exit code 1 when something was wrong, such as a history that is not linearizable.",
        "--failure is coordinator (a replica that leads under Paxos loses power at a moment when the others wait for what it decides under 2PC), leader (the same replica at any moment), replica (one that does not lead), partition (a minority, the leader in it, is cut off from the others), slow (a disk that takes long), or none. There are 3 or 5 replicas.",
      ],
      flags: [SIMULATE_FLAGS.seed, COMPARE_FLAGS.failure, SIMULATE_FLAGS.replicas, SIMULATE_FLAGS.ops],
      examples: [
        ["kvclient compare --seed 7", "two-phase commit is blocked where Paxos goes on"],
        ["kvclient compare --seed 7 --failure slow --replicas 3", ""],
        ["kvclient compare --failure none -o json", "what each costs when nothing fails"],
      ],
    }),
    offline("verify", {
      summary: "check recorded histories for linearizability",
      operands: "FILE…",
      operandCount: [1, Infinity],
      completes: "file",
      description: [
        "A history is a file of JSON lines, a log of Jepsen's of an etcd register, or one of porcupine's of a key-value store; - is standard input. For each file it prints whether it is linearizable, not linearizable (and why), or undecided within the limits of memory and --timeout. Exit code 1 unless all are linearizable.",
        'A line of JSON is {"process":3,"type":"invoke","f":"put","key":"k","value":"v","time":12}; type is invoke, ok, fail (it had no effect) or info (nobody knows). A cas has the value [old, new]; an ok with the value false, or a fail with the value it was invoked with, says that it found another value.',
      ],
      flags: [VERIFY_FLAGS.model, VERIFY_FLAGS.format, VERIFY_FLAGS.html, CONNECTION.timeout],
      examples: [
        ["kvclient verify history.jsonl", ""],
        ["kvclient verify --html violation.html runs/*.log", "and draw the first violation"],
      ],
    }),
    offline("users", {
      summary: "make a line for the file of kvserver --users",
      operands: "hash|token",
      operandCount: [1, 1],
      description: [
        "hash reads a password, the first line of standard input, and prints the user with its scrypt hash. token draws a " +
        "token, shows it on standard error this once, and prints the user with its SHA-256. Neither is read from " +
        "arguments, which other users of this machine can see.",
      ],
      flags: Object.values(USERS_FLAGS),
      examples: [
        ["kvclient users hash --name app --role read-write --prefixes app/ < secret >> users.jsonl", "a password"],
        ["kvclient users token --name metrics >> users.jsonl", "a token; the user may read all keys"],
      ],
    }),
    COMPLETIONS,
    MANUAL,
    HELP_COMMAND,
    commandNotYet("cluster", "manages a cluster"),
  ],
  commonFlags: [HELP, SHOW_VERSION],
  configFlag: null,
  exitCodes: CLIENT_EXIT_CODES,
};
