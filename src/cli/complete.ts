/**
 * What may stand next on a command line: read from the commands as commander has them, so that nothing is listed twice. Answers as
 * Cobra does, which is what kubectl asks of its plugins: a value, a tab and a description on each line, and at the end a directive.
 *
 * @see https://github.com/kubernetes/kubernetes/pull/105867
 */
import type { Argument, Command, Option } from 'commander';
import { oneLine } from '../rotation/people/text.ts';
import type { ConnectOptions } from './connection.ts';
import { isFormatOf } from './formats.ts';

/** The first argument of whoever asks; the words follow, the last of which is to be completed. */
export const COMPLETE = '__complete';

/** Whether the shell offers files where nothing is listed (ShellCompDirectiveDefault), or nothing (ShellCompDirectiveNoFileComp). */
const DIRECTIVE = { files: ':0', nothing: ':4' } as const;

/** What a shell waits for at most, milliseconds. */
const PATIENCE_MS = 2_000;

/** Names that only the surroundings know. Each may fail: then nothing is offered. */
export interface Names {
  /** Of JwtKeyRotations in the namespace. */
  readonly resources?: (options: ConnectOptions) => Promise<readonly string[]>;
  readonly namespaces?: (options: ConnectOptions) => Promise<readonly string[]>;
  readonly contexts?: (options: ConnectOptions) => Promise<readonly string[]>;
  /** Of services with .env files. */
  readonly environments?: () => Promise<readonly string[]>;
}

interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What was typed before the word in question. */
interface Typed {
  readonly command: Command;
  readonly positionals: readonly string[];
  /** Values of options, by attribute name. */
  readonly values: Readonly<Record<string, string>>;
  /** The option whose value the word is. */
  readonly open?: Option;
}

/** @param words what stands behind the name of the program; the last is to be completed, and may be empty */
export async function completions(program: Command, words: readonly string[], names: Names): Promise<string> {
  const typed = typedBefore(program, words.slice(0, -1));
  // bash makes a word of its own of the equals sign
  const word = (words.at(-1) ?? '').replace(/^=$/, '');
  const { found, files } = await offers(typed, word, names);
  const lines = found
    .filter(({ value }) => value.startsWith(word))
    .map(({ value, description }) => `${oneLine(value)}\t${oneLine(description)}\n`);
  return `${lines.join('')}${files && lines.length === 0 ? DIRECTIVE.files : DIRECTIVE.nothing}\n`;
}

interface Offer {
  readonly found: readonly Candidate[];
  /** A file may stand there. */
  readonly files?: boolean;
}

async function offers(typed: Typed, word: string, names: Names): Promise<Offer> {
  const { command, open } = typed;
  if (open !== undefined) return valuesOf(open, typed, names);
  const assigned = /^(--[\w-]+)=/.exec(word);
  if (assigned !== null) {
    const option = optionsOf(command).find(({ long }) => long === assigned[1]);
    const { found, files } = option === undefined ? { found: [] } : await valuesOf(option, typed, names);
    const whole = found.map(({ value, description }) => ({ value: `${assigned[0]}${value}`, description }));
    return { found: whole, ...(files === true && { files }) };
  }
  if (word.startsWith('-')) return { found: flagsOf(command) };
  const below = typed.positionals.length === 0 ? subcommands(command) : [];
  if (below.length > 0) return { found: below };
  const argument = argumentAt(command, typed.positionals.length);
  if (argument === undefined) return { found: [] };
  const taken = ({ value }: Candidate) => typed.positionals.includes(value);
  const { found, files } = await valuesOf(argument, typed, names);
  return { found: found.filter((each) => !taken(each)), ...(files === true && { files }) };
}

/** Follows the words into subcommands, and sees which of them are values of options. */
function typedBefore(program: Command, words: readonly string[]): Typed {
  let command = program;
  let open: Option | undefined;
  const positionals: string[] = [];
  const values: Record<string, string> = {};
  for (const word of words) {
    if (word === '=') continue;
    const sub = positionals.length === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    if (open !== undefined) {
      values[open.attributeName()] = word;
      open = undefined;
    } else if (word.startsWith('-')) {
      const [flag, value] = word.split(/=(.*)/s);
      const option = optionsOf(command).find(({ long, short }) => long === flag || short === flag);
      if (option?.required && value === undefined) open = option;
      else if (option !== undefined && value !== undefined) values[option.attributeName()] = value;
    } else if (sub !== undefined) command = sub;
    else positionals.push(word);
  }
  return { command, positionals, values, ...(open && { open }) };
}

/** Its own, and those of all commands. */
function optionsOf(command: Command): readonly Option[] {
  const above = command.parent === null ? [] : optionsOf(command.parent);
  return [...command.options, ...above].filter(({ hidden }) => !hidden);
}

function flagsOf(command: Command): readonly Candidate[] {
  const flags = optionsOf(command).flatMap(({ long, description }) => (long ? [{ value: long, description }] : []));
  return [...flags, { value: '--help', description: 'display help for command' }];
}

function subcommands(command: Command): readonly Candidate[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.map((each) => ({ value: each.name(), description: each.description() }));
}

function argumentAt(command: Command, position: number): Argument | undefined {
  const last = command.registeredArguments.at(-1);
  return command.registeredArguments[position] ?? (last?.variadic ? last : undefined);
}

/** By the word that help shows for the value, such as `<file>`. */
async function valuesOf(of: Option | Argument, { command, values }: Typed, names: Names): Promise<Offer> {
  if (of.argChoices !== undefined) {
    const isOutput = 'flags' in of && of.long === '--output';
    const fitting = of.argChoices.filter((value) => !isOutput || isFormatOf(command.name(), value));
    return { found: fitting.map((value) => ({ value, description: '' })) };
  }
  const kind = 'flags' in of ? (/[<[](.*?)(?:\.\.\.)?[>\]]/.exec(of.flags)?.[1] ?? '') : of.name();
  const isNamespace = 'flags' in of && of.long === '--namespace';
  switch (kind) {
    case 'file':
      return { found: [], files: true };
    case 'environment':
      return listed(names.environments?.());
    case 'name':
      if ('flags' in of && of.long === '--context') return listed(names.contexts?.(values));
      if (isNamespace) return listed(names.namespaces?.(values));
      return 'flags' in of ? { found: [] } : listed(names.resources?.(values));
    default:
      return { found: [] };
  }
}

/** Nobody who types wants to read why there is nothing, or to wait for it. */
async function listed(names: Promise<readonly string[]> | undefined): Promise<Offer> {
  if (names === undefined) return { found: [] };
  const late = Promise.withResolvers<readonly string[]>();
  const timer = setTimeout(() => late.resolve([]), PATIENCE_MS);
  const found = await Promise.race([names, late.promise]).catch(() => []);
  clearTimeout(timer);
  return { found: found.map((value) => ({ value, description: '' })) };
}
