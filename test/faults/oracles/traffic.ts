/**
 * Tokens that were refused and should not have been.
 */
import type { Rejection } from '../../support/traffic/ledger.ts';
import type { Evidence, Oracle } from '../evidence.ts';

/** No valid token was refused, and enough were asked about. */
export const traffic: Oracle = (evidence) => {
  const { issued, checks } = evidence.traffic;
  if (issued < 20 || checks < issued) return [`too little traffic to tell: ${issued} tokens, ${checks} checks`];
  const wrong = wronglyRejected(evidence);
  if (wrong[0] === undefined) return [];
  const { service, ageMs, verifierPod, issuerPod, error, at } = wrong[0];
  const first = `${service} ${verifierPod}: a token of ${issuerPod}, ${ageMs} ms old, at ${at.toISOString()} (${error})`;
  return [`${wrong.length} of ${checks} checks were rejected, first by ${first}`];
};

/** An emergency refuses tokens for a purpose; a cutover refuses some, see {@link isOwedInCutover}. */
export function wronglyRejected(evidence: Evidence): readonly Rejection[] {
  const { plan, traffic: report } = evidence;
  if (plan.workload === 'emergency' || plan.workload === 'leak') return [];
  if (plan.workload !== 'cutover') return report.rejections;
  return report.rejections.filter((rejection) => isOwedInCutover(rejection, evidence));
}

/**
 * What a cutover owes: until its write every token is accepted. After it tokens of the new key are accepted by each container
 * that has loaded it, and from the end of the cutover on by all.
 */
function isOwedInCutover({ kid, at, verifierPod }: Rejection, { records, lives }: Evidence): boolean {
  const i = records.findIndex(({ phase, foreign }) => phase === 'Switching' && !foreign);
  const cut = records[i];
  if (cut === undefined || at.getTime() < cut.at) return true;
  if (kid !== cut.kid) return false;
  const end = records.slice(i).find(({ phase }) => phase === 'Steady');
  if (end !== undefined && at.getTime() > end.at) return true;
  const asked = lives.find(
    ({ pod, endedAt }) => pod === verifierPod && (endedAt === undefined || endedAt >= at.getTime()),
  );
  return asked?.accepts.has(cut.sign) ?? false;
}
