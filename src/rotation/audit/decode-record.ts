/** Decodes a record of an audit log that somebody has kept. Every field is checked. */
import { defined, ifDefined } from '../../base/objects.ts';
import { fields, integer, type Json, list, text, time } from '../keyset/json.ts';
import { iso } from '../schedule/duration.ts';
import type { AuditKey, AuditStep, Chained } from './audit-log.ts';

/**
 * @param record with the fields of the chain; its other fields are unchecked
 * @throws Error that names the field, and what is wrong with it
 */
export function decodeRecord(record: Chained): Chained {
  const raw = record as unknown as Readonly<Record<string, Json>>;
  const read = <T>(name: string, parse: (value: Json | undefined) => T): T => within(name, () => parse(raw[name]));
  const maybe = <T>(name: string, parse: (value: Json | undefined) => T) =>
    raw[name] === undefined ? {} : { [name]: read(name, parse) };
  return {
    ...{ seq: read('seq', integer), prev: read('prev', text), hash: read('hash', text) },
    ...{ rotationId: read('rotationId', text), resource: read('resource', text) },
    ...{ environment: read('environment', text), trigger: read('trigger', text), actor: read('actor', text) },
    ...{ reason: read('reason', text), from: read('from', keyIn), to: read('to', keyIn) },
    ...{
      keysetVersion: read('keysetVersion', integer),
      targets: read('targets', (value) => list(value).map(targetIn)),
    },
    ...{ startedAt: read('startedAt', timeText), finishedAt: read('finishedAt', timeText) },
    outcome: read('outcome', text),
    ...maybe('cutOverAt', timeText),
    ...maybe('failure', text),
    ...maybe('inferred', text),
    ...maybe('emergency', emergencyIn),
    ...maybe('steps', (value) => list(value).map(stepIn)),
  };
}

function within<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`field ${name}: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

/** The time in one form, however it was written. */
function timeText(value: Json | undefined): string {
  return iso(time(value));
}

function keyIn(value: Json | undefined): AuditKey {
  const { kid, fp, createdAt } = fields(value);
  return {
    kid: text(kid),
    ...defined({ fp: ifDefined(fp, text), createdAt: ifDefined(createdAt, timeText) }),
  };
}

function targetIn(value: Json): Chained['targets'][number] {
  const { kind, name, level, pods, bumpedAt, ackedAt } = fields(value);
  return {
    ...{ kind: text(kind), name: text(name), level: text(level), pods: integer(pods) },
    ...defined({ bumpedAt: ifDefined(bumpedAt, timeText), ackedAt: ifDefined(ackedAt, timeText) }),
  };
}

function emergencyIn(value: Json | undefined): NonNullable<Chained['emergency']> {
  const { nonce, seconds, burnt } = fields(value);
  return { nonce: text(nonce), seconds: integer(seconds), burnt: list(burnt).map(keyIn) };
}

function stepIn(value: Json): AuditStep {
  const { phase, keysetVersion, at, back, targets } = fields(value);
  return {
    ...{ phase: text(phase), keysetVersion: integer(keysetVersion), at: timeText(at) },
    ...(back === true && { back }),
    targets: list(targets).map((target) => {
      const { name, bumpedAt, proved, inferred, more } = fields(target);
      return {
        name: text(name),
        ...defined({
          bumpedAt: ifDefined(bumpedAt, timeText),
          proved: ifDefined(proved, provedIn),
          inferred: ifDefined(inferred, (inferred) => list(inferred).map(text)),
          more: ifDefined(more, integer),
        }),
      };
    }),
  };
}

function provedIn(value: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields(value)).map(([pod, at]) => [pod, timeText(at)]));
}
