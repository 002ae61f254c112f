/** The questions of the doctor that findings answer, and what to do about each. */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { rekeyCommand } from '../pasted.ts';
import type { Asked } from './check.ts';

interface Topic extends Asked {
  /** Findings with these reasons answer the question with a problem. */
  readonly reasons: readonly string[];
  readonly remedy: (resource: JwtKeyRotation) => string;
}

export const RUNBOOK = 'docs/runbook.md has a section for each reason';

/** Each finding belongs to one of them. */
export const TOPICS = {
  keys: {
    id: 'keys',
    question: 'Do all services have the key in the Secret?',
    reasons: [
      'CanaryRefused',
      'CanaryVoid',
      'PodStale',
      'KeysDiffer',
      'KeyResurrected',
      'ForeignWriter',
      'KeyNotFound',
    ],
    remedy: (resource) => `${RUNBOOK}. What each pod answers: ${rekeyCommand('check', resource, '--canary')}`,
  },
  fallbacks: {
    id: 'fallbacks',
    question: 'Does every verifier accept the fallbacks?',
    reasons: ['SingleKeyService'],
    remedy: (resource) =>
      `use a keyring library, the preload or a layout (docs/services.md). The proof: ${rekeyCommand('validate-app', resource)}`,
  },
  algorithm: {
    id: 'algorithm',
    question: 'Do all use the algorithm of the spec?',
    reasons: ['AlgorithmDiffers'],
    remedy: () => 'set spec.key.algorithm to what the services use, or change the services',
  },
  variables: {
    id: 'variables',
    question: 'Do the variables get the key, or does something hide it?',
    reasons: ['LiteralInManifest', 'ShadowedBy', 'NotConsumed'],
    remedy: (resource) => `remove what hides the variable from the pod template. ${checkText(resource)}`,
  },
  defaults: {
    id: 'defaults',
    question: 'Does a service have a key from elsewhere, such as a default in its code?',
    reasons: ['TargetNotConsuming', 'KeyStillAccepted'],
    remedy: () =>
      'look for a default in the code, a file in the image, a second source; let it start only with the variable',
  },
  consumers: {
    id: 'consumers',
    question: 'Does anybody else use the Secret?',
    reasons: ['UnlistedConsumer'],
    remedy: () => 'list it in spec.targets, or let it take only what it needs (docs/runbook.md, UnlistedConsumer)',
  },
  strength: {
    id: 'strength',
    question: 'Is the key strong, and used in one place only?',
    reasons: ['KeyCopied', 'KeyMalformed', 'KeyIdUnusable'],
    remedy: (resource) => `rotate it, the new key is random: ${rekeyCommand('rotate', resource)}`,
  },
  answers: {
    id: 'answers',
    question: 'Can the pods be asked?',
    reasons: ['CanaryMissing', 'CanaryUnanswered', 'InvalidCanary'],
    remedy: (resource) =>
      `docs/services/canary.md has recipes. Request and answer: ${rekeyCommand('check', resource, '--canary')}`,
  },
} as const satisfies Readonly<Record<string, Topic>>;

export type TopicName = keyof typeof TOPICS;

/** @returns where a person finds all that is in the way */
export function checkText(resource: JwtKeyRotation): string {
  return `What is in the way, and what to write instead: ${rekeyCommand('check', resource)}`;
}
