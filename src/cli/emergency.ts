/**
 * `emergency` and `contained`: a key has leaked.
 */
import { randomBytes } from 'node:crypto';
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { MAX_REASON } from '../rotation/api/said.ts';
import { ASK } from '../rotation/people/asking.ts';
import { isForPeople, mayBeDone } from '../rotation/people/errors.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { looksSecret, oneLine } from '../rotation/people/text.ts';
import { emergencyOf } from '../rotation/requests/requests.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import type { Format } from './formats.ts';
import { ask } from './leader.ts';
import { openProgress } from './live/progress.ts';
import { columns, machineText, printResult, when } from './output.ts';
import { rekeyCommand } from './pasted.ts';
import type { Waiting } from './rotate.ts';
import { conditionOf, type Emergency, inferredRows, residueRows } from './status.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { NOT_SERVED, unservedEmergency, unservedText } from './unserved.ts';
import { waitFor } from './wait.ts';

type Over = Required<Pick<Emergency, 'keyGoneAt' | 'seconds'>> & Emergency;

export interface EmergencyOptions extends Waiting {
  readonly reason: string;
  /** Without it the name must be typed. */
  readonly yes: boolean;
  readonly output?: Format;
}

/** Burns every key of the Secret, and reports when the last pod accepted one. */
export async function emergency(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { reason, yes, wait, timeout, output }: EmergencyOptions,
): Promise<Exit> {
  const why = reasonOf(reason);
  const resource = await operations.get(name);
  if (!yes) await confirm(terminal, resource);
  const askedAt = terminal.now();
  const nonce = `${new Date(askedAt).toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`;
  const asked = { nonce, askedAt: new Date(askedAt).toISOString() };
  terminal.printErr(`${name}: requesting emergency ${nonce}\n`);
  await insist(() => ask(operations, terminal, name, ASK.emergency(nonce, why)));
  if (!wait) {
    printResult(terminal, machineText(asked, output), `${name}: emergency ${nonce} requested\n`);
    return EXIT.done;
  }
  const progress = await openProgress(operations, terminal, { asked: { kind: 'Emergency', nonce }, count: 1 });
  const what = `emergency ${nonce}`;
  const waiting = { name, what, timeoutMs: timeout, isGood: () => true, unbegun: unservedText };
  const over = await waitFor(operations, progress, waiting, emergencyEnd(nonce));
  const secondsSinceAsked = Math.round((terminal.now() - askedAt) / 100) / 10;
  const result = { ...over, ...asked, secondsSinceAsked };
  printResult(terminal, machineText(result, output), overText(name, operations.namespace, result, terminal.now()));
  return EXIT.done;
}

/** A person says that the cause of the last emergency was found. */
export async function contained(operations: Operations, terminal: Terminal, name: string): Promise<Exit> {
  const resource = await operations.get(name);
  const last = resource.status?.emergency;
  const open = unservedEmergency(resource);
  if (open !== undefined) {
    const message = `emergency ${oneLine(open.nonce)} is ${NOT_SERVED}; to see it: ${rekeyCommand('status', resource)}`;
    throw new CommandError(message, EXIT.notReady);
  }
  if (last === undefined) throw new CommandError(`${name} has had no emergency`, EXIT.failed);
  if (last.keyGoneAt === undefined) {
    const message = `emergency ${last.nonce} is not over: some pods may still accept a burnt key`;
    throw new CommandError(message, EXIT.notReady);
  }
  await ask(operations, terminal, name, ASK.contained(last.nonce, resource));
  terminal.print(`${name}: emergency ${oneLine(last.nonce)} is contained\n`);
  return EXIT.done;
}

/** @returns looks for the end of the emergency of this nonce */
export function emergencyEnd(nonce: string) {
  let began = false;
  return (resource: JwtKeyRotation): Over | undefined => {
    const { emergency: current, lastHandledEmergency } = resource.status ?? {};
    if (current?.nonce === nonce) return isOver(current) ? current : undefined;
    began ||= lastHandledEmergency === nonce;
    const asked = emergencyOf(resource);
    const { reason, message: told = '' } = conditionOf(resource, 'Ready') ?? {};
    const isOthers = reason === 'SecretConflict' && told.startsWith('EMERGENCY NOT SERVED');
    if (asked?.nonce === nonce && isOthers) throw new CommandError(told, EXIT.failed);
    if (asked?.nonce === nonce) return undefined;
    if (asked === undefined && !began) {
      const message = 'the request was removed before rekey served it: IT DID NOT BURN ANY KEY; request it again';
      throw new CommandError(message, EXIT.failed);
    }
    const other = oneLine(asked === undefined ? (current?.nonce ?? '') : `${asked.nonce}: ${asked.reason}`);
    const message = `another emergency was requested in the meantime (${other}). It burns every key, including those of this one; to follow it: ${rekeyCommand('status', resource, '-w')}`;
    throw new CommandError(message, EXIT.notReady);
  };
}

/** An answer that was lost does not say that nothing was done; to ask for the same nonce twice is to ask for it once. */
async function insist(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!mayBeDone(error)) throw isForPeople(error) ? unburnt(error) : error;
    await ask();
  }
}

/** Whoever may not request it must not take the key for dead. */
function unburnt({ message }: Error): CommandError {
  return new CommandError(`NOTHING WAS BURNT by this command, take the leaked key for alive: ${message}`, EXIT.failed);
}

function isOver(emergency: Emergency): emergency is Over {
  return emergency.keyGoneAt !== undefined && emergency.seconds !== undefined;
}

/** It goes into annotations, Events, the log and the audit: one line, and no secret. */
function reasonOf(text: string): string {
  const reason = oneLine(text);
  if (reason === '') throw new CommandError('--reason: say why in a few words, for the audit log', EXIT.usage);
  if (reason.length > MAX_REASON) {
    const said = `--reason: ${reason.length} characters are too many; write at most ${MAX_REASON}`;
    throw new CommandError(said, EXIT.usage);
  }
  if (!looksSecret(reason)) return reason;
  const message = '--reason: this looks like a key or a token, and everybody can read it; describe it instead';
  throw new CommandError(message, EXIT.usage);
}

async function confirm(terminal: Terminal, { metadata, spec, status }: JwtKeyRotation): Promise<void> {
  const { name, namespace } = metadata;
  if (!terminal.interactive) {
    throw new CommandError('there is no terminal to confirm it: add --yes', EXIT.usage);
  }
  const pods = (status?.targets ?? []).map(({ kind, name: target, pods: count }) => `${kind}/${target} (${count})`);
  const targets = oneLine(pods.join(', ')) || 'all targets';
  const what = spec.emergency.mode === 'FailClosed' ? 'deletes at once' : 'restarts one after another';
  terminal.printErr(
    [
      `EMERGENCY for ${namespace}/${name}, environment ${oneLine(spec.environment)}\n`,
      `  burns every key of Secret ${oneLine(spec.secretName)} permanently\n`,
      `  refuses every token signed before: every user must sign in again\n`,
      `  ${what} the pods of ${targets}\n`,
    ].join(''),
  );
  const typed = await terminal.question(`Type the name (${name}) to continue: `);
  if (typed?.trim() !== name) throw new CommandError('not confirmed; nothing was done', EXIT.failed);
}

function overText(
  name: string,
  namespace: string,
  over: Over & { readonly secondsSinceAsked: number },
  now: number,
): string {
  const { nonce, writtenAt, keyGoneAt, seconds, secondsSinceAsked } = over;
  const rows = [
    ['new key written', when(writtenAt, now)],
    ['burnt keys gone', `${when(keyGoneAt, now)}${over.inferred === undefined ? ': every pod has refused them' : ''}`],
    ...inferredRows(over),
    [
      'last pod that accepted one',
      `not later than ${seconds} s after the write, ${formatDuration(secondsSinceAsked * 1000)} after the request`,
    ],
    ...residueRows(over),
    [
      'next',
      `every user must sign in again; when you have found the cause: ${rekeyCommand('contained', { metadata: { name, namespace } })}`,
    ],
  ];
  return `${name}: emergency ${oneLine(nonce)} is over\n${columns(rows, '  ')}`;
}
