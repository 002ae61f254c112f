/** What the Python services of examples/remotehive-like need. */
import { debianPython, pythonFolder } from './debian.ts';

const PACKAGES = [
  ...['python3-jwt', 'python3-fastapi', 'python3-starlette', 'python3-pydantic', 'python3-typing-extensions'],
  ...['python3-anyio', 'python3-sniffio', 'python3-idna', 'python3-uvicorn', 'python3-click', 'python3-h11'],
  'python3-asgiref',
];

/** The folder of a Python environment with them, made by {@link remotehivePython}. */
export const REMOTEHIVE_PYTHON = pythonFolder(PACKAGES);

/** Makes it if it is not there. @returns whether it works; false where this is no Debian */
export const remotehivePython = (): Promise<boolean> => debianPython(PACKAGES, ['fastapi', 'jwt', 'uvicorn']);
