/**
 * The view of a rotation of .env files while somebody watches: pure.
 */
import type { View } from '../../env/session.ts';
import { isGoingBack, type ServiceFacts, type Step } from '../../env/step.ts';
import type { Keyset } from '../../rotation/keyset/keyset.ts';
import { oneLine } from '../../rotation/people/text.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { hintLines, type Row, rowLines, type Stages, stageLine } from '../live/layout.ts';
import { type Line, type Piece, painted } from '../live/paint.ts';
import { leftText } from '../live/times.ts';
import type { Size } from '../live/view.ts';
import { leavingText, loadedText, meaningOf } from './text.ts';

export interface Watched {
  readonly view: View;
  /** The command that goes on after Ctrl-C. */
  readonly goesOn: string;
}

const FORWARD = ['staging', 'promoting', 'draining', 'retiring', 'done'];
const BACK = ['promoting', 'draining', 'retiring', 'done'];

/**
 * @param now milliseconds since the epoch
 * @returns lines of at most `columns`, and fewer than `rows`
 */
export function watchedView({ view, goesOn }: Watched, now: number, size: Size): readonly string[] {
  const { columns, rows, colour } = size;
  const { environment, facts, step } = view;
  const { keyset, services } = facts;
  const { from, to, startedAt } = keyset.rotation ?? {};
  const head: Line = [
    { text: oneLine(environment.name), style: 'strong' },
    ...(keyset.phase === 'Burning' ? [{ text: '  EMERGENCY', style: 'bad' as const }] : []),
    { text: from === undefined ? '' : `  key ${from} → ${to}`, style: 'faint' },
  ];
  const told: readonly Row[] = [
    ['now', meaningOf(keyset)],
    ['next', nextText(keyset, step, now)],
    ...(startedAt === undefined ? [] : [['elapsed', formatDuration(Math.max(0, now - startedAt))] as const]),
  ];
  const hint = { text: 'Ctrl-C leaves the rotation where it is. To go on', command: goesOn };
  const essential = [head, stageLine(stagesOf(keyset), columns), ...rowLines(told, columns, 4)];
  const whole = [
    ...essential.slice(0, 2),
    [],
    ...services.map(serviceLine),
    ...(services.length > 0 ? [[]] : []),
    ...essential.slice(2),
    [],
    ...hintLines(hint, columns),
  ];
  const most = Math.max(1, rows - 1);
  const lines = whole.length <= most ? whole : essential.slice(0, most);
  return lines.map((line) => painted(line, columns, colour));
}

function stagesOf(keyset: Keyset): Stages {
  const { phase } = keyset;
  const isBack = isGoingBack(keyset);
  const stage = phase === 'Steady' ? 'done' : phase.toLowerCase();
  const short = ['Switching', 'Burning', 'Aborting'].includes(phase);
  return { stages: short ? [stage, 'done'] : isBack ? BACK : FORWARD, stage, isBack, isCutOff: false };
}

function serviceLine(service: ServiceFacts): Line {
  const isLoaded = service.loaded.kind === 'Loaded';
  const sign: Piece = isLoaded ? { text: '  ✓ ', style: 'good' } : { text: '  ○ ', style: 'now' };
  return [sign, { text: oneLine(service.name) }, { text: `  ${oneLine(loadedText(service))}`, style: 'faint' }];
}

function nextText(keyset: Keyset, step: Step, now: number): string {
  switch (step.kind) {
    case 'Wait':
      return `${leavingText(isGoingBack(keyset))} leaves ${leftText(step.until, now)}`;
    case 'Reload':
      return `restart ${oneLine(step.services.map(({ name }) => name).join(', '))}`;
    case 'Ask':
      return `${oneLine(step.services.map(({ name }) => name).join(', '))} must answer`;
    case 'Rest':
      return oneLine(step.why);
    case 'Write':
      return step.write.transition;
    case 'Done':
      return 'nothing: it is over';
  }
}
