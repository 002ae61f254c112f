/** The requirements for a Secret before rekey adopts it. */
import { defined, own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import type { Finding, Reason } from '../api/finding.ts';
import { ACCEPT_RETIRED, DATA } from '../api/names.ts';
import type { SecretFacts } from '../facts.ts';
import { copiedFinding } from '../settings/data-keys.ts';
import { type Layout, layoutsOf, narrowText, onePreviousIn, tooNarrow } from '../settings/layouts.ts';
import { besideNames, type DataNames } from '../settings/settings.ts';
import { copiesIn } from './copies.ts';
import { unfitness, unlistable } from './found-text.ts';
import { keyIdFinding, keyIdsIn } from './key-ids.ts';
import { destroyAll, distinct, fingerprintOf, firstOf, type KeyMaterial, MOST_KEYS } from './keys.ts';
import { keysAt, materialIn, textIn } from './secret-data.ts';
import { weaknessOf } from './strength.ts';
import { foreignWriterOf } from './writers.ts';

type Refusal = Extract<SecretFacts, { kind: 'Refused' }>;

function refused(reason: Reason, message: string): Refusal {
  return { kind: 'Refused', finding: { reason, message } };
}

/**
 * It must have one key, the same under every signing name that is there, and fit for a list. No other writer may put
 * back another key, and everything else in it must be as the spec says.
 */
export function readUnmanaged(secret: Secret, names: DataNames): SecretFacts {
  const where = `Secret ${names.secretName}`;
  const writer = foreignWriterOf(secret, [...names.signingNames, ...besideNames(names)]);
  if (writer !== undefined) {
    const message = `${where} is written by ${writer.who}, which would undo a rotation; let only one of them manage it: ${writer.wayOut}`;
    return refused('ForeignWriter', message);
  }
  const found = names.signingNames.filter((name) => own(secret.data, name) !== undefined);
  const [first, ...others] = found;
  if (first === undefined) return keyNotFound(names);
  using held = new DisposableStack();
  const material = held.use(materialIn(secret, first));
  if (others.some((name) => !held.use(materialIn(secret, name)).equals(material))) {
    return refused(
      'KeysDiffer',
      `${where}: the data keys ${found.join(', ')} hold different keys; find out which one is in use, and set all of them to it`,
    );
  }
  const keys = foundMaterials(secret, names).map((key) => held.use(key));
  const misfit = malformedIn(secret, names, material) ?? alikeIn(names, keys) ?? misplacedIn(secret, names, keys);
  if (misfit !== undefined) return { kind: 'Refused', finding: misfit };
  const differs = algorithmFinding(secret, names) ?? keyIdFinding(secret, names, keys);
  if (differs !== undefined) return { kind: 'Refused', finding: differs };
  const copies = copiesIn(secret, names, keys);
  if (copies.length > 0) return { kind: 'Refused', finding: copiedFinding(names, copies) };
  const [fingerprint = '', ...fallbacks] = keys.map(fingerprintOf);
  const [kid] = keyIdsIn(secret, names, keys);
  const weaknesses = keys.flatMap((key) => weaknessOf(key) ?? []);
  const weakness = weaknesses.find((found) => found === 'PubliclyKnown') ?? weaknesses[0];
  return {
    kind: 'Unmanaged',
    fingerprint,
    fallbacks,
    ...defined({ kid, weakness }),
    lacks: besideNames(names).filter((name) => own(secret.data, name) === undefined),
    ...acceptedIn(secret),
  };
}

function acceptedIn({ metadata }: Secret): { readonly accepted?: readonly string[] } {
  const accepted = metadata.annotations?.[ACCEPT_RETIRED];
  return accepted === undefined ? {} : { accepted: accepted.split(',').map((text) => text.trim()) };
}

/** @returns the refusal of a Secret that lacks the data key to sign with */
export function keyNotFound({ secretName, signingNames }: DataNames): Refusal {
  const message = `Secret ${secretName} has none of the data keys ${signingNames.join(', ')} (spec.secretKeys.signing)`;
  return refused('KeyNotFound', message);
}

function malformedIn(secret: Secret, names: DataNames, signing: KeyMaterial): Finding | undefined {
  const malformed = (message: string): Finding => {
    return { reason: 'KeyMalformed', message: `Secret ${names.secretName}: ${message}` };
  };
  const unfit = unfitness(signing);
  const name = names.signingNames.find((candidate) => own(secret.data, candidate) !== undefined);
  if (unfit !== undefined) return malformed(`data key ${name} ${unfit}`);
  const places = layoutsOf(names).flatMap((layout) => layout.names.map((place) => [place, layout] as const));
  const crowded = places
    .map(([place, layout]) => crowdedAt(secret, place, layout))
    .find((found) => found !== undefined);
  if (crowded !== undefined) return malformed(crowded);
  const strange = places.flatMap(([place, layout]) => misreadAt(secret, place, layout) ?? []);
  const entries = places.flatMap(([place, layout]) => unfitEntryAt(secret, place, layout) ?? []);
  const [first] = [...strange, ...entries];
  return first === undefined ? undefined : malformed(first);
}

/** A key that can be guessed has a short fingerprint, so that this tells little of it. */
function alikeIn({ secretName }: DataNames, keys: readonly KeyMaterial[]): Finding | undefined {
  const fingerprints = keys.map(fingerprintOf);
  const alike = fingerprints.find((fingerprint, i) => fingerprints.indexOf(fingerprint) !== i);
  if (alike === undefined) return undefined;
  const message = `Secret ${secretName}: two of its keys can be guessed and have the same fingerprint ${alike}, so rekey cannot tell them apart; replace one of them by a strong key (openssl rand -hex 32), or remove the one whose tokens have expired`;
  return { reason: 'KeyMalformed', message };
}

/** @returns that a data key has too many entries for a list of keys */
function crowdedAt(secret: Secret, name: string, { format }: Layout): string | undefined {
  const keys = keysAt(secret, name, format) ?? [];
  destroyAll(keys);
  if (keys.length <= MOST_KEYS) return undefined;
  return `data key ${name} has ${keys.length} entries, and rekey reads ${MOST_KEYS}; remove those whose tokens have expired`;
}

/** @returns why a data key does not have its format */
function misreadAt(secret: Secret, name: string, { format }: Layout): string | undefined {
  const keys = keysAt(secret, name, format);
  destroyAll(keys ?? []);
  if (keys === undefined) {
    const what = format === 'Jwks' ? 'a JWK set of symmetric keys' : 'a JSON array of strings';
    return `data key ${name} is not ${what}; remove it`;
  }
  if (format !== 'CommaList') return undefined;
  using list = materialIn(secret, name);
  const strange = unlistable(list);
  return strange && `data key ${name} ${strange}`;
}

function unfitEntryAt(secret: Secret, name: string, { format }: Layout): string | undefined {
  const keys = keysAt(secret, name, format) ?? [];
  const unfit = keys.map(unfitness).find((found) => found !== undefined);
  destroyAll(keys);
  return unfit && `an entry of ${name} ${unfit}`;
}

/** Every key must stay where services read it: the same key signs, and no key is left out. */
function misplacedIn(secret: Secret, names: DataNames, keys: readonly KeyMaterial[]): Finding | undefined {
  const where = `Secret ${names.secretName}`;
  const [signing, previous] = keys;
  const firstAt = (name: string, { format }: Layout, kept: KeyMaterial | undefined) => {
    const found = keysAt(secret, name, format) ?? [];
    const fits = found[0] === undefined || [kept, signing].some((key) => key && found[0]?.equals(key));
    destroyAll(found);
    return fits;
  };
  const ordered = layoutsOf(names).filter(({ format, content }) => content === 'All' && format !== 'Jwks');
  const headless = ordered.flatMap((layout) => layout.names.filter((name) => !firstAt(name, layout, signing)));
  if (headless.length > 0) {
    const message = `${where}: the first key of data key ${headless.join(', ')} is not that of ${names.signingNames.join(' or ')}, and services may sign with it; find out which one is in use, and make both the same`;
    return { reason: 'KeysDiffer', message };
  }
  const single = onePreviousIn(names);
  if (single.some((layout) => layout.names.some((name) => !firstAt(name, layout, previous)))) {
    const message = `${where}: the data keys ${single.flatMap((layout) => layout.names).join(', ')} hold different previous keys; set all of them to the one that still has tokens`;
    return { reason: 'KeysDiffer', message };
  }
  const narrow = tooNarrow(names, keys.length);
  if (narrow.length === 0) return undefined;
  const message = `spec.secretKeys.layout: ${where} has ${keys.length - 1} keys besides the one that signs, and rekey adds one, too many for ${narrowText(narrow)}; remove the oldest key once its tokens have expired`;
  return { reason: 'InvalidDataKey', message };
}

/** Services use the algorithm in this data key. If rekey changed it, restarted services would refuse the others. */
export function algorithmFinding(secret: Secret, { secretName, algorithm }: DataNames): Finding | undefined {
  const found = textIn(secret, DATA.algorithm);
  if (found === undefined || found === algorithm) return undefined;
  const shown = /^[A-Za-z0-9]{1,16}$/.test(found) ? found : 'something else';
  const message = `Secret ${secretName}: data key ${DATA.algorithm} is ${shown}, but spec.key.algorithm is ${algorithm}; set spec.key.algorithm to what the services use, or correct the data key`;
  return { reason: 'AlgorithmDiffers', message };
}

/** The keys of a Secret that is not managed, each once: first the signing key, then the others. */
export function foundMaterials(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  const present = names.signingNames.find((name) => own(secret.data, name) !== undefined) ?? '';
  return distinct([materialIn(secret, present), ...besideIn(secret, names)]);
}

function textsFirst({ format, names }: Layout): number {
  return format === 'Text' ? names.length : Number.MAX_SAFE_INTEGER;
}

/** Keys of services that know one or few other keys come first, since these services must keep them. Of a list, its beginning. */
export function besideIn(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  const layouts = layoutsOf(names).toSorted((a, b) => textsFirst(a) - textsFirst(b));
  return layouts.flatMap(({ names: places, format }) => {
    return places.flatMap((name) => firstOf(keysAt(secret, name, format) ?? []));
  });
}
