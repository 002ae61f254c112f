/**
 * The annotation rekey.dev/paused: a person wants everything to rest. An unreadable value counts as a pause, because
 * resting is safe.
 */

import type { Finding } from '../api/finding.ts';
import { type JwtKeyRotation, REQUEST } from '../api/names.ts';
import { keptReason } from '../api/said.ts';
import { personOf } from './asked-by.ts';

const YES = ['true', 't', 'yes', 'y', 'on', '1'];
const NO = ['false', 'f', 'no', 'n', 'off', '0'];
const MAX_SHOWN = 64;

/** @returns why everything rests; undefined if it does not */
export function pauseOf(resource: JwtKeyRotation): Finding | undefined {
  const value = resource.metadata.annotations?.[REQUEST.paused];
  if (value === undefined) return undefined;
  const word = value.trim().toLowerCase();
  if (NO.includes(word)) return undefined;
  if (YES.includes(word)) {
    const person = personOf(resource, REQUEST.paused, value);
    const by = person === undefined ? '' : ` by ${person}`;
    return { reason: 'Paused', message: `the annotation ${REQUEST.paused} is set${by}; remove it to continue` };
  }
  const shown = JSON.stringify(keptReason(value).slice(0, MAX_SHOWN));
  const message = `the annotation ${REQUEST.paused} is ${shown}, neither true nor false, so rekey pauses as if it were true; write "true", or remove it to continue`;
  return { reason: 'PauseUnreadable', message };
}
