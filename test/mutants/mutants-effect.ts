/**
 * Mistakes in effects: the planner is right, and the wrong thing is done.
 */
import type { Mutant } from './mutant.ts';

const WRITE_SECRET = 'src/rotation/act/write-secret.ts';
const REQUESTS = 'src/rotation/requests/requests.ts';
const POD_FACTS = 'src/rotation/observe/pod-facts.ts';
const KEYS = 'src/rotation/secret/keys.ts';
const WORLD_WRITE = 'test/explore/write.ts';

export const EFFECT_MISTAKES: readonly Mutant[] = [
  {
    name: 'key generated anew on retry',
    patches: [
      {
        file: WRITE_SECRET,
        find: 'const written = await this.#put(namespace, settings.secretName, body, secret?.metadata.resourceVersion, options);',
        replace: `let written: Secret;
          try {
            written = await this.#put(namespace, settings.secretName, body, secret?.metadata.resourceVersion, options);
          } catch {
            const again = await getSecret(this.#options.client, namespace, settings.secretName);
            return this.#writeOnto(again, namespace, facts, write);
          }`,
      },
    ],
    check: { by: 'effect', effect: 'answerLost', oracles: ['I9'] },
  },
  {
    name: 'tried again without a look at what is there',
    patches: [
      {
        file: WRITE_SECRET,
        find: 'if (!saysTheSame(secret, read, settings)) return',
        replace: 'if (tries === 0) return',
      },
    ],
    check: { by: 'effect', effect: 'doubled', oracles: ['I9'] },
  },
  {
    name: 'lost update: no resourceVersion',
    patches: [
      {
        file: WRITE_SECRET,
        find: 'const body = { ...patch, metadata: { ...patch.metadata, resourceVersion } };',
        replace: 'const body = patch;',
      },
    ],
    check: { by: 'effect', effect: 'lostUpdate', oracles: ['I9'] },
  },
  {
    name: 'two leaders write, unconditionally',
    patches: [
      {
        file: WORLD_WRITE,
        find: 'const forgotten = world.zombie !== 0 && isWrite(world.zombie) ? 0 : world.zombie;',
        replace: 'const forgotten = world.zombie;',
      },
    ],
    check: { by: 'explore', config: 'zombie', oracles: ['I9', 'I15'] },
  },
  {
    name: 'restart stamped by the second',
    patches: [
      {
        file: 'src/rotation/workloads/workloads.ts',
        find: 'return { annotations: { [KEYSET_VERSION]: String(version) } };',
        replace: 'return { annotations: { [KEYSET_VERSION]: String(Date.now() / 1000 | 0) } };',
      },
    ],
    check: { by: 'effect', effect: 'rotation', oracles: ['I14'] },
  },
  {
    name: 'leader check left out before the write',
    patches: [
      {
        file: WRITE_SECRET,
        find: 'const { client } = this.#options;\n    this.#options.fence(namespace);',
        replace: 'const { client } = this.#options;',
      },
    ],
    check: { by: 'effect', effect: 'fence', oracles: ['L5'] },
  },
  {
    name: 'status trusted over the Secret',
    patches: [
      {
        file: REQUESTS,
        find: '...defined({ paused, rotateAt }),',
        replace:
          '...defined({ paused, rotateAt: rotateAt === resource.status?.lastHandledRotateAt ? undefined : rotateAt }),',
      },
    ],
    check: { by: 'effect', effect: 'status', oracles: ['I10'] },
  },
  {
    name: 'answers kept across a restart of the container',
    patches: [
      {
        file: POD_FACTS,
        find: "return [pod.uid, ...instances.sort()].join('/');",
        replace: "return [pod.uid, ...instances.slice(0, 0)].join('/');",
      },
    ],
    check: { by: 'effect', effect: 'incarnation', oracles: ['I4'] },
  },
  {
    name: 'aborted key staged again',
    patches: [
      {
        file: KEYS,
        find: 'return new KeyMaterial(text);',
        // one of two is the ack key
        replace: "made += 1;\n  return new KeyMaterial(made % 2 === 1 ? text.fill('ab') : text);",
      },
      { file: KEYS, find: 'export function generateKey', replace: 'let made = 0;\nexport function generateKey' },
      {
        file: WRITE_SECRET,
        find: 'const fresh = { key: newKey(settings.keyBytes), ack: newKey(MIN_KEY_BYTES) };',
        replace: 'const key = newKey(settings.keyBytes);\n    const fresh = { key, ack: newKey(MIN_KEY_BYTES) };',
      },
      {
        file: 'src/rotation/secret/canary-sender.ts',
        find: 'using key = generateKey(MIN_KEY_BYTES);',
        replace: 'using key = generateKey(MIN_KEY_BYTES);\n        generateKey(MIN_KEY_BYTES);',
      },
    ],
    check: { by: 'effect', effect: 'abortedKey', oracles: ['I7'] },
  },
  {
    name: 'key id left out of the Secret',
    patches: [
      {
        file: 'src/rotation/secret/secret-data.ts',
        find: "...(!withheld.includes(DATA.keyId) && { [DATA.keyId]: base64(Buffer.from(sign, 'utf8')) }),",
        replace: '',
      },
    ],
    check: { by: 'effect', effect: 'names', oracles: ['I8'] },
  },
  {
    name: 'fingerprint is the key',
    patches: [
      {
        file: KEYS,
        find: ': digest.slice(0, 16);',
        replace: ": bytes.toString('latin1');",
      },
    ],
    check: { by: 'effect', effect: 'names', oracles: ['I12'] },
  },
];
