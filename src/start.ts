/** Starts the operator of the image, which stands beside this file as `rekey.cjs`. */
import { fileURLToPath } from 'node:url';
import { loadProgram, runProgram } from './compiled.ts';

const file = fileURLToPath(new URL('rekey.cjs', import.meta.url));
runProgram(loadProgram(file), file);
