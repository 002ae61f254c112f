/** The report of a rotation: true to its record, safe whatever the record says, and readable without colours and scripts. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { HtmlValidate } from 'html-validate';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import type { Html } from '../../../src/cli/report/html.ts';
import { type Report, reportOf } from '../../../src/cli/report/model.ts';
import { reportPage } from '../../../src/cli/report/page.ts';
import { STYLE } from '../../../src/cli/report/style.ts';
import { reportText } from '../../../src/cli/report/text.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { type AuditRecord, appendRecord, verifyLog } from '../../../src/rotation/audit/audit-log.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { visible } from '../../../src/rotation/people/text.ts';
import { type DemoRun, trafficSection } from '../../demo/page.ts';
import { folderOf } from '../../support/env/folder.ts';

/** A rotation and an emergency of a real operator on a real API server: test/apiserver/audit.test.ts writes it with REKEY_RECORD=1. */
const FIXTURE = resolve(import.meta.dirname, '../../support/report/audit.json');
const { data } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { readonly data: Record<string, string> };
const LOG = data['audit.jsonl'] ?? '';
const [ROTATION, EMERGENCY] = LOG.split('\n').map((line) => JSON.parse(line || '{}') as AuditRecord);
const NOW = Date.UTC(2027, 0, 1);
const made = (log: string, seq?: number, name = 'audit.json') =>
  reportOf({ name, log, ...(data['ledger.json'] !== undefined && { ledger: data['ledger.json'] }) }, seq, NOW);

/** A log of one record: the real one, otherwise than it was. */
const logOf = (edit: object) => appendRecord('', { ...(ROTATION as AuditRecord), ...edit }).log;

const NASTY =
  '</style></script><script>alert(1)</script><img src=x onerror="a">\'"&amp;\u202ecba\u0007\u001b[2J\ud800 שלום';
/** Controls, what turns the direction of writing round, and halves of characters. */
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}]/u;
const nastyKey = { kid: NASTY, fp: NASTY };
const NASTY_LOG = logOf({
  ...{ rotationId: NASTY, resource: NASTY, environment: NASTY, trigger: NASTY, actor: NASTY, reason: NASTY },
  ...{ from: nastyKey, to: nastyKey, outcome: NASTY, failure: NASTY, inferred: NASTY },
  targets: [{ kind: NASTY, name: NASTY, level: NASTY, pods: 1 }],
  emergency: { nonce: NASTY, seconds: 1, burnt: [{ kid: `${NASTY}2` }] },
  steps: [
    {
      ...{ phase: NASTY, keysetVersion: 1, at: ROTATION?.startedAt },
      targets: [{ name: NASTY, proved: { [NASTY]: ROTATION?.finishedAt }, inferred: [`${NASTY}3`], more: 2 }],
    },
  ],
});

async function ran(
  args: readonly string[],
  connect: () => Promise<Operations> = () => Promise.reject(new Error('no cluster is needed')),
): Promise<{ readonly code: number; readonly out: string; readonly told: string }> {
  const said = { out: '', told: '' };
  const terminal = {
    print: (text: string) => {
      said.out += text;
    },
    printErr: (text: string) => {
      said.told += text;
    },
    ...{
      closed: () => false,
      clear: () => undefined,
      interactive: false,
      question: async () => undefined,
      now: () => NOW,
    },
  };
  const code = await runCommand(args, { terminal, connect });
  return { code, ...said };
}

describe('a report', () => {
  it('says of each pod what it proved and when, of each phase how long it lasted, of each key how long it was known', () => {
    const { phases, keys, seconds, inferred, notRecorded, chain } = made(LOG, 1);
    expect(phases.map(({ phase }) => phase)).toEqual(['Staging', 'Promoting', 'Draining', 'Retiring']);
    expect(phases.reduce((sum, phase) => sum + phase.seconds, 0)).toBeGreaterThanOrEqual(seconds - phases.length);
    const proofs = phases.flatMap(({ targets }) => targets.flatMap(({ proved = {} }) => Object.entries(proved)));
    expect(proofs).toHaveLength(10);
    const text = reportText(made(LOG, 1));
    for (const [pod, at] of proofs) {
      expect(text).toMatch(new RegExp(`${pod} +\\w+ +${at.slice(11, 23)}`));
      expect(reportPage(made(LOG, 1))).toContain(`canary at ${at.slice(11, 23)}`);
    }
    expect(keys.map(({ part, state, fingerprint }) => [part, state, typeof fingerprint])).toEqual([
      ['old', 'retired', 'string'],
      ['new', 'burnt', 'string'],
    ]);
    expect([inferred, notRecorded, chain.broken]).toEqual([[], [], undefined]);
  });

  it('says of an emergency how long a burnt key was accepted, and what it cannot know', () => {
    const report = made(LOG);
    expect(report.rotation).toMatchObject({ seq: 2, trigger: 'Emergency' });
    expect(report.keys.some(({ part }) => part === 'burnt')).toBe(true);
    expect(reportText(report)).toMatch(/burnt keys gone +\d+ s after the new key was written/);
    expect(report.notRecorded.join()).toContain('What the leaked key was used for');
  });

  it('of an emergency begins with what leaked, when it died, and what was lost', () => {
    const { rotation, keys } = made(LOG, 2);
    const burnt = keys.filter(({ part }) => part !== 'new').map(({ kid }) => kid);
    const [page, text] = [reportPage(made(LOG, 2)), reportText(made(LOG, 2))];
    for (const shown of [page, text]) {
      const places = ['What was leaked', 'When it died', 'What was lost', 'Phases'].map((title) =>
        shown.indexOf(title),
      );
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      expect(places[0]).toBeGreaterThan(0);
      expect(shown).toContain(`Burnt for good: ${burnt.length} key`);
      expect(burnt.filter((kid) => !shown.includes(kid))).toEqual([]);
      expect(shown).toMatch(new RegExp(`within ${rotation.emergency?.seconds} s, no pod of a target was left`));
      expect(shown).toContain('Every token that a burnt key has signed, the good ones too');
      expect(shown).toMatch(/every pod refuses the burnt keys/);
    }
    expect(text).toMatch(/^\S+: EMERGENCY, record 2, Completed: /);
  });

  it.each([
    [
      'was cut off by another',
      { outcome: 'Interrupted', emergency: undefined },
      'does not say that the burnt keys are gone',
    ],
    ['rests on conclusions', { inferred: 'worker has no canary' }, 'in part that is a conclusion'],
  ])('of an emergency that %s says no more than its record', (_, edit, verdict) => {
    const report = made(logOf({ ...EMERGENCY, ...edit }));
    for (const shown of [reportPage(report), reportText(report)]) {
      expect(shown).toContain(verdict);
      expect(shown).not.toContain('every pod refuses the burnt keys');
      expect(shown).not.toContain('Each pod was asked');
    }
  });

  it('of an emergency looks otherwise than that of a rotation, and not green', () => {
    const [rotation, emergency] = [reportPage(made(LOG, 1)), reportPage(made(LOG, 2))];
    expect(emergency).toContain('<body class="emergency">');
    expect(emergency).toMatch(/<p class="alarm">Emergency: a key was reported as leaked<\/p>/);
    expect(emergency).toMatch(/<title>Emergency 2 of /);
    expect(emergency.slice(emergency.indexOf('<body'))).not.toMatch(/class="[^"]*\bgood\b/);
    expect(rotation).toContain('<p class="verdict good">✓ <bdi>Completed</bdi></p>');
    expect(rotation.slice(rotation.indexOf('<body'))).not.toMatch(/class="(?:emergency|alarm|losses|[^"]*burnt)/);
    expect(reportText(made(LOG, 1))).not.toContain('EMERGENCY');
  });

  it.each<[string, object, keyof Pick<Report, 'inferred' | 'notRecorded'>, string]>([
    [
      'an earlier version wrote it',
      { steps: undefined },
      'notRecorded',
      'Phases and pods: an earlier version of rekey',
    ],
    [
      'another operator saw the beginning',
      { steps: ROTATION?.steps?.slice(1) },
      'notRecorded',
      `What came before ${ROTATION?.steps?.[1]?.at}`,
    ],
    ['a newer rotation had begun', { targets: [] }, 'notRecorded', 'The targets at the end'],
    ['an emergency cut it off', { outcome: 'Interrupted' }, 'notRecorded', 'How the pods went on'],
    [
      'its end was concluded',
      { inferred: 'no canary' },
      'inferred',
      'The end rests in part on conclusions: no canary.',
    ],
    [
      'a target has no canary',
      { targets: [{ kind: 'Deployment', name: 'job', level: 'Inferred', pods: 1 }] },
      'inferred',
      'Deployment/job: what its pods held was concluded',
    ],
    [
      'a pod was concluded',
      { steps: [{ ...ROTATION?.steps?.[0], targets: [{ name: 'Deployment/job', inferred: ['job-1'], more: 7 }] }] },
      'inferred',
      'Staging, Deployment/job: that job-1 had loaded the keys was concluded',
    ],
  ])('makes nothing up when %s', (_, edit, where, said) => {
    const report = made(logOf(edit));
    expect(report[where].join('\n')).toContain(said);
    for (const text of [reportText(report), reportPage(report)]) expect(text).toContain(said);
  });

  it('says of the way back which key signs and which one leaves', () => {
    const steps = ROTATION?.steps?.map((step, i) => (i === 0 ? step : { ...step, back: true }));
    const { phases } = made(logOf({ outcome: 'RolledBack', steps }));
    expect(phases.map(({ phase }) => phase)).toEqual([
      'Staging',
      'Promoting (back)',
      'Draining (back)',
      'Retiring (back)',
    ]);
    const [, promoting, draining, retiring] = phases;
    expect(promoting?.meaning).toContain('the old key signs again, the new key is still accepted');
    expect(draining?.meaning).toContain('No pod can sign with the new key any more');
    expect(retiring?.proof).toBe('accepts the old key, refuses the new key and made-up ones');
  });

  it('says first that the status knows of a later rotation', () => {
    const rotation = {
      ...{ id: 'r9', trigger: 'Schedule', actor: 'rekey', reason: '' },
      ...{ from: 'k-1', to: 'k-2' },
    };
    const later = { id: 'r8', trigger: 'Schedule', outcome: 'Aborted', finishedAt: '2026-12-24T00:00:00Z' } as const;
    const status = { phase: 'Draining', rotation: { ...rotation, startedAt: '2026-12-25T00:00:00Z' } } as const;
    const notes = (history: readonly object[]) => {
      const metadata = { name: 'my-jwt', namespace: 'shop' };
      const source = { name: 'x', log: LOG, resource: { metadata, status: { ...status, history } } as never };
      const report = reportOf(source, undefined, NOW);
      for (const note of report.notes) {
        expect(reportText(report)).toContain(note);
        expect(reportPage(report).indexOf(note)).toBeLessThan(reportPage(report).indexOf('<h2>'));
      }
      return report.notes;
    };
    expect(notes([later])).toEqual([
      expect.stringContaining('A later rotation, Aborted at 2026-12-24T00:00:00Z, is not in the log yet'),
      'A rotation is under way since 2026-12-25T00:00:00Z, in phase Draining. It is recorded when it has ended.',
    ]);
    expect(notes([{ ...later, id: ROTATION?.rotationId }])).toHaveLength(1);
    expect(made(LOG).notes).toEqual([]);
  });

  it('says that the chain is broken, at the top, and exits with 1 after it was made', async () => {
    const edited = LOG.replace('"outcome":"Completed"', '"outcome":"Aborted"');
    const file = join(folderOf({}), 'broken.json');
    writeFileSync(file, JSON.stringify({ data: { 'audit.jsonl': edited } }));
    const { code, out, told } = await ran(['report', '--file', file, '-o', 'html']);
    expect(out.indexOf('The log is BROKEN')).toBeGreaterThan(0);
    expect(out.indexOf('The log is BROKEN')).toBeLessThan(out.indexOf('<h2>'));
    expect([code, told]).toEqual([1, `${file}: the chain of the log is broken, and the report says so\n`]);
  });
});

/** What a demonstration with so many rejected tokens found out. */
const run = (rejected: number): DemoRun => ({
  ...{ endedAt: NOW, lastedMs: 34_000, issued: 1121, checks: 61_702, rejected, rejectedYoung: rejected },
  ...{ rejectedTokens: rejected, byService: { main: { checks: 22_086, rejected } }, oldKey: 'none of 7 pods' },
});

describe('the page of a report', () => {
  const validator = new HtmlValidate({
    extends: ['html-validate:recommended', 'html-validate:a11y'],
    // a resource may have a long name
    rules: { 'long-title': 'off' },
  });

  it.each([
    ['a rotation', made(LOG, 1)],
    ['an emergency', made(LOG, 2)],
    ['a record without steps', made(logOf({ steps: undefined }))],
    ['a record that attacks', made(NASTY_LOG, 1, NASTY)],
    ['the demo', made(LOG, 1), trafficSection(run(0), run(7))],
  ])('of %s is valid, and loads and sends nothing', async (_, report, more?: Html) => {
    const page = reportPage(report, more);
    const { results } = await validator.validateString(page);
    expect(results.flatMap(({ messages }) => messages.map(({ message, line }) => `${line}: ${message}`))).toEqual([]);
    const tags = (page.match(/<[^>]*>/g) ?? []).join('\n');
    expect(tags).not.toMatch(/<(?:script|link|iframe|object|form|base|img)\b|\son\w+=|\s(?:src|href|style)=/);
    expect(page).not.toMatch(/https?:|url\(|@import/);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1] ?? '';
    const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy.replaceAll('&#39;', "'")).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
  });

  it('has no element and no invisible character that a record brings', () => {
    const elements = (page: string) => [...new Set([...page.matchAll(/<\/?([a-z][\w-]*)/gi)].map(([, name]) => name))];
    const page = reportPage(made(NASTY_LOG, 1, NASTY));
    const plain = new Set([
      ...elements(reportPage(made(LOG, 1))),
      ...elements(reportPage(made(LOG, 2))),
      'ul',
      'li',
      'strong',
    ]);
    expect(elements(page).filter((name) => !plain.has(name))).toEqual([]);
    expect(page).not.toMatch(UNSEEN);
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    // whoever writes from right to left may do so, in a place of its own
    expect(page).toMatch(/<bdi>[^<]*שלום/);
    expect(visible(reportText(made(NASTY_LOG, 1, NASTY))).toWellFormed()).not.toMatch(UNSEEN);
  });

  it('has the usual way beside the rotation of the demo, once it was run', () => {
    const rows = (section: Html) =>
      [...section.text.matchAll(/<tr>(.*)<\/tr>/g)].map(([, row = '']) => row.match(/>[^<]+</g));
    const rejected = (section: Html) => rows(section).find((row) => row?.[0] === '>Valid tokens rejected<');
    expect(rejected(trafficSection(run(0), run(7)))).toEqual(['>Valid tokens rejected<', '>0<', '>7<']);
    expect(rejected(trafficSection(run(0), undefined))).toEqual(['>Valid tokens rejected<', '>0<']);
  });

  it.each(['light', 'dark'])('has enough contrast in %s', (mode) => {
    const [light = '', dark = ''] = [...STYLE.matchAll(/:root \{([^}]*)\}/g)].map(([, body]) => body);
    const colours = (body: string) =>
      Object.fromEntries([...body.matchAll(/--(\w+): (#\w+)/g)].map(([, n, c]) => [n, c]));
    const all: Record<string, string> = mode === 'light' ? colours(light) : colours(dark);
    const channel = (c: number) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const luminance = (name: string) => {
      const hex = (all[name] ?? '').slice(1).replace(/^(.)(.)(.)$/, '$1$1$2$2$3$3');
      const [r = 0, g = 0, b = 0] = [0, 2, 4].map((i) => channel(Number.parseInt(hex.slice(i, i + 2), 16) / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a: string, b: string) => {
      const [one, two] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
      return ((one ?? 0) + 0.05) / ((two ?? 0) + 0.05);
    };
    const texts = ['text', 'soft', 'good', 'bad'].flatMap((name) => [
      [name, 'page'],
      [name, 'panel'],
    ]);
    const pairs = [...texts, ['text', 'odd'], ['text', 'even'], ['mark', 'odd'], ['mark', 'even']];
    expect(
      pairs.map((pair) => [...pair, contrast(pair[0] ?? '', pair[1] ?? '')]).filter(([, , c]) => Number(c) < 4.5),
    ).toEqual([]);
  });
});

describe('the command', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-report-'));
  writeFileSync(join(dir, 'kept.html'), 'kept');
  afterAll(() => rmSync(dir, { recursive: true }));

  it.each([
    ['text', [], (text: string) => text.startsWith('scene-')],
    ['a page', ['-o', 'html'], (text: string) => text.startsWith('<!DOCTYPE html>')],
    ['JSON', ['-o', 'json'], (text: string) => JSON.parse(text).rotation.seq === 2],
    ['YAML', ['-o', 'yaml'], (text: string) => text.startsWith('madeAt:')],
  ])('prints %s', async (_, args, isRight) => {
    const { code, out, told } = await ran(['report', '--file', FIXTURE, ...args]);
    expect([code, told, isRight(out)]).toEqual([0, '', true]);
  });

  it('writes a new file in the format of its name', async () => {
    for (const [name, start] of [
      ['a.html', '<!DOCTYPE'],
      ['a.json', '{'],
      ['a.yml', 'madeAt'],
      ['a', 'scene-'],
    ] as const) {
      const to = join(dir, name);
      expect(await ran(['report', '-f', FIXTURE, '--to', to])).toEqual({ code: 0, out: '', told: `written: ${to}\n` });
      expect(readFileSync(to, 'utf8').slice(0, start.length)).toBe(start);
    }
  });

  it.each([
    ['nothing to report on', ['report'], 2, 'give a name, or --file'],
    ['two things', ['report', 'jwt', '--file', FIXTURE], 2, 'give a name, or --file'],
    ['an empty name', ['report', ''], 2, 'a name must not be empty'],
    ['no such file', ['report', '-f', '/none'], 2, '/none: there is no such file'],
    ['no audit log', ['report', '-f', join(import.meta.dirname, 'report.test.ts')], 2, 'it is neither JSON nor YAML'],
    ['a record that is not there', ['report', '-f', FIXTURE, '--rotation', '9'], 1, 'has the records 1 to 2'],
    ['no number', ['report', '-f', FIXTURE, '--rotation', 'last'], 2, "option '--rotation <number>' argument 'last'"],
    ['another format', ['report', '-f', FIXTURE, '-o', 'wide'], 2, '-o wide: a report can be html, json, yaml'],
    ['a page of something else', ['status', '-o', 'html'], 2, '-o html: status makes no page'],
    [
      'a file that is there',
      ['report', '-f', FIXTURE, '--to', join(dir, 'kept.html')],
      1,
      'there is such a file already',
    ],
    ['a folder that is not there', ['report', '-f', FIXTURE, '--to', '/none/a.html'], 1, '--to /none/a.html: '],
  ])('refuses %s', async (_, args, code, said) => {
    const result = await ran(args);
    expect(result).toMatchObject({ code, out: '' });
    expect(result.told).toContain(said);
    expect(readFileSync(join(dir, 'kept.html'), 'utf8')).toBe('kept');
  });

  it.each([
    ['startedAt', { startedAt: 'soon' }],
    ['targets', { targets: 'all' }],
    ['from', { from: { kid: 7 } }],
    ['steps', { steps: [{ phase: 'Staging', keysetVersion: 1, at: 'x', targets: [] }] }],
    ['emergency', { emergency: { nonce: 'n', seconds: 1.5, burnt: [] } }],
  ])('names the field %s of a record that somebody has made up', async (field, edit) => {
    const file = join(dir, `${field}.json`);
    writeFileSync(file, JSON.stringify({ data: { 'audit.jsonl': logOf(edit) } }));
    const { code, out, told } = await ran(['report', '-f', file]);
    expect([code, out]).toEqual([1, '']);
    expect(told).toContain(`record 1 cannot be shown: field ${field}: `);
  });

  it.each([
    ['has none', 'NotFound', /^ConfigMap shop\/jwt-rekey: there is none: no rotation has ended yet/],
    ['may not read it', 'Forbidden', /configmaps.*jwt-rekey.*[Ff]orbidden|[Ff]orbidden.*configmaps/],
  ] as const)('says where it looked when whoever asks %s', async (_, code, said) => {
    const why = new KubeError({ code, verb: 'get', resource: 'configmaps', name: 'jwt-rekey' });
    const operations = {
      namespace: 'shop',
      get: async () => ({ metadata: { name: 'jwt' }, spec: { secretName: 'jwt' } }),
      configMap: () => Promise.reject(why),
    } as unknown as Operations;
    const result = await ran(['report', 'jwt'], async () => operations);
    expect(result).toMatchObject({ code: 1, out: '', told: expect.stringMatching(said) });
  });

  it('shows no text that looks like a key, in whatever field somebody has put it', async () => {
    const key = 'deadbeef'.repeat(8);
    const at = ROTATION?.startedAt;
    const fields = [
      'rotationId',
      'resource',
      'environment',
      'trigger',
      'actor',
      'reason',
      'outcome',
      'failure',
      'inferred',
    ];
    const log = logOf({
      ...Object.fromEntries(fields.map((name) => [name, `a ${key}`])),
      targets: [{ kind: key, name: key, level: key, pods: 1 }],
      emergency: { nonce: key, seconds: 1, burnt: [] },
      steps: [{ phase: key, keysetVersion: 1, at, targets: [{ name: key, proved: { [key]: at }, inferred: [key] }] }],
    });
    const report = made(log);
    for (const text of [reportText(report), reportPage(report), JSON.stringify(report)])
      expect(text).not.toContain(key);
    const broken = made(log.replace('"seq":1', '"seq":2'));
    expect(broken.chain.broken).toContain('was changed');
    expect(JSON.stringify(broken)).not.toContain(key);
  });

  it.each<[string, object]>([
    ['a long text', { environment: 'e'.repeat(100_000) }],
    ['a long id', { rotationId: 'i'.repeat(100_000) }],
    ['many steps', { steps: Array.from({ length: 5_000 }, () => ROTATION?.steps?.[0]) }],
    ['many targets', { targets: Array.from({ length: 5_000 }, () => ROTATION?.targets[0]) }],
    [
      'many pods',
      {
        steps: [
          {
            ...{ phase: 'Staging', keysetVersion: 1, at: ROTATION?.startedAt },
            targets: Array.from({ length: 200 }, (_, i) => ({
              name: `t${i}`,
              proved: Object.fromEntries(Array.from({ length: 10 }, (__, j) => [`p${i}-${j}`, ROTATION?.startedAt])),
            })),
          },
        ],
      },
    ],
  ])('refuses a record that rekey cannot have written: %s', (_, edit) => {
    expect(() => made(logOf(edit))).toThrow(/record 1 cannot be shown: field \w+: (is longer|has more|names more)/);
    // nor does a chain that is broken there make a long line
    const log = logOf(edit).replace('"seq":1', '"seq":2');
    expect(verifyLog(log).broken?.length).toBeLessThan(200);
  });

  it('looks at nothing of an earlier record that it has not seen', () => {
    const { log } = appendRecord('', { ...ROTATION, startedAt: { toString: 1, valueOf: 1 } } as never);
    const from = { kid: ROTATION?.to.kid ?? '' };
    const { log: both } = appendRecord(log, { ...(ROTATION as AuditRecord), rotationId: 'later', from });
    expect(made(both).keys[0]).toEqual({
      kid: from.kid,
      part: 'old',
      state: expect.anything(),
      stateSince: expect.anything(),
    });
  });

  it('claims no answer that is not recorded, and says where the phases may have been cut off', () => {
    const { steps: _, ...rest } = ROTATION as AuditRecord;
    const bare = made(appendRecord('', { ...rest, outcome: 'Interrupted', targets: [] }).log);
    for (const text of [reportText(bare), reportPage(bare)]) expect(text).not.toMatch(/every pod that was asked/);
    const [step] = ROTATION?.steps ?? [];
    const back = made(logOf({ steps: Array.from({ length: 16 }, () => step) }));
    expect(back.notRecorded).toContain('What came after phase 16, if anything did: a record holds 16 phases at most.');
  });
});
