/**
 * Checks the names of data keys that people choose. Each name must be used once: otherwise a public key id could become
 * the signing key, or one of the two values would be lost.
 */
import type { Finding } from '../api/finding.ts';
import { DATA } from '../api/names.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';

type SecretKeys = JwtKeyRotationSpec['secretKeys'];
type SpecLayout = NonNullable<SecretKeys['layout']>[number];

const USED_TWICE = 'is named for two purposes; use one data key for each, such as JWT_SECRET_KEY to sign with';

/** @returns what is wrong with the names in spec.secretKeys */
export function dataKeysFindings(secretKeys: SecretKeys): readonly Finding[] {
  const { signing, fallbacks, previous, keyset, layout = [] } = secretKeys;
  const names = [
    ...signing.map((name, i) => [`spec.secretKeys.signing[${i}]`, name] as const),
    ...Object.entries({ fallbacks, previous, keyset }).map(
      ([field, name]) => [`spec.secretKeys.${field}`, name] as const,
    ),
    ...layout.flatMap(({ names: places }, i) =>
      places.map((name, j) => [`spec.secretKeys.layout[${i}].names[${j}]`, name] as const),
    ),
  ].filter(([, name]) => name !== '');
  const misnamed = names.flatMap(([field, name], i): readonly Finding[] => {
    const isSecond = names.findIndex(([, other]) => other === name) < i;
    const problem = dataKeyProblem(name) ?? (isSecond ? USED_TWICE : undefined);
    return problem === undefined ? [] : [{ reason: 'InvalidDataKey', message: `${field}: "${name}" ${problem}` }];
  });
  return [...misnamed, ...layout.flatMap(layoutFindings), ...authJsFindings(secretKeys)];
}

/**
 * Finds layouts that cannot carry a rotation: during one there are two keys besides the signing key, or one real key
 * alone in a text.
 */
function layoutFindings({ names, format, content, max }: SpecLayout, i: number): readonly Finding[] {
  const field = `spec.secretKeys.layout[${i}]`;
  const wrong = (problem: string): readonly Finding[] => [{ reason: 'InvalidDataKey', message: `${field}${problem}` }];
  if (format === 'Text') {
    if (max !== undefined) return wrong('.max: each name holds one key where format is Text; remove max');
    const isFull = content === 'Fallbacks' || names.length > 1;
    return isFull
      ? []
      : wrong('.names: there is no place for a fallback; add a second name for the key that does not sign');
  }
  if (names.length !== 1) return wrong(`.names: ${format} holds all keys in one data key; write one name`);
  const least = content === 'All' ? 3 : 2;
  return max === undefined || max >= least
    ? []
    : wrong(`.max: ${max} is too few: a rotation has ${least} keys there at a time; write ${least} or more`);
}

/** Auth.js encrypts with the highest number that is set, and with the name without a number only if there is no other. */
const AUTH_JS = ['AUTH_SECRET', 'AUTH_SECRET_1', 'AUTH_SECRET_2', 'AUTH_SECRET_3'];

function authJsFindings(secretKeys: SecretKeys): readonly Finding[] {
  const { signing, previous, layout = [] } = secretKeys;
  const texts = layout.filter(({ format }) => format === 'Text');
  const signs = [...signing, ...texts.flatMap(({ names, content }) => (content === 'All' ? names.slice(0, 1) : []))];
  const named = [...signing, previous, ...texts.flatMap(({ names }) => names)];
  const highest = AUTH_JS.findLast((name) => named.includes(name));
  const isLaidOut = texts.some(({ names }) => names.some((name) => AUTH_JS.includes(name)));
  if (!isLaidOut || highest === undefined || signs.includes(highest)) return [];
  const message = `spec.secretKeys: "${highest}" holds a fallback, and Auth.js encrypts with the highest number; name the highest first, such as layout: [{ names: [AUTH_SECRET_3, AUTH_SECRET_2, AUTH_SECRET_1], format: Text, content: All }]`;
  return [{ reason: 'InvalidDataKey', message }];
}

function dataKeyProblem(name: string): string | undefined {
  if (Object.values<string>(DATA).includes(name)) {
    return 'is where rekey writes something else; use another name, such as JWT_SECRET_KEY';
  }
  return name === '.' || name.startsWith('..')
    ? 'cannot be a data key; use another name, such as JWT_SECRET_KEY'
    : undefined;
}

/** @returns why rekey does not rotate while these data keys hold the key, too */
export function copiedFinding({ secretName }: { readonly secretName: string }, copies: readonly string[]): Finding {
  const message = `Secret ${secretName}: data key ${copies.join(', ')} holds a key too, and a rotation would leave the old one there; add it to spec.secretKeys.signing if it is the key itself, or remove it`;
  return { reason: 'KeyCopied', message };
}
