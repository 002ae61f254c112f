/**
 * `verify-audit`: whether an audit log is as it was written.
 */
import { readFileSync } from 'node:fs';
import { type Verdict, verifyLog } from '../rotation/audit/audit-log.ts';
import { AUDIT_KEY } from '../rotation/audit/books.ts';
import { EXIT, type Exit, type Terminal } from './terminal.ts';

const USAGE = 'usage: kubectl get configmap NAME -o json | kubectl rekey verify-audit -\n';

/**
 * @param path of a ConfigMap as JSON; `-` for standard input
 * @returns done if the chain is whole, failed if it is not, usage if there is none to look at
 */
export function verifyAudit(path: string, terminal: Pick<Terminal, 'print' | 'tell'>): Exit {
  let log: unknown;
  try {
    const object = JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8')) as {
      data?: Record<string, unknown>;
    } | null;
    log = object?.data?.[AUDIT_KEY];
  } catch {
    terminal.tell(`${path}: cannot be read, or is no JSON. ${USAGE}`);
    return EXIT.usage;
  }
  if (typeof log !== 'string') {
    terminal.tell(`${path}: has no data key ${AUDIT_KEY}. ${USAGE}`);
    return EXIT.usage;
  }
  const verdict = verifyLog(log);
  terminal.print(`${told(verdict)}\n`);
  return verdict.broken === undefined ? EXIT.done : EXIT.failed;
}

/** No more than is known: what has left at the end is not missed by the chain. */
function told({ records, first, last, head, broken }: Verdict): string {
  if (broken !== undefined) return `BROKEN: ${broken}`;
  if (records === 0) return 'no record';
  return `records ${first} to ${last}, each as it was written and after the one before it; the last has the hash ${head}`;
}
