/** What the example service in Python needs beside its source: the keyring library, and PyJWT of Debian where it can be had. */
import { join } from 'node:path';
import { debianLibraries, pythonPath } from './debian.ts';

const PACKAGES = ['python3-jwt'];
const KEYRING = join(import.meta.dirname, '..', '..', '..', 'keyring', 'python', 'src');

/** For its environment. Without PyJWT it runs by the standard library alone. */
export const PYTHON_EXAMPLE = { PYTHONPATH: `${KEYRING}:${pythonPath(PACKAGES)}` };

/** @returns whether PyJWT is there; false where this is no Debian */
export const pythonExample = async (): Promise<boolean> => (await debianLibraries(PACKAGES)) !== undefined;
