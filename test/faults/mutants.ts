/**
 * Broken operators: each has one or two mistakes in production sources, and trips the oracles that it names.
 */
import type { Patch } from '../mutants/patches.ts';
import { ASKS_NOBODY, WAY_MUTANTS } from './mutants-ways.ts';
import type { Plan } from './plan.ts';

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** The plan by name; a rotation without faults if absent. */
  readonly plan?: string;
  readonly workload?: Plan['workload'];
  /** What it must be caught by. */
  readonly trips: readonly string[];
}

const restarting = (find: string, replace: string): Patch => ({ file: 'src/rotation/act/restart.ts', find, replace });
const writing = (find: string, replace: string): Patch => ({ file: 'src/rotation/act/write-secret.ts', find, replace });
const progress = (find: string, replace: string): Patch => ({ file: 'src/rotation/plan/progress.ts', find, replace });

/** Without it the guard would keep most of these mutants from doing harm: that is its purpose. */
const NO_GUARD: Patch = {
  file: 'src/rotation/plan/safe-write.ts',
  find: 'return [...w1(',
  replace: 'if (next) return [];\n  return [...w1(',
};
const UNCONDITIONAL = writing(
  'const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };',
  'const body = patch;',
);
/** The one place where the Secret is written. */
const PUT = 'const written = await this.#put(';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'retires the old key at once',
    // nor does it wait for nodes that lag behind, for answers or for a fresh look: tokens of the campaign are dead by then
    patches: [
      {
        file: 'src/rotation/plan/progress.ts',
        find: "  if (step !== undefined && (due || step.action.type !== 'wait')) return step;\n",
        replace: '',
      },
      {
        file: 'src/rotation/plan/write-gate.ts',
        find: 'if (!facts.live) return { action: confirm,',
        replace: 'if (facts.now < 0) return { action: confirm,',
      },
      { file: 'src/rotation/plan/write-gate.ts', find: 'return Math.max(', replace: 'return 0 * Math.max(' },
      {
        file: 'src/rotation/plan/write-gate.ts',
        find: 'if (facts.now < settled) {',
        replace: 'if (facts.now < 0 * settled) {',
      },
    ],
    trips: ['W2: no key lost'],
  },
  {
    name: 'drops the old key when it promotes',
    // nor does it find that its own annotations contradict each other then
    patches: [
      NO_GUARD,
      {
        file: 'src/rotation/keyset/plausible.ts',
        find: 'if (needed !== undefined && ',
        replace: 'if (needed === null && ',
      },
      {
        file: 'src/rotation/keyset/writes.ts',
        find: "verify: [kidOf(keyset, 'staged'), sign, ...found] };",
        replace: "verify: [kidOf(keyset, 'staged'), ...found] };",
      },
    ],
    trips: ['no token rejected'],
  },
  {
    name: 'promotes without an acknowledgement',
    patches: [
      NO_GUARD,
      progress(
        "const step = roll(facts, keyset, requirements, { rows, replaceable, maxAgeMs, phase: 'Staging' });",
        "const step = roll(facts, keyset, requirements, { rows, replaceable, maxAgeMs, phase: 'Staging' })?.action.type === 'never' ? undefined : undefined;",
      ),
    ],
    trips: ['W1 by what pods hold', 'every signer verified by every pod'],
  },
  {
    name: 'restarts nothing and believes that all is well',
    patches: [
      NO_GUARD,
      {
        file: 'src/rotation/plan/roll.ts',
        find: '  const progress = describe(requirements, rows);\n',
        replace: '  if (now > 0) return undefined;\n  const progress = describe(requirements, rows);\n',
      },
    ],
    trips: ['the new key is accepted everywhere', 'old keys are refused everywhere'],
  },
  {
    name: 'makes another key when it tries again',
    patches: [
      UNCONDITIONAL,
      writing(
        PUT,
        `if (write.transition === 'stage') {
      const other = { key: newKey(settings.keyBytes), ack: newKey(MIN_KEY_BYTES) };
      const more = new Map([...materials, [other.key.kid, other.key.material], [other.ack.kid, other.ack.material]]);
      const first = patchFor(advance(before, write, other, now), more, names, burnt);
      await this.#put(namespace, settings.secretName, first, secret?.metadata.resourceVersion);
    }
    ${PUT}`,
      ),
    ],
    trips: ['one key a rotation'],
  },
  {
    name: 'ends an emergency without a pod being asked',
    patches: ASKS_NOBODY,
    workload: 'emergency',
    trips: ['burnt keys are dead'],
  },
  {
    name: 'evicts whoever can be spared, again and again',
    patches: [
      {
        file: 'src/rotation/plan/roll.ts',
        find: 'replaceable = [...rows.stale, ...rows.unfit],',
        replace: 'replaceable = [...rows.met],',
      },
      {
        file: 'src/rotation/plan/converge.ts',
        find: 'if (pod.readUpTo === undefined || hasLoadedNewest(pod, keyset)) return false;',
        replace: 'if (hasLoadedNewest(pod, keyset)) return true;',
      },
    ],
    trips: ['replacements have a bound'],
  },
  {
    name: 'counts no versions',
    patches: [
      {
        file: 'src/rotation/keyset/transition.ts',
        find: 'function rewrite(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {\n  const version = keyset.version + 1;',
        replace:
          'function rewrite(keyset: Keyset, write: Write, fresh: Fresh, now: number): Keyset {\n  const version = keyset.version;',
      },
    ],
    trips: ['version rises'],
  },
  {
    name: 'never promotes',
    patches: [progress('if (!facts.window.open) return outsideWindow(', 'if (facts.now > 0) return outsideWindow(')],
    trips: ['it ends in time'],
  },
  {
    name: 'calls a success a failure',
    patches: [progress("=== undefined ? 'Completed' : 'RolledBack'", "=== undefined ? 'RolledBack' : 'Completed'")],
    trips: ['the outcome is right'],
  },
  {
    name: 'writes over what belongs to others',
    patches: [
      {
        file: 'src/rotation/secret/secret-data.ts',
        find: '[DATA.keyId]: base64(',
        replace: "OTHER: base64(Buffer.from('gone')),\n    [DATA.keyId]: base64(",
      },
    ],
    trips: ['only our fields change'],
  },
  {
    name: 'logs a key',
    patches: [
      writing(
        PUT,
        `process.stdout.write(\`\${JSON.stringify({ level: 'info', message: Buffer.from(patch.data?.JWT_SECRET_KEY ?? '', 'base64').toString() })}\\n\`);\n    ${PUT}`,
      ),
    ],
    trips: ['no key byte is told'],
  },
  {
    name: 'looks again all the time',
    // twenty times each time: a busy machine does not come round often
    patches: [
      {
        file: 'src/rotation/observe/world.ts',
        find: '  return orUndefined(client.get(SECRETS, { namespace, name }));',
        replace:
          '  for (let i = 1; i < 20; i += 1) await orUndefined(client.get(SECRETS, { namespace, name }));\n  return orUndefined(client.get(SECRETS, { namespace, name }));',
      },
      {
        file: 'src/rotation/reconciler.ts',
        find: "if (action.type === 'wait' || action.type === 'confirm') {",
        replace:
          "if (action.type === 'wait' || action.type === 'confirm') {\n      memory.forgetSecret();\n      if (facts.now > 0) return { requeueAfterMs: 5 };",
      },
    ],
    trips: ['few API calls'],
  },
  {
    name: 'reads all Secrets of the namespace',
    patches: [
      {
        file: 'src/rotation/observe/world.ts',
        find: '  return orUndefined(client.get(SECRETS, { namespace, name }));',
        replace:
          '  await client.list(SECRETS, { namespace }).catch(() => undefined);\n  return orUndefined(client.get(SECRETS, { namespace, name }));',
      },
    ],
    trips: ['only our rights'],
  },
  {
    name: 'dies of a rejection that nobody handles',
    patches: [
      writing(
        PUT,
        `if (write.transition === 'promote') setTimeout(() => Promise.reject(new Error('nobody handles this')), 100);\n    ${PUT}`,
      ),
    ],
    trips: ['the operator lives'],
  },
  {
    name: 'writes on no condition, and does not ask whether it leads',
    patches: [
      UNCONDITIONAL,
      {
        file: 'src/runtime/lease.ts',
        find: 'assertLeading(): void {',
        replace: 'assertLeading(): void {\n    if (this.#renewDeadlineMs > 0) return;',
      },
    ],
    plan: 'stands still for 19 s at patch secrets @Staging #1 before it is sent on, 2 replicas',
    trips: ['old leaders write nothing'],
  },
  {
    name: 'takes a write for as old as its request',
    patches: [
      {
        file: 'src/rotation/secret/landing.ts',
        find: 'if (keyset.attempts.lastWriteAt !== writtenAt) return keyset;',
        replace: 'if (keyset.attempts.lastWriteAt !== 0 * writtenAt) return keyset;',
      },
    ],
    plan: 'patch secrets @Staging #1: comes 2 s late',
    trips: ['writes count from when they were taken'],
  },
  {
    name: 'stamps twice',
    patches: [
      restarting(
        'const options = { fieldManager: FIELD_MANAGER, force: true };',
        `const options = { fieldManager: FIELD_MANAGER, force: true };
      const wrong = { ...body, spec: { template: { metadata: { annotations: { 'rekey.dev/keyset-version': \`0\${version}\` } } } } };
      await client.apply(type, { namespace, name }, wrong, options);`,
      ),
    ],
    trips: ['few restarts'],
  },
  ...WAY_MUTANTS,
];
