/**
 * What the status keeps of the answers of services. An object of the API has to stay small, whatever services say and
 * however many there are: what passed is kept by name, and of the rest the worst comes first.
 */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { CASES, type CaseName } from './cases.ts';
import type { Answered, Judged } from './judge.ts';

type Kept = NonNullable<JwtKeyRotationStatus['appCheck']>['pods'][number];
type KeptAnswer = Kept['answers'][number];

/** A pod and all of its answers, before anything is left out. */
export type Checked = Pick<Kept, 'target' | 'pod' | 'request' | 'result' | 'message'> & {
  readonly rows: readonly Judged[];
};

/** Bytes of JSON of all pods together. */
const ALL_BYTES = 14_336;
/** The worst answer stays, whatever its length. */
const LEAST = 1;
/** Characters. */
const MAX_SAID = 160;
const MAX_MESSAGE = 300;
const WORST = ['Fail', 'Unknown', 'Advice', 'Pass'] as const;

/** @returns the pods in their order, in at most {@link ALL_BYTES} together; no verdict on a pod changes by it */
export function keptPods(pods: readonly Checked[]): readonly Kept[] {
  let left = ALL_BYTES;
  return pods.map((pod, i) => {
    const kept = keptPod(pod, left / (pods.length - i));
    left -= bytesOf(kept);
    return kept;
  });
}

/** The worst answer is kept before anything else, then what passed, what was sent, and the other answers. */
function keptPod({ target, pod, request, result, message, rows }: Checked, share: number): Kept {
  const names = passedIn(rows);
  const others = rows.filter(({ name }) => !names.includes(name));
  const worst = WORST.flatMap((verdict) => others.filter((row) => row.verdict === verdict)).map(keptAnswer);
  const made = (passed: number, text: string | undefined, answers: number): Kept => ({
    ...{ target, pod, ...defined({ request: text, message: message?.slice(0, MAX_MESSAGE) }), result },
    ...(passed > 0 && { passed: names.slice(0, passed) }),
    answers: worst.slice(0, answers),
    ...(passed + answers < names.length + worst.length && {
      omitted: names.length + worst.length - passed - answers,
    }),
  });
  const most = (upTo: number, from: number, of: (count: number) => Kept) => {
    let count = upTo;
    while (count > from && bytesOf(of(count)) > share) count -= 1;
    return count;
  };
  const passed = most(names.length, 0, (count) => made(count, undefined, LEAST));
  const room = share - bytesOf(made(passed, '', LEAST));
  const text = request === undefined || room < request.length / 2 ? undefined : shortened(request, room / 2);
  return made(
    passed,
    text,
    most(worst.length, LEAST, (count) => made(passed, text, count)),
  );
}

/** @returns the cases of which every answer passed */
function passedIn(rows: readonly Judged[]): readonly CaseName[] {
  const names = [...new Set(rows.map(({ name }) => name))];
  return names.filter((name) => rows.every((row) => row.name !== name || row.verdict === 'Pass'));
}

function keptAnswer({ name, which, answer, said, verdict }: Judged): KeptAnswer {
  return { case: name, ...defined({ which }), answer, said: shortened(said, MAX_SAID), verdict };
}

/** JSON writes some characters as six. */
function shortened(text: string, bytes: number): string {
  if (bytesOf(text) <= bytes + 2) return text;
  const characters = [...text];
  let kept = characters.slice(0, Math.max(0, Math.floor(bytes)));
  while (kept.length > 0 && bytesOf(`${kept.join('')}…`) > bytes + 2) {
    kept = kept.slice(0, Math.floor(kept.length * 0.9));
  }
  return `${kept.join('')}…`;
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** In the place of an answer that was left out. */
const LEFT_OUT = 'the status has no room for this answer: ask this target alone, with --target';

/**
 * @returns the answers as they were given, in the order of the questions. Of what passed, only that is known; an answer
 *   that was left out is unknown
 */
export function answersIn({ passed = [], answers, omitted = 0 }: Kept): readonly Answered[] {
  // an operator of another version may know others
  const given = answers.flatMap(({ case: name, which, answer, said }) => {
    return isCase(name) ? [{ name, answer, said, ...defined({ which }) }] : [];
  });
  const good = passed.filter(isCase).map((name): Answered => {
    return { name, answer: CASES[name].expects, said: 'as expected' };
  });
  const known = [...good, ...given];
  const lost = omitted === 0 ? [] : NAMES.filter((name) => !known.some((answered) => answered.name === name));
  const all = [...known, ...lost.map((name): Answered => ({ name, answer: 'unknown', said: LEFT_OUT }))];
  return all.sort((a, b) => NAMES.indexOf(a.name) - NAMES.indexOf(b.name));
}

const NAMES = Object.keys(CASES) as readonly CaseName[];

function isCase(name: string): name is CaseName {
  return Object.hasOwn(CASES, name);
}
