/** The checks of targets before a write: where they stop a rotation, and where they do not. */
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { PodDisruptionBudget } from '../../../../src/kube/types.ts';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { everyFinding } from '../../../../src/rotation/plan/policies/preflight.ts';
import { budgetOf, strictBudgets } from '../../../../src/rotation/workloads/budgets.ts';
import type { Shadow } from '../../../../src/rotation/workloads/consumption.ts';
import type { PodView } from '../../../../src/rotation/workloads/views.ts';
import { facts, pod, probeOf, SETTINGS, STAGING, STEADY, services, T0, target, WORKLOAD } from '../builders.ts';
import { asked, decide, edited } from '../deeds.ts';

const OVERLAP = { ...SETTINGS, strategy: 'Overlap' } as const;
const CUTOVER = { ...SETTINGS, strategy: 'Cutover', allowCutover: true } as const;
const EITHER = { ...SETTINGS, strategy: 'Auto', allowCutover: true } as const;
const KEY = 'JWT_SECRET_KEY';
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';

/** A healthy world in which somebody asks for a rotation, and one target is different. */
function world(edit: (target: TargetFacts) => TargetFacts, more: Partial<Facts> = {}, name = 'admin'): Facts {
  return facts(STEADY, {
    requests: asked,
    targets: edited(services(STEADY, { main: 1, admin: 1 }), name, edit),
    ...more,
  });
}

const workload = (edit: Partial<typeof WORKLOAD>) => (target: TargetFacts) =>
  ({ ...target, workload: { ...WORKLOAD, templateVersion: 1, ...edit } }) as TargetFacts;
const shadow = (edit: Partial<Shadow>) =>
  workload({
    consumption: { ...WORKLOAD.consumption, shadows: [{ container: 'app', variable: 'X', key: KEY, ...edit }] },
  });
const takes = (...keys: string[]) => workload({ consumption: { shadows: [], takes: keys, onePrevious: false } });
const blind = (target: TargetFacts): TargetFacts => {
  const { canary: _, ...settings } = target.settings;
  return { ...target, settings };
};
const as = (roles: TargetFacts['settings']['roles']) => (target: TargetFacts) => ({
  ...target,
  settings: { ...target.settings, roles },
});

describe('many findings at once', () => {
  const unfit = { consumption: { shadows: [], takes: [KEY], onePrevious: false } };
  const all = facts(STEADY, {
    requests: asked,
    settings: OVERLAP,
    targets: services(STEADY, { main: 1, admin: 1 }).map((target, i) =>
      i === 0 ? workload({ ...unfit, paused: true })(target) : workload(unfit)(target),
    ),
  });

  it('are listed one by one, for each target', () => {
    const found = everyFinding(all, true).map(({ reason, message }) => `${reason} ${message.split(':')[0]}`);
    expect(found).toEqual([
      ...['NotConsumed spec.targets[0]', 'NotConsumed spec.targets[1]', 'NotConsumed spec.targets[2]'],
      'TargetPaused spec.targets[0]',
    ]);
  });

  it('are not two where one thing is wrong', () => {
    const { workload: _, ...gone } = target('api', ['Verifier']);
    const unread = { ...gone, pods: [], finding: { reason: 'Forbidden', message: 'it may not be read' } } as const;
    const idle = target('idle', ['Verifier'], { workload: { ...WORKLOAD, consumes: false, ...unfit } });
    const found = everyFinding(facts(STEADY, { settings: OVERLAP, targets: [unread, idle] }), true);
    expect(found.map(({ reason }) => reason)).toEqual(['Forbidden', 'TargetNotConsuming']);
  });

  it('are counted where there is room for one', () => {
    const { blocked } = plan(all);
    expect(blocked?.reason).toBe('NotConsumed');
    expect(blocked?.message).toMatch(
      /^spec\.targets\[0\]: .* \(3 more things are in the way: kubectl rekey check NAME lists all\)$/,
    );
    const [one] = all.targets;
    expect(plan({ ...all, targets: one === undefined ? [] : [one] }).blocked?.message).toMatch(
      /one more thing is in the way/,
    );
  });
});

describe('a key that comes from elsewhere', () => {
  const of = ({ reason = '', message = '' } = {}) => [reason, message] as const;

  it('is named by target, container, variable and source', () => {
    const [reason, message] = of(plan(world(shadow({ by: 'Secret/admin-env' }))).blocked);
    expect(reason).toBe('ShadowedBy');
    for (const word of [
      'spec.targets[2]',
      'Deployment/admin',
      'container app',
      'variable X',
      'Secret/admin-env',
      KEY,
    ]) {
      expect(message).toContain(word);
    }
  });

  it('is named where it stands in the manifest', () => {
    const [reason, message] = of(plan(world(shadow({}))).blocked);
    expect(reason).toBe('LiteralInManifest');
    for (const word of ['spec.targets[2]', 'Deployment/admin', 'container app', 'variable X', KEY]) {
      expect(message).toContain(word);
    }
  });

  it('does not matter to a target that reads mounted files', () => {
    const file = (target: TargetFacts): TargetFacts => ({
      ...shadow({})(target),
      settings: { ...target.settings, source: 'File' },
    });
    expect(decide(world(file))).toBe('write stage');
  });

  it('lets a rotation under way rest', () => {
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', shadow({}));
    expect(plan(facts(STAGING, { targets })).stalled?.reason).toBe('LiteralInManifest');
  });
});

describe('fallbacks that a verifier never sees', () => {
  const rows: readonly (readonly [string, Facts, string | undefined])[] = [
    ['stop an overlap', world(takes(KEY), { settings: OVERLAP }), 'NotConsumed'],
    ['stop Auto that may not cut over', world(takes(KEY)), 'NotConsumed'],
    ['do not stop a cutover', world(takes(KEY), { settings: CUTOVER }), undefined],
    ['do not stop Auto that may cut over', world(takes(KEY), { settings: EITHER }), undefined],
    ['do not matter to who only signs', world((target) => as(['Signer'])(takes(KEY)(target))), undefined],
    ['may be shadowed before a cutover', world(shadow({ key: FALLBACKS }), { settings: CUTOVER }), undefined],
    [
      'may not be shadowed before a cutover in a JWK set, which has the signing key too',
      world(shadow({ key: 'set' }), { settings: { ...CUTOVER, jwksName: 'set' } }),
      'LiteralInManifest',
    ],
    ['may not be shadowed before an overlap', world(shadow({ key: FALLBACKS })), 'LiteralInManifest'],
    ['may be shadowed where they only sign', world((t) => as(['Signer'])(shadow({ key: FALLBACKS })(t))), undefined],
  ];
  it.each(rows)('%s', (_, facts, reason) => {
    expect(plan(facts).blocked?.reason).toBe(reason);
  });

  it('are found by the canary where there is one, else by the template: Auto cuts over', () => {
    const oneKey = (target: TargetFacts) => takes(KEY)(target);
    expect(decide(world(oneKey, { settings: EITHER }))).toBe('write stage');
    expect(decide(world((target) => blind(oneKey(target)), { settings: EITHER }))).toBe('write cutover');
    const shadowed = (target: TargetFacts) => blind(shadow({ key: FALLBACKS })(target));
    expect(decide(world(shadowed, { settings: EITHER }))).toBe('write cutover');
    expect(decide(world(blind, { settings: EITHER }))).toBe('write stage');
    const previous = (target: TargetFacts) => blind(takes(KEY, 'JWT_PREVIOUS')(target));
    const shaped = { ...EITHER, previousName: 'JWT_PREVIOUS' };
    expect(decide(world(previous, { settings: shaped }))).toBe('write stage');
    const minter = (target: TargetFacts) => blind(as(['Signer'])(oneKey(target)));
    expect(decide(world(minter, { settings: EITHER }))).toBe('write stage');
  });
});

describe('a signing key that nobody takes', () => {
  it.each([OVERLAP, CUTOVER, EITHER])('stops a rotation whatever the strategy: $strategy', (settings) => {
    const { blocked } = plan(world(takes(FALLBACKS), { settings }, 'main'));
    expect(blocked?.reason).toBe('NotConsumed');
    expect(blocked?.message).toContain('spec.targets[0]: no container of Deployment/main takes');
  });

  it('need have one of its names only', () => {
    expect(decide(world(takes('JWT_SECRET', FALLBACKS)))).toBe('write stage');
  });
});

describe('Reloader beside rekey', () => {
  const reloaded = workload({ reloader: 'reloader.stakater.com/auto' });

  it('stops a cutover before the write, and no overlap', () => {
    const { action, blocked } = plan(world(reloaded, { settings: CUTOVER }));
    expect([action.type, blocked?.reason]).toEqual(['wait', 'ReloaderPresent']);
    expect(blocked?.message).toContain('reloader.stakater.com/auto of Deployment/admin');
    expect(decide(world(reloaded, { settings: OVERLAP }))).toBe('write stage');
  });

  it('leaves an overlap that meets a single-key service the abort, which costs nobody anything', () => {
    const unfit = (target: TargetFacts): TargetFacts => ({
      ...target,
      pods: [pod('admin-1', { templateVersion: 2, startedAt: T0 + 10_000, probe: probeOf(STAGING, 1) })],
    });
    const at = (edit: (target: TargetFacts) => TargetFacts) => {
      const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (target) => edit(unfit(target)));
      return decide(facts(STAGING, { targets, settings: EITHER, now: T0 + 11_000 }));
    };
    expect(at((target) => target)).toBe('write cutover');
    expect(at(workload({ reloader: 'x', templateVersion: 2 }))).toBe('write abort');
  });
});

describe('a budget that lets no pod go', () => {
  const manual = (heldBy?: string) => workload({ manual: true, ...(heldBy !== undefined && { heldBy }) });

  it('is looked at in a fresh read, as everything is that a write rests on', () => {
    for (const edit of [manual(), workload({}), workload({ reducesCapacity: true })]) {
      expect(decide(world(edit, { live: false }))).toBe('confirm');
      expect(decide(world(edit))).toBe('write stage');
    }
  });

  it('stops the start and is looked at again', () => {
    const start = world(manual('strict'));
    const { action, blocked, phase } = plan(start);
    expect([phase, blocked?.reason]).toEqual(['Preflight', 'DisruptionBlocked']);
    expect(blocked?.message).toContain('spec.targets[2]: PodDisruptionBudget strict');
    expect(action).toEqual({ type: 'wait', until: start.now + 30_000 });
  });

  it('does not matter to a cutover, which deletes', () => {
    expect(decide(world(manual('strict'), { settings: CUTOVER }))).toBe('write cutover');
  });
});

describe('the budgets of a namespace', () => {
  const budget = (status: object, selector: object | undefined = { matchLabels: { app: 'a' } }) =>
    ({
      metadata: { name: 'strict', generation: 2 },
      spec: { ...(selector && { selector }) },
      status: { observedGeneration: 2, disruptionsAllowed: 0, currentHealthy: 2, expectedPods: 2, ...status },
    }) as PodDisruptionBudget;
  const clientOf = (list: () => Promise<unknown>) => ({ list }) as unknown as KubeClient;
  const found = (item: PodDisruptionBudget) =>
    strictBudgets(
      clientOf(async () => ({ items: [item] })),
      'shop',
    );

  const rows: readonly (readonly [string, object, number])[] = [
    ['count where all pods are healthy', {}, 1],
    ['do not count where one may go', { disruptionsAllowed: 1 }, 0],
    ['do not count while a pod is not ready', { currentHealthy: 1 }, 0],
    ['do not count without pods', { currentHealthy: 0, expectedPods: 0 }, 0],
    ['do not count before their controller has looked', { observedGeneration: 1 }, 0],
  ];
  it.each(rows)('%s', async (_, status, count) => {
    expect(await found(budget(status))).toHaveLength(count);
  });

  it('are none where rekey may not look, and a failure is one', async () => {
    const failing = (code: 'Forbidden' | 'Unavailable') =>
      clientOf(() => Promise.reject(new KubeError({ verb: 'list', resource: 'x', code, detail: '' } as never)));
    expect(await strictBudgets(failing('Forbidden'), 'shop')).toEqual([]);
    await expect(strictBudgets(failing('Unavailable'), 'shop')).rejects.toThrow();
  });

  it('hold the pods that they select: an empty selector all, an absent one none', () => {
    const pods = [{ labels: { app: 'a' } }] as unknown as readonly PodView[];
    const by = (selector: object | undefined) => budgetOf([budget({}, selector)], pods);
    expect(by({ matchLabels: { app: 'a' } })).toBe('strict');
    expect(by({ matchLabels: { app: 'b' } })).toBeUndefined();
    expect(by({})).toBe('strict');
    const { spec: _, ...selectorless } = budget({});
    expect(budgetOf([selectorless], pods)).toBeUndefined();
  });
});

describe('a target without pods', () => {
  it('stops nothing: whatever starts later reads the Secret of that moment', () => {
    const empty = (target: TargetFacts) => ({ ...workload({ ready: 0 })(target), pods: [] });
    expect(decide(world(empty))).toBe('write stage');
    const targets = edited(services(STAGING, { main: 2, admin: 2 }), 'admin', empty);
    expect(decide(facts(STAGING, { targets }))).toBe('write promote');
  });
});
