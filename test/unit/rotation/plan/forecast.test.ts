/** What is told of a rotation before it starts. */
import { describe, expect, it } from 'vitest';
import type { Surroundings, TargetFacts } from '../../../../src/rotation/facts.ts';
import { forecast, stepAt } from '../../../../src/rotation/plan/forecast.ts';
import type { Settings } from '../../../../src/rotation/settings/settings.ts';
import { SETTINGS, STEADY, services, T0, target, WORKLOAD } from '../builders.ts';

const targets = services(STEADY, { main: 1, admin: 1 });
const surroundings = (settings: Partial<Settings> = {}, more: Partial<Surroundings> = {}): Surroundings => ({
  settings: { ...SETTINGS, ...settings },
  targets,
  unlistedConsumers: [],
  ...more,
});
const told = (settings: Partial<Settings> = {}, more: Partial<Surroundings> = {}) =>
  forecast(surroundings(settings, more), T0);
const times = ({ restarts }: ReturnType<typeof told>) => restarts.map((row) => row.times);
const withFirst = (edit: Partial<TargetFacts>) => targets.map((each, i) => (i === 0 ? { ...each, ...edit } : each));

describe('the restarts', () => {
  const [main, ...others] = targets;
  if (main === undefined) throw new Error('no target');
  const signer = target('issuer', ['Signer']);
  const files = { ...main, settings: { ...main.settings, source: 'File' as const } };
  it.each<[string, Partial<Settings>, readonly TargetFacts[], readonly number[]]>([
    ['are three of who signs and verifies, two of who verifies', {}, targets, [3, 2, 2]],
    ['are one of who signs only', {}, [signer, ...others], [1, 2, 2]],
    ['are one less where the old key leaves lazily', { retireMode: 'Lazy' }, targets, [2, 1, 1]],
    ['are not less where the next key is staged meanwhile', { retireMode: 'Lazy', preStage: true }, targets, [3, 2, 2]],
    ['are none where files are read again', {}, [files, ...others], [0, 2, 2]],
    ['are one of all in a cutover', { strategy: 'Cutover', allowCutover: true }, targets, [1, 1, 1]],
  ])('%s', (_, settings, all, expected) => {
    expect(times(told(settings, { targets: all }))).toEqual(expected);
  });
});

describe('the way', () => {
  const blind = () => {
    const [main] = targets;
    if (main?.workload === undefined) throw new Error('no target');
    const { canary: _, ...settings } = main.settings;
    const consumption = { ...WORKLOAD.consumption, takes: SETTINGS.signingNames };
    return { targets: withFirst({ settings, workload: { ...main.workload, consumption } }) };
  };

  it('refuses no token but where the key is replaced at once', () => {
    expect(told()).toMatchObject({ way: 'Overlap', refused: 'none' });
    expect(told().unless).toContain('SingleKeyService');
    expect(told({ allowCutover: true }).unless).toContain('every token signed before is refused');
    const cutover = told({ strategy: 'Cutover', allowCutover: true });
    expect(cutover).toMatchObject({ way: 'Cutover', refused: 'every token signed before' });
    expect(cutover).not.toHaveProperty('unless');
    expect(cutover.steps.map(({ phase }) => phase)).toEqual(['Preflight', 'Switching']);
  });

  it('is a cutover where a template shows that it must, and where one is under way', () => {
    expect(told({ allowCutover: true }, blind()).way).toBe('Cutover');
    expect(told({}, blind())).toMatchObject({ way: 'Overlap', findings: [{ reason: 'NotConsumed' }] });
    expect(forecast(surroundings({ allowCutover: true }), T0, { phase: 'Switching' }).way).toBe('Cutover');
  });
});

describe('a verifier without a canary', () => {
  const unasked = (which: (target: TargetFacts) => boolean) =>
    targets.map((each) => {
      const { canary: _, ...settings } = each.settings;
      return which(each) ? { ...each, settings } : each;
    });
  const isOnlyVerifier = ({ settings }: TargetFacts) => !settings.roles.includes('Signer');

  it('makes unknown which tokens are refused, and is worth knowing', () => {
    const { refused, warnings, unless, steps } = told({}, { targets: unasked(isOnlyVerifier) });
    const names = targets.filter(isOnlyVerifier).map(({ settings: { name } }) => `Deployment/${name}`);
    const said =
      'have no canary. One of them that verifies with one key refuses every new token from Promoting to Retiring';
    expect(refused).toBe(`not known: ${names.join(', ')} ${said}`);
    expect(warnings).toEqual([expect.stringContaining(`${said}. rekey cannot ask it: declare a canary`)]);
    expect(unless).toMatch(/^a verifier with a canary turns out to hold only one key/);
    expect(steps[1]?.does).toBe(
      'every verifier with a canary accepts the new key, the others have restarted with it; the old one still signs',
    );
    expect(steps[4]?.does).toMatch(/^every verifier with a canary refuses the old key, the others/);
  });

  it('that signs too refuses other tokens, and where nobody is asked nothing can turn out', () => {
    const { refused, ...rest } = told({}, { targets: unasked(() => true) });
    expect(refused).toMatch(
      /Deployment\/main has no canary. If it verifies with one key, it refuses every token signed before, from Promoting on$/,
    );
    expect(rest).not.toHaveProperty('unless');
  });

  it('says nothing of a cutover, which refuses all tokens anyway', () => {
    const { refused, warnings } = told(
      { strategy: 'Cutover', allowCutover: true },
      { targets: unasked(isOnlyVerifier) },
    );
    expect([refused, warnings]).toEqual(['every token signed before', []]);
  });
});

describe('the times', () => {
  const window = { kind: 'Allow', schedule: '0 3 * * *', timeZone: 'UTC', durationMs: 7_200_000 } as const;
  const promoting = (from: number, windows: Settings['windows'] = [window]) =>
    forecast(surroundings({ windows }), from).steps[2];

  it('wait for a window to promote, and for the last token to expire', () => {
    expect(promoting(T0)).toMatchObject({ phase: 'Promoting', notBefore: T0 + 3 * 3_600_000 });
    expect(promoting(T0 + 4 * 3_600_000)).not.toHaveProperty('notBefore');
    const never = { ...window, kind: 'Deny' as const, schedule: '0 * * * *', durationMs: 3_600_000 };
    expect(promoting(T0, [window, never])).toMatchObject({ never: true });
    expect(told().steps[3]).toMatchObject({ phase: 'Draining', lastsMs: SETTINGS.drainMs, restarts: [] });
    const begun = forecast(surroundings({}), T0, { phase: 'Staging', drainSeconds: 9000 }).steps[3];
    expect(begun).toMatchObject({ lastsMs: 9_000_000, madeOf: 'fixed when this rotation started' });
  });

  it('find the step of a rotation under way', () => {
    const phases = ['Staging', 'Staged', 'Draining', 'Steady', 'Burning'] as const;
    const found = phases.map((phase) => stepAt(told(), phase)?.phase);
    expect(found).toEqual(['Staging', 'Staging', 'Draining', undefined, undefined]);
  });
});

describe('what is in the way', () => {
  const workload = (edit: object) => withFirst({ workload: { ...WORKLOAD, ...edit } });

  it('is told all at once', () => {
    const { findings } = told(
      {},
      { targets: workload({ paused: true, failed: 'image' }), unlistedConsumers: ['Pod/x'] },
    );
    expect(findings.map(({ reason }) => reason)).toEqual(['TargetPaused', 'UnlistedConsumer', 'RolloutFailed']);
    // who only silences it has a service that refuses tokens
    expect(findings[1]?.message).toMatch(
      /add it to spec.targets. Only if it neither signs nor verifies: spec.unlistedConsumers: Warn$/,
    );
  });

  it('has a budget in it where pods are evicted, and not where they are deleted', () => {
    const held = { targets: workload({ manual: true, heldBy: 'strict' }) };
    expect(told({}, held).findings).toMatchObject([{ reason: 'DisruptionBlocked' }]);
    expect(told({ strategy: 'Cutover', allowCutover: true }, held).findings).toEqual([]);
  });

  it('has Reloader in it where the key is replaced at once; else that is worth knowing', () => {
    const reloaded = { targets: workload({ reloader: 'reloader.stakater.com/auto' }) };
    expect(told({}, reloaded)).toMatchObject({ findings: [], warnings: [expect.stringContaining('Reloader')] });
    const cutover = told({ strategy: 'Cutover', allowCutover: true }, reloaded);
    expect(cutover.findings).toMatchObject([{ reason: 'ReloaderPresent' }]);
  });

  it('has neither a load, nor an interruption, nor a consumer that may be there; they are worth knowing', () => {
    const edit = { interruption: 'all go', overloaded: 'too few' };
    const { findings, warnings } = told(
      { unlistedConsumers: 'Warn' },
      { targets: workload(edit), unlistedConsumers: ['Deployment/x'] },
    );
    expect(findings).toEqual([]);
    expect(warnings).toEqual([
      'Deployment/main: all go',
      'Deployment/main: too few',
      'Deployment/x reads a key of the Secret and is not a target: rekey does not restart it',
    ]);
  });
});
