/** What Flux makes of each status that rekey writes. It takes minutes to build: `make gitops` runs this. */
import { beforeAll, describe, expect, it } from 'vitest';
import { findFlux, type Judgement, judgeByFlux } from '../../support/gitops/flux.ts';
import { BEFORE, STATES } from './statuses.ts';

describe.runIf(process.env.REKEY_GITOPS !== undefined)('Flux', () => {
  let program = '';
  let judged: readonly Judgement[] = [];
  beforeAll(async () => {
    program = await findFlux((line) => process.stderr.write(`${line}\n`));
    judged = await judgeByFlux(
      program,
      STATES.map(([, resource]) => resource),
    );
  }, 1_800_000);

  it.each(STATES.map(([name, , { kstatus, flux }], index) => ({ name, kstatus, flux, index })))(
    'finds a resource $name $kstatus, and with the expressions of the page $flux',
    ({ kstatus, flux, index }) => {
      expect(judged[index]).toEqual({ kstatus, byExpressions: flux });
    },
  );

  it('takes a resource without a status for well: so the CRD gives it one', async () => {
    const [found] = await judgeByFlux(program, [BEFORE]);
    expect(found?.kstatus).toBe('Current');
  });
});
