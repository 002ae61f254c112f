/** What the doctor concludes from what is known: each fault by itself, and what is not known. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Check, DoctorFacts } from '../../../src/cli/doctor/check.ts';
import { checksOf, checksText, doctor, exitOf } from '../../../src/cli/doctor/doctor.ts';
import { reportOf } from '../../../src/cli/doctor/tokens.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { Examination } from '../../../src/rotation/people/examination.ts';
import { SPEC } from '../rotation/spec.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const TARGET = { ...SPEC.targets[0], kind: 'Deployment', name: 'api', canary: { path: '/', port: 80 } } as const;

function condition(type: string, status: 'True' | 'False' | 'Unknown', reason: string, message = '') {
  return { type, status, reason, message, lastTransitionTime: '2026-11-29T11:00:00Z' };
}

const VERIFIED = condition('Verified', 'True', 'Canary', 'the rotation that completed rests on answers');
const READY = condition('Ready', 'True', 'Steady');

const ROTATED = { id: 'a', trigger: 'Schedule', outcome: 'Completed' } as const;

type Status = NonNullable<JwtKeyRotation['status']>;

function resource(status: Partial<Status> = {}, conditions: readonly ReturnType<typeof condition>[] = [VERIFIED]) {
  return {
    ...{ apiVersion: 'rekey.dev/v1alpha1', kind: 'JwtKeyRotation' },
    metadata: { name: 'my-jwt', namespace: 'shop', generation: 1 },
    spec: { ...SPEC, targets: [TARGET] },
    status: {
      ...{ observedGeneration: 1, phase: 'Steady', currentKeyId: 'k-1', keysetVersion: 3, history: [ROTATED] },
      conditions: [READY, ...conditions],
      ...status,
    },
  } as JwtKeyRotation;
}

const FIT = {
  requestedAt: 'a',
  keysetVersion: 3,
  checkedAt: '2026-11-29T11:30:00Z',
  pods: [{ target: 'Deployment/api', pod: 'api-1', result: 'Fit', answers: [] }],
} as const;

const EXAMINATION: Examination = {
  nodeClocks: { known: [{ node: 'n1', offsetMs: 300 }] },
  formerLiterals: { known: [] },
  helmReleases: { known: 0 },
  operatorRights: {
    known: { account: 'system:serviceaccount:rekey-system:rekey', isOperator: true, tooWide: [], listsSecrets: false },
  },
  hiddenKinds: { known: [] },
};

const WELL: DoctorFacts = {
  ...{ resource: resource({ appCheck: FIT }), now: NOW, obstacles: [], warnings: [], clockOffsetMs: 100 },
  ...{ leadership: { kind: 'Led', holder: 'rekey-0' }, examination: EXAMINATION },
  podStarts: new Map([['Deployment/api', NOW - 3_600_000]]),
};

function of(facts: Partial<DoctorFacts>): Readonly<Record<string, Check>> {
  return Object.fromEntries(checksOf({ ...WELL, ...facts }).map((check) => [check.id, check]));
}
const problems = (facts: Partial<DoctorFacts>) =>
  Object.values(of(facts)).flatMap(({ id, verdict }) => (verdict === 'Problem' ? [id] : []));
const unknown = (facts: Partial<DoctorFacts>) =>
  Object.values(of(facts)).flatMap(({ id, verdict }) => (verdict === 'Unknown' ? [id] : []));
const examined = (part: Partial<Examination>) => ({ examination: { ...EXAMINATION, ...part } });

describe('the doctor', () => {
  it('finds nothing where all is well, and says what it did not look at', () => {
    const checks = checksOf(WELL);
    expect([problems({}), unknown({}), exitOf(checks)]).toEqual([[], [], 0]);
    const left = checks.filter(({ verdict }) => verdict === 'NotChecked').map(({ id }) => id);
    expect(left).toEqual(['token-lifetime', 'readers', 'at-rest']);
    expect(checks.filter(({ verdict, remedy }) => verdict !== 'Ok' && remedy === undefined)).toEqual([]);
    expect(checksText('shop/my-jwt', checks)).toMatch(/0 PROBLEM, 0 unknown, 3 not checked, \d+ ok\n$/);
  });

  it.each<[string, string]>([
    ['CanaryRefused', 'keys'],
    ['CanaryVoid', 'keys'],
    ['PodStale', 'keys'],
    ['KeysDiffer', 'keys'],
    ['SingleKeyService', 'fallbacks'],
    ['AlgorithmDiffers', 'algorithm'],
    ['LiteralInManifest', 'variables'],
    ['ShadowedBy', 'variables'],
    ['NotConsumed', 'variables'],
    ['TargetNotConsuming', 'defaults'],
    ['KeyStillAccepted', 'defaults'],
    ['UnlistedConsumer', 'consumers'],
    ['KeyCopied', 'strength'],
    ['CanaryMissing', 'answers'],
    ['ClockSkew', 'clocks'],
    ['DisruptionBlocked', 'others'],
    ['PeriodTooShort', 'others'],
  ])('puts the finding %s below one question: %s', (reason, id) => {
    const facts = { obstacles: [{ reason, message: 'it is so' }] };
    expect(problems(facts)).toEqual([id]);
    expect(of(facts)[id]?.evidence).toContain('it is so');
    expect(of(facts)[id]?.remedy).toBeDefined();
    expect(exitOf(checksOf({ ...WELL, ...facts }))).toBe(1);
  });

  it.each<[string, Partial<DoctorFacts>, string, string]>([
    [
      'a burnt key stands in the Secret again',
      { obstacles: [{ reason: 'KeyResurrected', message: 'data key X holds a burnt key again' }] },
      'KeyResurrected: data key X holds a burnt key again',
      "kubectl rekey emergency my-jwt -n shop --reason '...'",
    ],
    [
      'an emergency is under way',
      {
        resource: resource({
          appCheck: FIT,
          emergency: { nonce: 'n1', reason: '', writtenAt: '2026-11-29T11:59:00Z' },
        }),
      },
      'emergency n1, new key written 2026-11-29T11:59:00Z (1m ago)',
      'docs/emergency.md#if-it-does-not-end',
    ],
    [
      'an emergency is not served',
      {
        resource: {
          ...resource({ appCheck: FIT }),
          metadata: {
            name: 'my-jwt',
            namespace: 'shop',
            generation: 1,
            annotations: { 'rekey.dev/emergency': 'n2: x' },
          },
        },
      },
      'emergency n2 is NOT SERVED',
      'docs/emergency.md#without-rekey',
    ],
  ])('says first of all that a leaked key may be alive, where %s', (_, facts, evidence, remedy) => {
    const [first] = checksOf({ ...WELL, ...facts });
    expect(first).toMatchObject({ id: 'leak', verdict: 'Problem', evidence: expect.stringContaining(evidence) });
    expect(first?.remedy).toContain(remedy);
  });

  it.each(['KeyResurrected', 'ForeignWriter'])(
    'praises no key where the Secret is not what rekey wrote: %s',
    (reason) => {
      expect(of({ obstacles: [{ reason, message: 'by helm' }] }).strength?.verdict).toBe('Unknown');
    },
  );

  it.each(['Suspended', 'Paused', 'BackingOff', 'RolloutInProgress'])('calls a wish no problem: %s', (reason) => {
    const facts = { obstacles: [{ reason, message: 'it is so' }] };
    expect(problems(facts)).toEqual([]);
    expect(of(facts).others?.evidence).toContain(reason);
  });

  it('calls a silent pod a problem when that has lasted', () => {
    const obstacles = [{ reason: 'CanaryUnanswered', message: 'pod a' }];
    expect(unknown({ obstacles })).toEqual(['answers']);
    const degraded = condition('Degraded', 'True', 'CanaryUnanswered');
    expect(problems({ obstacles, resource: resource({ appCheck: FIT }, [VERIFIED, degraded]) })).toEqual(['answers']);
  });

  it('concludes nothing from a look that nobody took', () => {
    const unseen = resource({ observedGeneration: 0 });
    expect(unknown({ resource: unseen })).toEqual(
      expect.arrayContaining(['keys', 'fallbacks', 'algorithm', 'variables', 'defaults', 'strength', 'others']),
    );
    const unasked = resource({ appCheck: FIT }, [condition('Verified', 'Unknown', 'NotAskedYet', 'no pod of api')]);
    expect(unknown({ resource: unasked })).toEqual(['keys', 'fallbacks', 'algorithm', 'defaults', 'answers']);
    const inferred = resource({ appCheck: FIT }, [condition('Verified', 'False', 'Inferred', 'start times')]);
    expect(unknown({ resource: inferred })).toContain('keys');
    const blind = { blind: 'you may not look: deployments is forbidden', podStarts: undefined as never };
    expect(unknown(blind)).toEqual(['variables', 'consumers', 'fitness']);
    expect(unknown({ leadership: { kind: 'Unknown', why: 'no right' } })).toEqual(['operator']);
    expect(problems({ leadership: { kind: 'Nobody' } })).toEqual(['operator']);
    expect(exitOf(checksOf({ ...WELL, resource: unseen }))).toBe(3);
  });

  it('does not take the silence of the operator for a yes while it reports something else', () => {
    const { resource: well } = WELL;
    const conditions = [condition('Ready', 'False', 'DisruptionBlocked', 'and 2 more'), VERIFIED];
    const blocked = { ...well, status: { ...well.status, conditions } } as JwtKeyRotation;
    expect(unknown({ resource: blocked })).toEqual(['keys', 'fallbacks', 'algorithm', 'defaults', 'answers']);
  });

  it('trusts pods that have answered before a rotation, but not that they know fallbacks', () => {
    const early = resource({ appCheck: FIT }, [condition('Verified', 'Unknown', 'NoRotationYet')]);
    expect(unknown({ resource: early })).toEqual(['fallbacks']);
    const answers = (verdict: 'Pass' | 'Fail' | 'Unknown') =>
      [{ case: 'fallback', answer: 'accepted', said: '', verdict } as const] as const;
    const asked = (verdict: 'Pass' | 'Fail' | 'Unknown') => {
      const appCheck = { ...FIT, pods: [{ ...FIT.pods[0], answers: answers(verdict) }] };
      return resource({ appCheck }, [condition('Verified', 'Unknown', 'NoRotationYet')]);
    };
    expect(of({ resource: asked('Pass') }).fallbacks?.verdict).toBe('Ok');
    expect(of({ resource: asked('Fail') }).fallbacks?.verdict).toBe('Problem');
    expect(of({ resource: asked('Unknown') }).fallbacks?.verdict).toBe('Unknown');
  });

  describe('does not take an old answer of validate-app for a new one', () => {
    const told = {
      ...FIT.pods[0],
      answers: [{ case: 'fallback', answer: 'refused', said: '', verdict: 'Fail' }],
    } as const;
    const good = { ...FIT.pods[0], passed: ['fallback'] } as const;
    const early = [condition('Verified', 'Unknown', 'NoRotationYet')];
    const about = (pod: typeof told | typeof good, version?: number) => {
      const result = pod === told ? ('Unfit' as const) : ('Fit' as const);
      const appCheck = { ...FIT, keysetVersion: version as number, pods: [{ ...pod, result }] };
      return resource({ appCheck }, early);
    };
    const CHANGED: readonly (readonly [string, number | undefined, Partial<DoctorFacts>])[] = [
      ['other keys since', 2, {}],
      ['not known for which keys', undefined, {}],
      ['api have started since', 3, { podStarts: new Map([['Deployment/api', NOW - 60_000]]) }],
      ['may not look', 3, { podStarts: undefined as never }],
    ];

    it.each(CHANGED)('that has %s', (why, version, facts) => {
      for (const pod of [told, good]) {
        const { fitness, fallbacks } = of({ ...facts, resource: about(pod, version) });
        expect([fitness?.verdict, fallbacks?.verdict]).toEqual(['Unknown', 'Unknown']);
        for (const check of [fitness, fallbacks]) {
          expect(check?.evidence).toContain(why);
          expect(check?.evidence).toContain('2026-11-29T11:30:00Z (30m ago)');
          expect(check?.remedy).toContain('kubectl rekey validate-app my-jwt -n shop');
        }
      }
    });

    it('and names the age of one that still holds', () => {
      expect(of({ resource: about(good, 3) })).toMatchObject({
        fitness: { verdict: 'Ok', evidence: expect.stringContaining('(30m ago)') },
        fallbacks: { verdict: 'Ok', evidence: expect.stringContaining('(30m ago)') },
      });
      expect(of({ resource: about(told, 3) })).toMatchObject({
        fitness: { verdict: 'Problem', evidence: expect.stringContaining('(30m ago)') },
        fallbacks: { verdict: 'Problem', evidence: expect.stringContaining('(30m ago)') },
      });
    });
  });

  it('believes pods that were asked now', () => {
    const pod = { target: 'Deployment/api', pod: 'a', message: 'pod a' };
    const canaries = (verdict: 'Works' | 'Refused' | 'Void' | 'Unknown', note?: string) => ({
      canaries: { requestedAt: 'a', checkedAt: 'b', pods: [{ ...pod, verdict }], ...(note && { note }) },
    });
    expect(of(canaries('Works')).keys?.verdict).toBe('Ok');
    expect(of(canaries('Refused')).keys?.verdict).toBe('Problem');
    expect(of(canaries('Void')).keys?.verdict).toBe('Problem');
    expect(of(canaries('Unknown')).keys?.verdict).toBe('Unknown');
    expect(of(canaries('Works', 'one has no pod')).keys?.verdict).toBe('Unknown');
  });

  it('does not take pods that were asked for those that were not', () => {
    const pod = { target: 'Deployment/api', pod: 'a', message: 'pod a' };
    const canaries = (...verdicts: readonly ('Works' | 'Unknown')[]) => {
      const pods = verdicts.map((verdict) => ({ ...pod, verdict }));
      return { canaries: { requestedAt: 'a', checkedAt: 'b', pods } };
    };
    expect(of(canaries('Works')).answers?.verdict).toBe('Ok');
    expect(of(canaries('Works', 'Unknown')).answers?.verdict).toBe('Unknown');
    expect(of(canaries()).answers?.verdict).toBe('Unknown');
    const { resource: well } = WELL;
    const mute = { ...TARGET, name: 'worker', canary: undefined };
    const half = { ...well, spec: { ...well.spec, targets: [TARGET, mute] } } as unknown as JwtKeyRotation;
    const asked = of({ ...canaries('Works'), resource: half });
    expect([asked.keys?.verdict, asked.answers?.verdict]).toEqual(['Unknown', 'Unknown']);
    expect(asked.keys?.evidence).toContain('worker has no canary');
  });

  it('does not take the fallbacks of one target for those of another', () => {
    const { resource: well } = WELL;
    const answers = [{ case: 'fallback', answer: 'accepted', said: '', verdict: 'Pass' }] as const;
    const mute = { target: 'Deployment/worker', pod: 'w-1', result: 'Unknown', answers: [] } as const;
    const pods = [{ ...FIT.pods[0], answers }, mute];
    const two = {
      ...resource({ appCheck: { ...FIT, pods } }, [condition('Verified', 'Unknown', 'NoRotationYet')]),
      spec: { ...well.spec, targets: [TARGET, { ...TARGET, name: 'worker' }] },
    } as JwtKeyRotation;
    expect(of({ resource: two }).fallbacks?.verdict).toBe('Unknown');
  });

  it('does not take an emergency or a cutover for a proof that two keys are accepted', () => {
    const last = (trigger: string) => resource({ appCheck: FIT, history: [{ ...ROTATED, trigger }] });
    expect(of({ resource: last('Schedule') }).fallbacks?.verdict).toBe('Ok');
    expect(of({ resource: last('Emergency') }).fallbacks?.verdict).toBe('Unknown');
    expect(of({ resource: resource({ history: [] }) }).fallbacks?.verdict).toBe('Unknown');
    const mayCutOver = { ...last('Schedule'), spec: { ...WELL.resource.spec, allowCutover: true } };
    expect(of({ resource: mayCutOver }).fallbacks?.verdict).toBe('Unknown');
  });

  it('does not say who else uses the Secret while a kind is hidden', () => {
    expect(unknown(examined({ hiddenKinds: { known: ['CronJob'] } }))).toEqual(['consumers']);
    expect(unknown(examined({ hiddenKinds: { why: 'no connection' } }))).toEqual(['consumers']);
  });

  it('says nothing of the rights of an account that is not the operator', () => {
    const known = { account: 'a', isOperator: false, tooWide: [], listsSecrets: false };
    expect(of(examined({ operatorRights: { known } })).rights?.verdict).toBe('NotChecked');
  });

  it('sees weak keys, keys in two places, and services that are not fit', () => {
    const weak = condition('WeakKey', 'True', 'PubliclyKnown', 'it is a placeholder');
    expect(problems({ resource: resource({ appCheck: FIT }, [VERIFIED, weak]) })).toEqual(['strength']);
    const reuse = condition('KeyReuse', 'True', 'SharedKey', 'with test');
    expect(problems({ resource: resource({ appCheck: FIT }, [VERIFIED, reuse]) })).toEqual(['strength']);
    const unfit = { ...FIT, pods: [{ ...FIT.pods[0], result: 'Unfit' as const }] };
    expect(problems({ resource: resource({ appCheck: unfit }) })).toEqual(['fitness']);
    const open = { ...FIT, pods: [{ ...FIT.pods[0], result: 'Unknown' as const }] };
    expect(unknown({ resource: resource({ appCheck: open }) })).toEqual(['fitness']);
    expect(of({ resource: resource() }).fitness?.verdict).toBe('NotChecked');
    const adopting = resource({ appCheck: FIT, currentKeyId: undefined as never });
    expect(unknown({ resource: adopting })).toEqual(['strength', 'residue']);
  });

  it('compares the clocks of nodes, and says how good that is', () => {
    const at = (offsetMs: number) => examined({ nodeClocks: { known: [{ node: 'n1', offsetMs }] } });
    expect(problems(at(63_000))).toEqual(['clocks']);
    expect(problems(at(-63_000))).toEqual(['clocks']);
    expect(problems(at(61_000))).toEqual([]);
    expect(of(at(1_000)).clocks?.evidence).toContain('weak evidence');
    expect(of(examined({ nodeClocks: { why: 'forbidden' } })).clocks?.verdict).toBe('NotChecked');
    expect(of(examined({ nodeClocks: { known: [] } })).clocks?.verdict).toBe('NotChecked');
  });

  it('sees what is left behind, and rights that are too wide', () => {
    expect(
      problems(examined({ formerLiterals: { known: [{ place: 'ReplicaSet a, container b, env JWT_SECRET_KEY' }] } })),
    ).toEqual(['residue']);
    expect(unknown(examined({ formerLiterals: { why: 'forbidden' } }))).toEqual(['residue']);
    expect(unknown(examined({ helmReleases: { known: 2 } }))).toEqual(['residue']);
    expect(unknown(examined({ helmReleases: { why: 'forbidden' } }))).toEqual(['residue']);
    const rights = (tooWide: readonly string[], listsSecrets: boolean) =>
      examined({ operatorRights: { known: { account: 'a', isOperator: true, tooWide, listsSecrets } } });
    expect(problems(rights(['to read every Secret of the cluster'], true))).toEqual(['rights']);
    expect(problems(rights([], true))).toEqual([]);
    expect(of(rights([], true)).rights?.evidence).toContain('deploy/residue');
    expect(of(examined({ operatorRights: { why: 'forbidden' } })).rights?.verdict).toBe('NotChecked');
  });
});

describe('what the doctor advises', () => {
  const all = (facts: Partial<DoctorFacts>) => checksOf({ ...WELL, ...facts });
  const commandsIn = (checks: readonly Check[]) =>
    checks.flatMap(({ evidence, remedy = '' }) => `${evidence}. ${remedy}`.match(/(?:kubectl|helm) [^;,.]+/g) ?? []);
  const silent = { leadership: { kind: 'Unknown', why: 'it runs without leader election' } } as const;
  const seenAt = (lastLookTime: string) => resource({ appCheck: FIT, operator: { lastLookTime } });

  it('has name and namespace in each command, last in its sentence', () => {
    const reasons = [
      'CanaryRefused',
      'SingleKeyService',
      'NotConsumed',
      'KeyCopied',
      'CanaryMissing',
      'PeriodTooShort',
    ];
    const open = [condition('Verified', 'Unknown', 'NotAskedYet', 'no pod of api')];
    const commands = commandsIn([
      ...all({ obstacles: reasons.map((reason) => ({ reason, message: '' })) }),
      ...all({ resource: resource({ appCheck: { ...FIT, pods: [{ ...FIT.pods[0], result: 'Unfit' }] } }, open) }),
      ...all({ resource: resource({ observedGeneration: 0 }) }),
      ...all({ ...silent, resource: seenAt('2026-11-29T11:30:00Z') }),
    ]).filter((command) => command.startsWith('kubectl rekey'));
    expect(commands.length).toBeGreaterThan(12);
    for (const command of commands) {
      expect(command).toMatch(/^kubectl rekey [a-z-]+ my-jwt -n shop( --canary| --tokens - < tokens)?$/);
    }
  });

  it('does not judge the algorithm by pods that may have another key', () => {
    const pods = [{ target: 'Deployment/api', pod: 'a', message: 'pod a refused it', verdict: 'Refused' }] as const;
    const facts = {
      canaries: { requestedAt: 'a', checkedAt: 'b', pods },
      obstacles: [{ reason: 'LiteralInManifest', message: 'a value' }],
    };
    expect(problems(facts)).toEqual(['keys', 'variables']);
    const { algorithm } = of(facts);
    expect(algorithm).toMatchObject({ verdict: 'Unknown', evidence: expect.stringContaining('may have another key') });
    expect(algorithm?.remedy).not.toContain('spec.key.algorithm');
  });

  it('takes a fresh report of an operator without a Lease for a sign of it, and names the age of an old one', () => {
    const operatorAt = (time: string) => of({ ...silent, resource: seenAt(time) }).operator;
    expect(operatorAt('2026-11-29T11:59:57Z')).toMatchObject({
      ...{ verdict: 'Ok', evidence: expect.stringContaining('(3s ago)') },
    });
    const quiet = operatorAt('2026-11-29T11:30:00Z');
    expect(quiet).toMatchObject({ verdict: 'Unknown', evidence: expect.stringContaining('(30m ago)') });
    expect(quiet?.remedy).toMatch(/: kubectl rekey doctor my-jwt -n shop --canary$/);
    expect(quiet?.evidence).not.toContain('stopped');
    const gone = of({ ...silent, resource: seenAt('2026-11-26T12:00:00Z') });
    expect(gone.operator).toMatchObject({
      verdict: 'Unknown',
      evidence: expect.stringContaining('stopped (inferred)'),
    });
    const aged = Object.values(gone).filter(({ evidence }) => evidence.includes('the operator last reported'));
    expect(aged.map(({ id }) => id)).toEqual([
      'keys',
      'fallbacks',
      'algorithm',
      'defaults',
      'strength',
      'answers',
      'others',
    ]);
    expect(aged.every(({ evidence }) => evidence.includes('(3d ago)'))).toBe(true);
    const unread = { leadership: { kind: 'Unknown', why: 'no right' } } as const;
    const named = resource({ appCheck: FIT, operator: { lease: 'ops/rekey', lastLookTime: '2026-11-29T11:59:57Z' } });
    expect(of({ ...unread, resource: named }).operator?.remedy).toBe('its pods: kubectl get pods -n ops');
    expect(of(unread).operator?.remedy).toMatch(/: kubectl get pods -A -l app.kubernetes.io\/name=rekey$/);
  });

  it('does not deny a rotation that has completed, when a target is missing now', () => {
    const { resource: well } = WELL;
    const conditions = [condition('Ready', 'False', 'TargetNotFound', 'api does not exist'), VERIFIED];
    const missing = { ...well, status: { ...well.status, conditions } } as JwtKeyRotation;
    expect(of({ resource: missing }).fallbacks?.evidence).toMatch(
      /^the rotation that completed rests on answers, but now the operator reports TargetNotFound: /,
    );
    const inferred = resource({ appCheck: FIT }, [condition('Verified', 'False', 'Inferred', 'by start times')]);
    expect(of({ resource: inferred }).fallbacks?.evidence).toBe('by start times');
    const burnt = resource({ history: [{ ...ROTATED, trigger: 'Emergency' }] });
    expect(of({ resource: burnt }).fallbacks?.evidence).toContain('was an emergency');
    expect(of({ resource: resource({ history: [] }) }).fallbacks?.evidence).toContain('has no completed rotation');
  });

  it('names the former ReplicaSet to delete, and what that ends', () => {
    const place = (container: string) => ({ place: `ReplicaSet api-1, container ${container}, env JWT_SECRET_KEY` });
    const former = { formerReplicaSet: 'api-1' };
    const found = of(
      examined({ formerLiterals: { known: [place('a'), place('b')].map((at) => ({ ...at, ...former })) } }),
    );
    expect(found.residue?.remedy).toMatch(/kubectl rollout undo .*: kubectl delete replicaset -n shop api-1$/);
    const current = of(examined({ formerLiterals: { known: [place('a')] } }));
    expect(current.residue?.remedy).not.toContain('kubectl delete');
  });
});

describe('tokens that a person gives', () => {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (claims: object, alg = 'HS256') => {
    const input = `${encode({ alg })}.${encode(claims)}`;
    return `${input}.${createHmac('sha256', 'a key').update(input).digest('base64url')}`;
  };
  const HOUR = 3_600_000;
  const good = token({ iat: 1_000, exp: 4_600 });

  it('are counted, and nothing of them is told', () => {
    const text = [good, `Authorization: Bearer ${token({ iat: 0, exp: 90_000 })}`, token({ iat: 1 }), 'nonsense'];
    const rest = [token({ exp: 5 }), `${encode({ alg: 'dir' })}.a.b.c.d`, token({ iat: 0, exp: 60 }, 'HS512')];
    const report = reportOf([...text, ...rest].join('\n'), HOUR);
    expect(report).toEqual({
      ...{ tokens: 5, others: 1, encrypted: 1, endless: 1, undated: 1, longestMs: 90_000_000, tooLong: 1 },
      algorithms: { HS256: 4, HS512: 1 },
    });
    expect(JSON.stringify(report)).not.toContain(good.slice(0, 12));
    expect(reportOf(token({ iat: 0, exp: 1 }, 'x'.repeat(40)), HOUR).algorithms).toEqual({ other: 1 });
    expect(reportOf('', HOUR)).toMatchObject({ tokens: 0, tooLong: 0 });
    expect(reportOf(`${encode([1])}.x.y null.null.null`, HOUR).tokens).toBe(0);
  });

  it.each<[string, string, Check['verdict']]>([
    ['live as long as they may', good, 'Ok'],
    ['live longer', token({ iat: 0, exp: 3_601 }), 'Problem'],
    ['never expire', `${good} ${token({ iat: 0 })}`, 'Problem'],
    ['do not say when they were issued', `${good} ${token({ exp: 9 })}`, 'Unknown'],
    ['end before they begin', `${good} ${token({ iat: 9, exp: 3 })}`, 'Unknown'],
    [
      'say something else than a time',
      `${good} ${token({ iat: 1, exp: '9' })} ${token({ iat: -1e300, exp: 1 })}`,
      'Unknown',
    ],
    ['are encrypted', `${good} ${encode({ alg: 'dir' })}.a.b.c.d`, 'Unknown'],
  ])('that %s', (_, text, verdict) => {
    const ttl = { ...resource({ appCheck: FIT }), spec: { ...WELL.resource.spec, maxTokenTTL: '1h' } };
    const tokens = reportOf(text, HOUR);
    expect(of({ resource: ttl, tokens })['token-lifetime']?.verdict).toBe(verdict);
  });

  it('that name anything as their algorithm make no long answer', () => {
    const text = Array.from({ length: 5_000 }, (_, i) => token({ iat: 0, exp: 60 }, `a${i}`)).join(' ');
    const tokens = reportOf(text, HOUR);
    expect(tokens.algorithms).toEqual({ other: 5_000 });
    expect(of({ tokens }).algorithm?.evidence.length).toBeLessThan(200);
  });

  it.each<[string, string, string]>([
    [
      'one of two without exp',
      `${good} ${token({ iat: 0 })}`,
      '1 of 2 tokens says how long it lives, the longest for 1h; maxTokenTTL is 1h; 1 has no exp and never expires',
    ],
    [
      'one that lives longer',
      token({ iat: 0, exp: 7_200 }),
      '1 of 1 token says how long it lives, the longest for 2h; maxTokenTTL is 1h; 1 lives longer than that',
    ],
    [
      'one of each',
      `${token({ exp: 1 })} ${encode({ alg: 'dir' })}.a.b.c.d x`,
      '0 of 1 token say how long they live; maxTokenTTL is 1h; 1 does not say how long it lives; 1 is encrypted; 1 word is no token',
    ],
  ])('are told in numbers that add up: %s', (_, text, evidence) => {
    const ttl = { ...resource({ appCheck: FIT }), spec: { ...WELL.resource.spec, maxTokenTTL: '1h' } };
    expect(of({ resource: ttl, tokens: reportOf(text, HOUR) })['token-lifetime']?.evidence).toBe(evidence);
  });

  it.each(['RS256', 'PS384', 'ES256', 'ES256K', 'EdDSA'])(
    'that are signed with a private key (%s) are not for rekey',
    (alg) => {
      const remedy = (text: string) => of({ tokens: reportOf(text, HOUR) }).algorithm?.remedy;
      expect(remedy(token({ iat: 0, exp: 60 }, alg))).toBe(
        `rekey is not for tokens signed by ${alg}, which have no shared key (docs/comparison.md)`,
      );
      expect(remedy(token({ iat: 0, exp: 60 }, 'HS512'))).toBe(
        'set spec.key.algorithm to HS512, or change the services',
      );
    },
  );

  it('in a file that is not there are wrong usage', async () => {
    const operations = { get: async () => resource() } as never;
    const refused = doctor(operations, {} as never, 'my-jwt', { tokens: '/no/such/file' });
    await expect(refused).rejects.toMatchObject({ exit: 2, message: expect.stringContaining('there is no such file') });
  });

  it('that are signed by another algorithm', () => {
    const tokens = reportOf(token({ iat: 0, exp: 60 }, 'RS256'), HOUR);
    expect(problems({ tokens })).toEqual(['algorithm']);
    expect(of({ tokens }).algorithm?.evidence).toContain('1 by RS256');
  });
});
