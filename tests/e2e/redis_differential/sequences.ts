/**
 * What is asked of both servers, one group per concern. A group starts with an empty server. A line is a
 * command, or several with `;` between them; words are split at spaces, `"…"` keeps spaces and knows `\n`, `\r`,
 * `\xNN` and `\"`.
 *
 * @module
 */

/** The words of a line, as byte strings. */
export function words(line: string): string[] {
  const found: string[] = [];
  for (const [, quoted, plain] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    if (plain !== undefined) found.push(plain);
    else {
      found.push(quoted!.replace(/\\(x[0-9a-f]{2}|.)/g, (_, escape: string) => {
        if (escape.length === 3) return String.fromCharCode(parseInt(escape.slice(1), 16));
        return { n: "\n", r: "\r" }[escape] ?? escape;
      }));
    }
  }
  return found;
}

function commands(text: string): string[] {
  return text.split(/[;\n]/).map((line) => line.trim()).filter((line) => line !== "");
}

/** Every option of SET in every pair, valid or not. */
function setOptionPairs(): string[] {
  const options = ["NX", "XX", "GET", "KEEPTTL", "EX 100", "PX 100000", "EXAT 9999999999", "PXAT 9999999999999"];
  const lines: string[] = [];
  for (const first of options) {
    for (const second of [...options, "PERSIST", "nonsense"]) {
      lines.push("DEL k", `SET k new ${first} ${second}`, "GET k", "TTL k");
      lines.push("SET k old EX 5000", `SET k new ${first} ${second}`, "GET k", "TTL k");
    }
  }
  return lines;
}

function getExOptionPairs(): string[] {
  const options = ["PERSIST", "EX 100", "PX 100000", "EXAT 9999999999", "PXAT 9999999999999"];
  const lines: string[] = [];
  for (const first of options) {
    for (const second of ["", ...options, "KEEPTTL", "NX", "GET", "nonsense"]) {
      lines.push("DEL k", `GETEX k ${first} ${second}`, "SET k v EX 5000", `GETEX k ${first} ${second}`, "TTL k");
    }
  }
  return lines;
}

/** Words that are, or look like, numbers. */
export const NUMBERS: readonly string[] = [
  "0",
  "1",
  "-1",
  "100",
  "-100",
  "007",
  "+1",
  "-0",
  '""',
  '" 1"',
  '"1 "',
  "1.0",
  "1e3",
  "abc",
  "0x10",
  "-",
  '"1\\x00"',
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
  "-9223372036854775809",
  "99999999999999999999",
  "123456789012345678901234567890",
  "9223372036854775",
  "9223372036854776",
  "-9223372036854775",
  "-9223372036854776",
  "10000000000000000",
  "9223372036854770000",
  "-9223372036854770000",
];

function numbersEverywhere(): string[] {
  const lines: string[] = [];
  for (const number of NUMBERS) {
    lines.push(
      "SET k 10",
      `INCRBY k ${number}`,
      `DECRBY k ${number}`,
      "GET k",
      "DEL k",
      `INCRBY k ${number}`,
      "DEL k",
      `DECRBY k ${number}`,
      "GET k",
      `SET k ${number}`,
      "INCR k",
      "DECR k",
      "INCRBY k 5",
      "DECRBY k 6",
      "GET k",
      "SET k hello",
      `GETRANGE k ${number} 2`,
      `GETRANGE k 1 ${number}`,
      `GETRANGE missing ${number} ${number}`,
      `GETRANGE k ${number} ${number}`,
      `SUBSTR k ${number} -1`,
      `SETRANGE k ${number} ""`,
      `SETRANGE missing ${number} ""`,
      // How far Redis gets with a count of 1 depends on its hash table.
      number === "1" ? "PING" : `SCAN 0 COUNT ${number}`,
    );
  }
  // Times so short that a slow machine would see the key go are left out.
  for (const number of [...NUMBERS.filter((number) => number !== "1" && number !== "100"), "100000"]) {
    for (const command of ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]) {
      lines.push("SET k v", `${command} missing ${number}`, `${command} k ${number}`, "EXISTS k");
      lines.push("SET k v EX 5000", `${command} k ${number} GT`, "EXISTS k", `${command} k ${number} LT`, "EXISTS k");
    }
    for (const unit of ["EX", "PX", "EXAT", "PXAT"]) {
      lines.push("DEL k", `SET k v ${unit} ${number}`, "EXISTS k", "SET k w", `GETEX k ${unit} ${number}`, "EXISTS k");
      lines.push(`GETEX missing ${unit} ${number}`);
    }
    lines.push("DEL k", `SETEX k ${number} v`, "GET k", `PSETEX k ${number} v`, "GET k");
  }
  return lines;
}

function expireConditions(): string[] {
  const lines: string[] = [];
  const conditions = ["", "NX", "XX", "GT", "LT", "xx gt", "XX LT", "LT XX", "NX XX", "NX GT", "GT NX", "LT GT", "AB"];
  for (const condition of [...conditions, "XX XX", "NX NX", "XX AB", '"A\\nB"', "XX GT LT", "NX GT LT", "LT LT"]) {
    for (const time of ["50", "200", "-10", "0", "abc"]) {
      for (const before of ["DEL k", "SET k v", "SET k v EX 100"]) {
        lines.push(before, `EXPIRE k ${time} ${condition}`, "TTL k", "EXISTS k");
      }
    }
  }
  return lines;
}

const DECIMALS = [
  "1",
  "-1",
  "0.1",
  "-0.1",
  "3.0e3",
  "5.0e3",
  "200",
  "1.5",
  ".5",
  "5.",
  "+2",
  "1e-3",
  "1E2",
  "10.50",
  "0.1",
  "-0.1",
  "00012",
  "1e17",
  "-1e17",
  "3.14159",
];

const NOT_DECIMALS = [
  "abc",
  '""',
  '" 1"',
  '"1 "',
  "1.2.3",
  "1e",
  "e5",
  "--1",
  "+-1",
  "nan",
  "NaN",
  "1,5",
  ".",
  "-",
  '"1\\x00"',
  "1e5000",
  "1e-6000",
];

function decimals(): string[] {
  const lines: string[] = [];
  for (const number of DECIMALS) {
    lines.push("DEL k", `INCRBYFLOAT k ${number}`, "GET k", "SET k 10.50", `INCRBYFLOAT k ${number}`, "GET k");
    lines.push("SET k 3", `INCRBYFLOAT k ${number}`, `SET k ${number}`, "INCRBYFLOAT k 1", "INCR k");
  }
  for (const word of NOT_DECIMALS) {
    lines.push("DEL k", `INCRBYFLOAT k ${word}`, "EXISTS k", "SET k 1", `INCRBYFLOAT k ${word}`, "GET k");
    lines.push(`SET k ${word}`, "INCRBYFLOAT k 1", "GET k");
  }
  for (const word of ["inf", "-inf", "+inf", "Infinity", "-INFINITY"]) lines.push("SET k 1", `INCRBYFLOAT k ${word}`);
  lines.push("SET k 1 EX 100", "INCRBYFLOAT k 1", "TTL k");
  return lines;
}

const PATTERNS = [
  "*",
  "a*",
  "*a",
  "*a*b*",
  "?",
  "??",
  "[ab]*",
  "[^ab]*",
  "[a-c]?",
  "[c-a]?",
  "[a",
  "[^a",
  "[a-",
  "[a-]",
  "[",
  "[]",
  "[^]",
  "[^]?",
  "[\\\\]]*",
  "[\\\\a]*",
  "\\\\*",
  "\\\\",
  "a\\\\",
  "nothing",
  "ab",
  "a**b",
  "",
];

function patterns(): string[] {
  const lines = ['MSET a 1 b 2 ab 3 abc 4 cab 5 "]" 6 "\\\\" 7 "*" 8 "a\\\\" 9 "\\xff\\x00" 10 "^" 11 "a-b" 12 "[" 13'];
  for (const pattern of PATTERNS) lines.push(`KEYS "${pattern}"`, `SCAN 0 MATCH "${pattern}" COUNT 1000`);
  lines.push(`KEYS "${"a*".repeat(40)}b"`, `SCAN 0 MATCH "${"*a".repeat(40)}" COUNT 1000`);
  return lines;
}

/** Every command with too few and too many arguments. */
function arities(): string[] {
  const fixed: readonly [name: string, least: number, most: number | null][] = [
    ["GET", 1, 1],
    ["SET", 2, null],
    ["SETNX", 2, 2],
    ["SETEX", 3, 3],
    ["PSETEX", 3, 3],
    ["GETSET", 2, 2],
    ["GETDEL", 1, 1],
    ["GETEX", 1, null],
    ["MGET", 1, null],
    ["MSET", 2, null],
    ["MSETNX", 2, null],
    ["DEL", 1, null],
    ["UNLINK", 1, null],
    ["EXISTS", 1, null],
    ["TOUCH", 1, null],
    ["TYPE", 1, 1],
    ["APPEND", 2, 2],
    ["STRLEN", 1, 1],
    ["GETRANGE", 3, 3],
    ["SUBSTR", 3, 3],
    ["SETRANGE", 3, 3],
    ["INCR", 1, 1],
    ["DECR", 1, 1],
    ["INCRBY", 2, 2],
    ["DECRBY", 2, 2],
    ["INCRBYFLOAT", 2, 2],
    ["EXPIRE", 2, null],
    ["PEXPIRE", 2, null],
    ["EXPIREAT", 2, null],
    ["PEXPIREAT", 2, null],
    ["TTL", 1, 1],
    ["PTTL", 1, 1],
    ["EXPIRETIME", 1, 1],
    ["PEXPIRETIME", 1, 1],
    ["PERSIST", 1, 1],
    ["KEYS", 1, 1],
    ["SCAN", 1, null],
    ["RANDOMKEY", 0, 0],
    ["OBJECT", 1, null],
  ];
  const lines: string[] = [];
  for (const [name, least, most] of fixed) {
    for (let count = 0; count < least; count++) lines.push(`${name}${" 1".repeat(count)}`);
    if (most !== null) lines.push(`${name.toLowerCase()}${" 1".repeat(most + 1)}`, `${name}${" 1".repeat(most + 3)}`);
  }
  lines.push("MSET a", "MSET a 1 b", "MSETNX a 1 b", "MSET a 1 b 2 c");
  return lines;
}

/** The groups, by name. */
export const SEQUENCES: Readonly<Record<string, readonly string[]>> = {
  "SET and GET": commands(String.raw`
    GET k; SET k v; GET k; SET k ""; GET k; STRLEN k; EXISTS k; SET k "a\r\nb\x00c\xff"; GET k; STRLEN k;
    SET "k\xff\x00" v; GET "k\xff\x00"; set k lower; gEt k; SET k v nonsense; SET k v EX; SET k v EX 10 PX;
    SET k v PXAT; SET k v EXX 10; SET k v EX 10 EX 20; TTL k; SET k v EX abc EX 20; SET k v EX 20 EX abc;
    SET k v "nx\x00tail"; GET k; SET k v EXAT 1; GET k; SET k v PXAT 1; EXISTS k; SET k 1; SET k 2 EXAT 1 GET;
    GET k; SET k 2 EXAT 1 XX; SET k v NX EXAT 1; SET k w NX; GET k`),
  "SET with pairs of options": setOptionPairs(),
  "SET forgets the expiry unless told to keep it": commands(String.raw`
    SET k v EX 100; SET k w; TTL k; SET k v EX 100; SET k w KEEPTTL; TTL k; GET k; SET k w KEEPTTL XX GET;
    TTL k; DEL k; SET k w KEEPTTL; TTL k; SET k v EX 100; GETSET k w; TTL k; SET k v EX 100; MSET k w; TTL k;
    SET k 1 EX 100; INCR k; APPEND k 5; SETRANGE k 0 9; TTL k; GET k`),
  "SETNX, SETEX, PSETEX, GETSET, GETDEL": commands(String.raw`
    SETNX k v; SETNX k w; GET k; SETEX k 100 v; TTL k; SETNX k w; PSETEX k 200000 w; TTL k; GET k; SETEX k 0 v;
    SETEX k -10 v; PSETEX k 0 v; SETEX k abc v; GET k; GETSET k x; GETSET missing x; GET missing; GETDEL k;
    GETDEL k; EXISTS k`),
  "GETEX": commands(String.raw`
    GETEX k; SET k v; GETEX k; TTL k; GETEX k EX 100; TTL k; GETEX k; TTL k; GETEX k PERSIST; TTL k;
    GETEX k PERSIST PERSIST; GETEX k EXAT 1; GET k; SET k v; GETEX k PXAT 1; EXISTS k; GETEX k EX;
    GETEX k nonsense; GETEX k EX 10 EX 20; GETEX missing EX abc; GETEX missing EX 0; SET k v; GETEX k EX abc;
    GETEX k EX 0; GETEX k PX -1; TTL k`),
  "GETEX with pairs of options": getExOptionPairs(),
  "keys that cannot be": commands(String.raw`
    GET ""; SET k v; GET ""; MGET "" k; EXISTS "" k; TTL ""; STRLEN ""; TYPE ""; GET ${"k".repeat(5000)};
    SET k v; MGET ${"k".repeat(5000)} k`),
  "many arguments": commands(String.raw`
    MSET k v${" k v".repeat(10_000)} k w; GET k; MSETNX${" x v".repeat(10_001)}; DEL${" k x".repeat(10_000)};
    EXISTS${" k".repeat(9_000)}`),
  "MGET, MSET, MSETNX": commands(String.raw`
    MSET a 1 b 2 c 3; MGET a b c d a; MGET d; MSET a 1 a 2; GET a; MSETNX a 9 x 9; EXISTS x; MSETNX x 1 y 2;
    MGET x y; MSETNX z 1 z 2; GET z; MSETNX z 1 z 3; GET z; MSET e "" f "\r\n"; MGET e f`),
  "DEL, UNLINK, EXISTS, TOUCH, TYPE": commands(String.raw`
    DEL a; MSET a 1 b 2 c 3; DEL a a; DEL a b missing; EXISTS c; EXISTS c c c missing; TOUCH c;
    TOUCH c c missing; UNLINK c c; EXISTS c; TYPE c; SET c v; TYPE c; UNLINK c; UNLINK c`),
  "APPEND, STRLEN, GETRANGE, SETRANGE": commands(String.raw`
    APPEND k ""; EXISTS k; APPEND k foo; APPEND k bar; GET k; STRLEN k; STRLEN missing; GETRANGE k 0 -1;
    GETRANGE k 0 2; GETRANGE k -3 -1; GETRANGE k 3 1; GETRANGE k -1 -3; GETRANGE k 2 100; GETRANGE k 100 200;
    GETRANGE k -100 100; GETRANGE k -100 -99; GETRANGE k -99 -100; GETRANGE missing 0 -1; SET e "";
    GETRANGE e 0 -1; GETRANGE e 0 0; SUBSTR k 1 2; SETRANGE k 0 F; SETRANGE k 8 x; GET k; SETRANGE k 100 "";
    SETRANGE missing 100 ""; EXISTS missing; SETRANGE missing 2 x; GET missing; SETRANGE k -1 x;
    SETRANGE k -1 ""; SETRANGE k 536870908 world; SETRANGE none 536870908 world;
    SETRANGE k 9223372036854775807 A; SETRANGE k abc x; GETRANGE k abc 1; GETRANGE k 1 abc;
    GETRANGE missing abc 1`),
  "INCR, DECR, INCRBY, DECRBY": commands(String.raw`
    INCR n; INCR n; DECR n; INCRBY n 40; DECRBY n 50; GET n; SET n 9223372036854775806; INCR n; INCR n;
    INCRBY n 1; GET n; SET n -9223372036854775807; DECR n; DECR n; DECRBY n 9223372036854775807;
    DECRBY n -9223372036854775808; INCRBY n -9223372036854775808; GET n; SET n 0;
    INCRBY n -9223372036854775808; DECRBY n 9223372036854775807; SET n abc; INCR n; SET n " 1"; INCR n;
    SET n ""; INCR n; SET n 01; INCR n; SET n 1.5; INCR n; DECRBY n 1; GET n`),
  "numbers in every place": numbersEverywhere(),
  "INCRBYFLOAT": decimals(),
  "EXPIRE and its conditions": expireConditions(),
  "TTL and its kin": commands(String.raw`
    TTL k; PTTL k; EXPIRETIME k; PEXPIRETIME k; PERSIST k; SET k v; TTL k; PTTL k; EXPIRETIME k; PEXPIRETIME k;
    PERSIST k; EXPIRE k 100; TTL k; PTTL k; EXPIRETIME k; PEXPIRETIME k; PERSIST k; PERSIST k; TTL k;
    PEXPIRE k 100400; EXPIREAT k 9999999999; EXPIRETIME k; PEXPIRETIME k; PEXPIREAT k 9999999999499;
    EXPIRETIME k; PEXPIREAT k 9999999999500; EXPIRETIME k; PEXPIRETIME k; EXPIREAT k 1; EXISTS k; SET k v;
    PEXPIREAT k 1; GET k; SET k v; EXPIRE k 0; GET k; SET k v; PEXPIRE k -1; GET k; SET k v; EXPIRE k "";
    EXPIRE k 10 nonsense; EXPIRE k abc nonsense; EXPIRE k 10 NX nonsense`),
  "patterns": patterns(),
  "SCAN": commands(String.raw`
    SCAN 0; SET a 1; SCAN 0; SCAN ""; SCAN +0; SCAN -0; SCAN 000; SCAN abc; SCAN 1x; SCAN " 0"; SCAN "0 ";
    SCAN -; SCAN 18446744073709551616; SCAN 99999999999999999999999999; SCAN 0 COUNT; SCAN 0 MATCH;
    SCAN 0 TYPE; SCAN 0 nonsense; SCAN 0 nonsense 1; SCAN 0 COUNT 0; SCAN 0 COUNT -5; SCAN 0 COUNT abc;
    SCAN 0 COUNT 5 COUNT 1000; SCAN 0 MATCH b MATCH a; SCAN 0 TYPE string; SCAN 0 TYPE STRING;
    SCAN 0 TYPE list; SCAN 0 TYPE nonsense; SCAN 0 TYPE string MATCH a* COUNT 1000;
    SCAN 0 type list type string; SCAN abc nonsense`),
  "RANDOMKEY and FLUSH": commands(String.raw`
    RANDOMKEY; SET only v; RANDOMKEY; FLUSHDB; RANDOMKEY; EXISTS only; SET only v; FLUSHALL ASYNC; EXISTS only;
    FLUSHALL sync; FLUSHDB async; FLUSHALL nonsense; FLUSHALL SYNC ASYNC; FLUSHDB a b c; KEYS *`),
  "OBJECT": commands(String.raw`
    OBJECT ENCODING k; OBJECT REFCOUNT k; OBJECT FREQ k; SET k 12345; OBJECT ENCODING k; OBJECT REFCOUNT k;
    SET k 9999; OBJECT REFCOUNT k; SET k -1; OBJECT REFCOUNT k; OBJECT IDLETIME k; OBJECT FREQ k; SET k 01;
    OBJECT ENCODING k; SET k ${"x".repeat(44)}; object encoding k; SET k ${"x".repeat(45)}; OBJECT ENCODING k;
    SET k 9223372036854775807; OBJECT ENCODING k; SET k 9223372036854775808; OBJECT ENCODING k;
    OBJECT nonsense k; OBJECT nonsense; OBJECT ENCODING; OBJECT ENCODING a b; OBJECT HELP x`),
  "arities": arities(),
  "MULTI": commands(String.raw`
    MULTI; SET a 1; INCR a; APPEND a x; INCR a; GET a; MSET b 1 c 2; MGET a b c d; DEL b b; EXISTS b c c;
    SET a 2 GET; SET a 3 NX; SET a 3 NX GET; GETEX a EX 100; TTL a; GETEX a EX 0; PERSIST a;
    EXPIRE a 100 XX LT; EXPIRE a 100; EXPIRE a 50 XX LT; GETDEL a; KEYS *; SCAN 0 COUNT 1000; TYPE c;
    MSETNX c 1 d 2; MSETNX e 1 d 2; GETRANGE e 0 -1; STRLEN e; SETRANGE e 3 x; SETRANGE e 3 "";
    INCRBYFLOAT f 1.5; INCRBYFLOAT e 1.5; FLUSHALL; DEL c; OBJECT ENCODING a; EXEC; MULTI; SET a; SET a 1;
    EXEC; MULTI; SET a 1 nonsense; SET b 1; EXEC; MGET a b; MULTI; SET a 1 EX 0; DECRBY a -9223372036854775808;
    SETRANGE a -1 x; EXPIRE a abc; SCAN abc; MSET a 1 b; GET a; EXEC; GET b; MULTI; RANDOMKEY; EXEC`),
};
