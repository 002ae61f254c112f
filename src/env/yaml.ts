/** Reads YAML and keeps the line of each field, so that an error can name it. */
import type { Event, ScalarEvent } from 'js-yaml';
import { lineFinder } from './lines.ts';

export type Path = readonly (string | number)[];

export interface Located {
  readonly value: unknown;
  /** From 1; if the field is absent, the line of the nearest field around it. */
  readonly lineOf: (path: Path) => number;
}

/** The text is not YAML. */
export class YamlError extends Error {
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** @throws YamlError if it is not YAML, or not one document */
export async function readYaml(text: string): Promise<Located> {
  const { constructFromEvents, EVENT_ID, parseEvents, YAMLException } = await import('js-yaml');
  try {
    const events = parseEvents(text, {});
    const documents = constructFromEvents(events, { source: text });
    if (documents.length > 1) throw new YamlError('there is a second document (---); write one', 1);
    const lines = linesOf(events, text, EVENT_ID);
    return { value: documents[0], lineOf: (path) => nearest(lines, path) };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // the original message quotes the surrounding lines
    throw new YamlError(`this is not YAML: ${error.reason}`, (error.mark?.line ?? 0) + 1);
  }
}

const keyOf = (path: Path) => JSON.stringify(path);

function nearest(lines: ReadonlyMap<string, number>, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const line = lines.get(keyOf(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return 1;
}

type Ids = typeof import('js-yaml')['EVENT_ID'];

/** Walks the events once, with the path of each. */
function linesOf(events: readonly Event[], text: string, ids: Ids): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const lineAt = lineFinder(text);
  let at = 0;
  const note = (path: Path, { valueStart }: ScalarEvent) => {
    if (valueStart >= 0 && !lines.has(keyOf(path))) lines.set(keyOf(path), lineAt(valueStart));
  };
  const visit = (path: Path): void => {
    const event = events[at];
    at += 1;
    if (event?.type === ids.SCALAR) note(path, event);
    if (event?.type !== ids.MAPPING && event?.type !== ids.SEQUENCE) return;
    for (let i = 0; at < events.length && events[at]?.type !== ids.POP; i += 1) {
      const key = events[at];
      const isField = event.type === ids.MAPPING;
      const inner = [...path, isField && key?.type === ids.SCALAR ? text.slice(key.valueStart, key.valueEnd) : i];
      if (isField) {
        if (key?.type === ids.SCALAR) note(inner, key);
        visit([...inner, 'key']);
      }
      visit(inner);
    }
    at += 1;
  };
  // the first event is that of the document
  at = 1;
  visit([]);
  return lines;
}
