/** What the last answer to validate-app is still worth: it was true of the keys and the pods of its time. */
import type { JwtKeyRotationStatus } from '../../rotation/api/types.ts';
import type { TargetFacts } from '../../rotation/facts.ts';
import { label } from '../../rotation/plan/policies/targets.ts';
import { when } from '../output.ts';
import type { DoctorFacts } from './check.ts';

export type AppCheck = NonNullable<JwtKeyRotationStatus['appCheck']>;

/** @returns when the newest pod of each target started, milliseconds since the epoch; 0 for one without pods */
export function podStartsOf(targets: readonly TargetFacts[]): ReadonlyMap<string, number> {
  return new Map(
    targets.map((target) => {
      const starts = target.pods.map(({ createdAt, startedAt = 0 }) => Math.max(createdAt, startedAt));
      return [label(target), Math.max(0, ...starts)];
    }),
  );
}

/** @returns when services were asked, with the age of the answers */
export function askedText(check: AppCheck, now: number): string {
  return `validate-app at ${when(check.checkedAt, now)}`;
}

/** @returns why the answers may be true no more; undefined if nothing has changed since */
export function outdated(check: AppCheck, { resource, podStarts }: DoctorFacts): string | undefined {
  const { keysetVersion } = resource.status ?? {};
  if (check.keysetVersion === undefined) return 'it is not known for which keys';
  if (check.keysetVersion !== keysetVersion) return 'rekey has written other keys since';
  if (podStarts === undefined) return 'you may not look whether pods have started since';
  const at = Date.parse(check.checkedAt);
  const restarted = check.pods.flatMap(({ target }) => ((podStarts.get(target) ?? 0) < at ? [] : [target]));
  return restarted.length === 0 ? undefined : `pods of ${[...new Set(restarted)].join(', ')} have started since`;
}

/** @returns the verdicts on fallbacks, by target; none for a target that was not asked, or of which none was kept */
export function fallbackVerdicts(check: AppCheck | undefined): ReadonlyMap<string, readonly string[]> {
  const pods = check?.pods ?? [];
  return new Map(
    pods.map(({ target, passed = [], answers }) => {
      const others = answers.filter((row) => row.case === 'fallback').map(({ verdict }) => verdict);
      return [target, passed.includes('fallback') ? ['Pass', ...others] : others];
    }),
  );
}
