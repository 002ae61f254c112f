/** The health check for Argo CD, run by the interpreter of Argo CD on each status that rekey writes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type Health, healthScript, judgeByLua } from '../../support/gitops/argocd.ts';
import { BEFORE, STATES } from './statuses.ts';

const resources = STATES.map(([, resource]) => resource);

describe('Argo CD', () => {
  let judged: readonly Health[] = [];
  beforeAll(async () => {
    judged = await judgeByLua(resources);
  }, 300_000);

  it.each(STATES.map(([name, , { argo }], index) => ({ name, argo, index })))(
    'finds a resource $name $argo',
    ({ argo, index }) => {
      expect(judged[index]).toEqual({ status: argo, message: expect.stringMatching(/\S/) });
    },
  );

  it('sees why', () => {
    const [, ...messages] = judged.flatMap(({ status, message }) => (status === 'Degraded' ? [message] : []));
    expect(messages).toContain('ForeignWriter: why it is ForeignWriter');
  });

  it('waits for a resource that nobody has seen, in a cluster with the CRD of before as well', async () => {
    const known = [BEFORE, { ...BEFORE, status: {} }, { ...BEFORE, status: { observedGeneration: 2, conditions: [] } }];
    const found = await judgeByLua(known);
    expect(found.map(({ status }) => status)).toEqual(['Progressing', 'Progressing', 'Progressing']);
  });

  it('has no library that the script could need: one more would fail here and there', async () => {
    const [found] = await judgeByLua([BEFORE], `return { status = string.upper('healthy') }`);
    expect(found?.error).toContain('attempt to index a non-table object(nil)');
  });

  it('would notice a check that calls everything healthy', async () => {
    const found = await judgeByLua(resources, healthScript().replaceAll('"Degraded", message', '"Healthy", message'));
    expect(found.map(({ status }) => status)).not.toContain('Degraded');
  });
});
