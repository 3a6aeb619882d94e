import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderCompletions, type Shell, SHELLS } from "../../cli/completions.ts";
import { flagsOf } from "../../cli/flags.ts";
import { KVCLIENT } from "../../cli/kvclient/table.ts";
import { KVSERVER } from "../../cli/kvserver/table.ts";

const PROGRAMS = [KVSERVER, KVCLIENT];
const directory = mkdtempSync(join(tmpdir(), "kvpaxos-completions-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

for (const program of PROGRAMS) {
  for (const shell of SHELLS) writeFileSync(scriptOf(program.name, shell), renderCompletions(program, shell));
}
mkdirSync(join(directory, "work", "runs"), { recursive: true });
writeFileSync(join(directory, "work", "run one.jsonl"), "");
writeFileSync(join(directory, "work", "kv.toml"), "");

function scriptOf(name: string, shell: Shell): string {
  return join(directory, `${name}.${shell}`);
}

function hasShell(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "true"]).status === 0;
}

function run(shell: Shell, args: readonly string[]): string {
  return execFileSync(shell, args, {
    encoding: "utf8",
    cwd: join(directory, "work"),
    env: { PATH: process.env["PATH"], HOME: directory, TERM: "dumb", LC_ALL: "C.UTF-8" },
  });
}

/** Bash is asked as readline asks it: `=` is a word of its own. */
function inBash(line: string): string[] {
  const words = line.split(/(?<==)|(?==)| /);
  const name = words[0]!;
  const script = `source '${scriptOf(name, "bash")}'
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_${name}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", ["--norc", "-c", script]).split("\n").filter((each) => each !== "");
}

/** Types the line into a zsh on a terminal of its own, presses tab, and notes what `compadd` is given. */
const ZSH_DRIVER = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1= PROMPT_EOL_MARK=; stty -echo; autoload -Uz compinit && compinit -D -u; source $1
compadd() { local -a hits; builtin compadd -A hits \\"\\$@\\"; local hit; for hit in \\$hits; do print -r -- \\"<<\\$hit>>\\"; done; builtin compadd \\"\\$@\\" }
whole() { zle complete-word; print -r -- '<<''END>>' }; zle -N whole; bindkey '^I' whole; print REA''DY"
zpty -r z out '*READY*'
zpty -w -n z "$2"$'\\t'
zpty -r z out '*<<END>>*'
print -r -- $out
`;

function inZsh(line: string): string[] {
  const name = line.split(" ")[0]!;
  const output = run("zsh", ["-f", "-c", ZSH_DRIVER, "zsh", scriptOf(name, "zsh"), line]);
  const hits = new Set([...output.matchAll(/<<(.*?)>>/g)].map((match) => match[1]!));
  return [...hits].filter((hit) => hit !== "END");
}

function inFish(line: string): string[] {
  const name = line.split(" ")[0]!;
  const output = run("fish", ["--no-config", "-c", `source '${scriptOf(name, "fish")}'; complete -C "${line}"`]);
  return output.split("\n").map((each) => each.split("\t")[0]!).filter((each) => each !== "");
}

const ASK: Readonly<Record<Shell, (line: string) => string[]>> = { bash: inBash, zsh: inZsh, fish: inFish };

describe("completions", () => {
  it("name every command and flag that is there, and none that is not, in each shell", () => {
    for (const program of PROGRAMS) {
      for (const shell of SHELLS) {
        const script = renderCompletions(program, shell);
        for (const command of program.commands) {
          if (command.notYet === null) expect(script, command.name).toContain(command.name);
          for (const flag of flagsOf(program, command)) {
            const isThere = new RegExp(`(--|-l )${flag.name}\\b(?!-)`).test(script);
            expect(isThere, `${shell} ${flag.name}`).toBe(true);
          }
        }
      }
    }
  });

  for (const shell of SHELLS) {
    // Skipped where the shell is not installed.
    describe.skipIf(!hasShell(shell))(`of ${shell}`, () => {
      const ask = (line: string): string[] => ASK[shell](line).sort();

      it("are a valid script", () => {
        for (const { name } of PROGRAMS) execFileSync(shell, ["-n", scriptOf(name, shell)]);
      });

      it("complete commands, and the names of commands after help", () => {
        expect(ask("kvclient de")).toEqual(["delete", "demo"]);
        expect(ask("kvserver c")).toEqual(["cluster", "completions"]);
        expect(ask("kvclient help ver")).toEqual(["verify"]);
        expect(ask("kvclient completions z")).toEqual(["zsh"]);
        // What follows a flag is its value, not the command.
        expect(ask("kvclient --server put de")).toEqual(["delete", "demo"]);
      });

      it("complete the flags of the command", () => {
        expect(ask("kvclient put k --if")).toEqual(["--if-absent", "--if-revision"]);
        expect(ask("kvserver --adv")).toEqual(["--advertise"]);
        expect(ask("kvserver cluster --adv")).toEqual([]);
      });

      it("complete the values of flags, also within lists", () => {
        expect(ask("kvclient get --output j")).toEqual(["json"]);
        expect(ask("kvserver --replication ")).toEqual(["2pc", "none", "paxos"]);
        expect(ask("kvclient put --ttl ")).toEqual([]);
        // What is replaced is the whole word; zsh alone knows that it is only what follows the comma.
        expect(ask("kvserver --fail acceptor,le")).toEqual([shell === "zsh" ? "learner" : "acceptor,learner"]);
      });

      it("complete values after an equals sign", () => {
        expect(ask("kvclient get --output=j").map((hit) => hit.split("=").at(-1))).toEqual(["json"]);
      });

      it("complete files and directories where files and directories go, with spaces in their names", () => {
        const plain = (line: string): string[] => ask(line).map((hit) => hit.replaceAll("\\", "").replace(/\/$/, ""));
        expect(plain("kvserver --config kv")).toEqual(["kv.toml"]);
        expect(plain("kvserver --data-dir r")).toEqual(["runs"]);
        expect(plain("kvclient verify r")).toEqual(["run one.jsonl", "runs"]);
        expect(plain("kvclient get r")).toEqual([]);
      });
    });
  }
});
