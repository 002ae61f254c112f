/**
 * `status`, in its forms: one resource, all, or one again and again.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { leaseName } from '../rotation/people/leadership.ts';
import type { Operations } from '../rotation/people/operations.ts';
import type { Format } from './formats.ts';
import { nobodyText, operatorText, watchLeader } from './leader.ts';
import { openProgress } from './live/progress.ts';
import { machineText, printResult } from './output.ts';
import { isReady, listText, statusText } from './status.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { waitFor } from './wait.ts';

export interface ShowOptions {
  readonly output?: Format;
  readonly allNamespaces?: true;
  readonly watch?: true;
}

/** @param name all if absent */
export async function show(
  operations: Operations,
  terminal: Terminal,
  name: string | undefined,
  options: ShowOptions,
): Promise<Exit> {
  if (name === undefined && options.watch) throw new CommandError('--watch: name one resource', EXIT.usage);
  if (name === undefined) return showAll(operations, terminal, options);
  if (options.allNamespaces) throw new CommandError('--all-namespaces: give it without a name', EXIT.usage);
  const resource = await operations.get(name);
  const leadership = await operations.leadership(resource);
  const print = (current: JwtKeyRotation, operator?: string) => {
    printResult(terminal, machineText(shown(current), options.output), statusText(current, terminal.now(), operator));
  };
  if (options.watch !== true) {
    print(resource, operatorText(leadership, resource, terminal.now()));
    return isReady(resource) && leadership.kind !== 'Nobody' ? EXIT.done : EXIT.notReady;
  }
  if (options.output !== undefined) {
    return showEach(operations, terminal, resource, (current) => {
      if (options.output === 'yaml') terminal.print('---\n');
      print(current);
    });
  }
  return followOne(operations, terminal, resource);
}

/** The whole of it at each change, for programs. */
async function showEach(
  operations: Operations,
  terminal: Terminal,
  resource: JwtKeyRotation,
  print: (resource: JwtKeyRotation) => void,
): Promise<Exit> {
  const leader = watchLeader(operations, terminal, resource, (text) => terminal.printErr(`${text}\n`));
  const look = (current: JwtKeyRotation) => {
    print(current);
    return terminal.closed() || undefined;
  };
  try {
    await operations.follow(resource.metadata.name, look, 0);
  } finally {
    leader();
  }
  return EXIT.done;
}

/** A view of it on a terminal; elsewhere the whole of it once, and then a line for what changes. */
async function followOne(operations: Operations, terminal: Terminal, resource: JwtKeyRotation): Promise<Exit> {
  const { name } = resource.metadata;
  const { openScreen: _, ...plain } = terminal;
  const write = (text: string) => terminal.print(text);
  // where the result goes into a file or a pipe, that is what is wanted
  const shown: Terminal = terminal.shown ? terminal : plain;
  const progress = await openProgress(operations, shown, { asked: { kind: 'Look' }, count: 1, write });
  if (shown.openScreen === undefined) terminal.print(statusText(resource, terminal.now()));
  const waiting = { name, what: `what ${name} does`, timeoutMs: 0, isGood: () => true, isIdle: true };
  await waitFor(operations, progress, waiting, () => terminal.closed() || undefined);
  return EXIT.done;
}

async function showAll(
  operations: Operations,
  terminal: Terminal,
  { output, allNamespaces }: ShowOptions,
): Promise<Exit> {
  const items = await operations.list(undefined, allNamespaces);
  const place = allNamespaces ? 'any namespace' : operations.namespace;
  if (items.length === 0) terminal.printErr(`no JwtKeyRotation found in ${place}\n`);
  const leaderless = await leaderlessOf(operations, items);
  for (const { leadership, example } of leaderless)
    terminal.printErr(`${nobodyText(leadership, example, terminal.now())}\n`);
  const text = items.length === 0 ? '' : listText(items, terminal.now(), output === 'wide');
  printResult(terminal, machineText({ apiVersion: 'v1', kind: 'List', items: items.map(shown) }, output), text);
  return items.every(isReady) && leaderless.length === 0 ? EXIT.done : EXIT.notReady;
}

/** Each Lease is read once, whoever is looked after by it. */
async function leaderlessOf(operations: Operations, items: readonly JwtKeyRotation[]) {
  const elected = items.filter(({ status }) => status?.operator === undefined || status.operator.lease !== undefined);
  const examples = new Map(elected.map((item) => [leaseName(item), item]));
  const looks = [...examples.values()].map(async (example) => ({
    ...{ example, leadership: await operations.leadership(example) },
  }));
  return (await Promise.all(looks)).flatMap(({ example, leadership }) => {
    return leadership.kind === 'Nobody' ? [{ example, leadership }] : [];
  });
}

/** As kubectl shows it: who wrote which field is left out. */
function shown({ metadata: { managedFields: _, ...metadata }, ...resource }: JwtKeyRotation): object {
  const { apiVersion, kind, ...rest } = resource;
  return { apiVersion, kind, metadata, ...rest };
}
