/**
 * `env abort`: goes back, as long as that is possible.
 */
import { isGoingBack, wayBack } from '../../env/step.ts';
import { keptReason } from '../../rotation/api/said.ts';
import { CommandError, EXIT, type Exit } from '../terminal.ts';
import { type Context, reasonOf } from './context.ts';
import { Follower } from './follow.ts';
import { make } from './make.ts';

/** @returns the exit status */
export async function abort(
  { session, terminal, program, environment }: Context,
  options: { readonly reason?: string },
): Promise<Exit> {
  const reason = keptReason(reasonOf(options.reason));
  const wrote = await session.decide(async (view) => {
    const { phase } = view.facts.keyset;
    if (phase === 'Steady') throw new CommandError(`no rotation of ${environment} is under way`, EXIT.failed);
    // before it has signed, the new key leaves anyway: files that were put back may lack it
    const isNeeded = phase !== 'Staging' || view.differences.some(({ foreign, burnt }) => burnt || foreign.length > 0);
    if (isNeeded && view.differences.length > 0) {
      const what = view.differences.map(({ message }) => message).join('; ');
      throw new CommandError(`${what}. First run: ${program} env sync ${environment}`, EXIT.failed);
    }
    const step = view.forgotten.length > 0 ? view.step : wayBack(view.facts, reason);
    if (step === undefined) {
      const why = isGoingBack(view.facts.keyset) ? 'it is going back already' : 'it is too late to go back';
      const message = `${environment}: ${why} (${phase}); go on: ${program} env continue ${environment}`;
      throw new CommandError(message, EXIT.failed);
    }
    if (step.kind !== 'Write') throw new CommandError('why' in step ? step.why : 'it cannot go back now', EXIT.failed);
    await make(session, terminal, view, step.write);
    return step.write.transition;
  });
  return new Follower({ session, terminal, program, watch: false, wrote: [wrote] }).run();
}
