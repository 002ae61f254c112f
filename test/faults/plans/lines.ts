/**
 * Faults of watches: every event of the reference rotation is lost, late, doubled, out of order, or the last one of its
 * stream.
 */
import type { LineFault } from '../../support/faultproxy/fault.ts';
import { type LineTrigger, PLAIN, type Plan } from '../plan.ts';
import type { Count, Rotation } from '../reference.ts';

/** The status of pods changes often; its first changes in a phase stand for the rest. */
const MOST_OF_A_KIND = 10;

const FAULTS: readonly (readonly [string, LineFault])[] = [
  ['the stream is cut before it', { kind: 'cut', where: 'before' }],
  ['the stream is cut within it', { kind: 'cut', where: 'within' }],
  ['the stream is cut after it', { kind: 'cut', where: 'after' }],
  ['it comes 3 s late', { kind: 'hold', ms: 3_000 }],
  ['it is lost until 410 after 4 s', { kind: 'lose', ms: 4_000 }],
  ['it comes twice', { kind: 'repeat' }],
  ['it comes after the next', { kind: 'swap' }],
  ['410 Gone in its place', { kind: 'gone' }],
  ['the stream is silent for 6 s from it on', { kind: 'silence', ms: 6_000 }],
];

/** The connection stays and nothing ever comes again: it must be noticed by the client itself, within a minute or two. */
const DEAD: LineFault = { kind: 'silence', ms: 120_000 };

export function linePlans({ lines }: Rotation): readonly Plan[] {
  const plan = (at: LineTrigger, text: string, line: LineFault): Plan => {
    const name = `${at.what} @${at.phase} #${at.nth}: ${text}`;
    return { ...PLAIN, class: 'events', name, strikes: [{ at, line }] };
  };
  const triggers = lines.flatMap(triggersOf);
  return [
    ...triggers.flatMap((at) => FAULTS.map(([text, line]) => plan(at, text, line))),
    ...triggers.filter(({ nth }) => nth === 1).map((at) => plan(at, 'the stream is dead from it on', DEAD)),
  ];
}

function triggersOf({ what, phase, count }: Count): readonly LineTrigger[] {
  return Array.from({ length: Math.min(count, MOST_OF_A_KIND) }, (_, i) => ({ on: 'line', what, phase, nth: i + 1 }));
}
