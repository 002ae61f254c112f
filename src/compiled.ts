/**
 * A program as a file, and beside it what V8 has compiled of it before, which saves a third of the time until it works.
 *
 * Node's own cache (`module.enableCompileCache`) is of no use in an image: its folder depends on the features of the
 * processor and on the user.
 */
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
// as a whole: an older Node has no `constants`, and must come as far as saying that it is too old
import vm from 'node:vm';

/** @returns where what was compiled of a program stands, for this version of Node and this architecture */
export function compiledOf(file: string): string {
  return `${file}.${process.version}-${process.arch}`;
}

/**
 * Reads a CommonJS program. What was compiled is not used if V8 says that it does not fit, by its version or flags: the program starts all the
 * same.
 *
 * @param file its path; beside it may stand what `tools/compile.ts` has made of **these very bytes**: V8 compares no more
 *   than their number
 * @throws if there is no such file, or it is no JavaScript
 */
export function loadProgram(file: string): vm.Script {
  const cachedData = ifThere(compiledOf(file));
  return new vm.Script(Module.wrap(readFileSync(file, 'utf8')), {
    filename: file,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData && { cachedData }),
  });
}

/** Runs a program as Node runs a CommonJS module. */
export function runProgram(script: vm.Script, file: string): void {
  const module = { exports: {} };
  script.runInThisContext().call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
}

function ifThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
