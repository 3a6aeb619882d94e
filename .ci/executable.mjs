// How an executable is compiled, for this machine and for others.

/** The arguments of bun that compile `entry` into the file `outfile`. */
export function compileArguments(entry, outfile) {
  return [
    "build",
    "--compile",
    "--minify",
    "--sourcemap",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    entry,
    "--outfile",
    outfile,
  ];
}
