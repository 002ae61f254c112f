/** Decodes a record of an audit log that somebody has kept. Every field is checked. */
import { defined, ifDefined } from '../../base/objects.ts';
import { redactText } from '../../runtime/redact.ts';
import { fields, integer, type Json, list as listIn, text, time } from '../keyset/json.ts';
import { iso } from '../schedule/duration.ts';
import type { AuditKey, AuditStep, Chained } from './audit-log.ts';

/** More than rekey writes. What is larger is not shown: the work of a report has a bound. */
const MAX_TEXT = 20_000;
const MAX_ENTRIES = 256;
const MAX_PODS = 1_000;

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
    ...{ rotationId: read('rotationId', said), resource: read('resource', said) },
    ...{ environment: read('environment', said), trigger: read('trigger', said), actor: read('actor', said) },
    ...{ reason: read('reason', said), from: read('from', keyIn), to: read('to', keyIn) },
    ...{
      keysetVersion: read('keysetVersion', integer),
      targets: read('targets', (value) => list(value).map(targetIn)),
    },
    ...{ startedAt: read('startedAt', timeText), finishedAt: read('finishedAt', timeText) },
    outcome: read('outcome', said),
    ...maybe('cutOverAt', timeText),
    ...maybe('failure', said),
    ...maybe('inferred', said),
    ...maybe('emergency', emergencyIn),
    ...maybe('steps', stepsIn),
  };
}

function within<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`field ${name}: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

/** Redacts: a person who may write the log may have written a key into it. */
function said(value: Json | undefined): string {
  return redactText(short(value));
}

/** Reads an id or a fingerprint. */
function short(value: Json | undefined): string {
  const found = text(value);
  if (found.length > MAX_TEXT) throw new Error(`is longer than ${MAX_TEXT} characters`);
  return found;
}

function list(value: Json | undefined): readonly Json[] {
  const found = listIn(value);
  if (found.length > MAX_ENTRIES) throw new Error(`has more than ${MAX_ENTRIES} entries`);
  return found;
}

/** The time in one form, however it was written. */
function timeText(value: Json | undefined): string {
  return iso(time(value));
}

function keyIn(value: Json | undefined): AuditKey {
  const { kid, fp, createdAt } = fields(value);
  return {
    kid: short(kid),
    ...defined({ fp: ifDefined(fp, short), createdAt: ifDefined(createdAt, timeText) }),
  };
}

function targetIn(value: Json): Chained['targets'][number] {
  const { kind, name, level, pods, bumpedAt, ackedAt } = fields(value);
  return {
    ...{ kind: said(kind), name: said(name), level: said(level), pods: integer(pods) },
    ...defined({ bumpedAt: ifDefined(bumpedAt, timeText), ackedAt: ifDefined(ackedAt, timeText) }),
  };
}

function emergencyIn(value: Json | undefined): NonNullable<Chained['emergency']> {
  const { nonce, seconds, burnt } = fields(value);
  return { nonce: said(nonce), seconds: integer(seconds), burnt: list(burnt).map(keyIn) };
}

function stepsIn(value: Json | undefined): readonly AuditStep[] {
  const steps = list(value).map(stepIn);
  const pods = steps.flatMap(({ targets }) => targets).map(podsOf);
  if (pods.reduce((sum, count) => sum + count, 0) > MAX_PODS) throw new Error(`names more than ${MAX_PODS} pods`);
  return steps;
}

function podsOf({ proved = {}, inferred = [] }: AuditStep['targets'][number]): number {
  return Object.keys(proved).length + inferred.length;
}

function stepIn(value: Json): AuditStep {
  const { phase, keysetVersion, at, back, targets } = fields(value);
  return {
    ...{ phase: said(phase), keysetVersion: integer(keysetVersion), at: timeText(at) },
    ...(back === true && { back }),
    targets: list(targets).map((target) => {
      const { name, bumpedAt, proved, inferred, more } = fields(target);
      return {
        name: said(name),
        ...defined({
          bumpedAt: ifDefined(bumpedAt, timeText),
          proved: ifDefined(proved, provedIn),
          inferred: ifDefined(inferred, (inferred) => list(inferred).map(said)),
          more: ifDefined(more, integer),
        }),
      };
    }),
  };
}

function provedIn(value: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields(value)).map(([pod, at]) => [said(pod), timeText(at)]));
}
