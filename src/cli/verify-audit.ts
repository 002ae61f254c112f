/**
 * `rekey verify-audit FILE|-`: whether an audit log is as it was written.
 */
import { readFileSync } from 'node:fs';
import { type Verdict, verifyLog } from '../rotation/audit/audit-log.ts';
import { AUDIT_KEY } from '../rotation/audit/books.ts';

const USAGE = 'usage: kubectl get configmap NAME -o json | rekey verify-audit -\n';

/**
 * @param args after the name of the command
 * @returns the exit code: 0 if the chain is whole, 1 if it is not, 2 if there is none to look at
 */
export function verifyAudit(args: readonly string[], print: (text: string) => void): number {
  const [path, ...more] = args;
  if (path === undefined || more.length > 0) {
    print(USAGE);
    return 2;
  }
  let log: unknown;
  try {
    const object = JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8')) as {
      data?: Record<string, unknown>;
    } | null;
    log = object?.data?.[AUDIT_KEY];
  } catch {
    print(`${path}: cannot be read, or is no JSON. ${USAGE}`);
    return 2;
  }
  if (typeof log !== 'string') {
    print(`${path}: has no data key ${AUDIT_KEY}. ${USAGE}`);
    return 2;
  }
  const verdict = verifyLog(log);
  print(`${told(verdict)}\n`);
  return verdict.broken === undefined ? 0 : 1;
}

/** No more than is known: what has left at the end is not missed by the chain. */
function told({ records, first, last, head, broken }: Verdict): string {
  if (broken !== undefined) return `BROKEN: ${broken}`;
  if (records === 0) return 'no record';
  return `records ${first} to ${last}, each as it was written and after the one before it; the last has the hash ${head}`;
}
