/**
 * Names of data keys, as people choose them. Each holds one thing: where a name were used twice, a public key id would become
 * the key that signs, or one of the two be lost.
 */
import type { Finding } from '../api/finding.ts';
import { DATA } from '../api/names.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';

const USED_TWICE = 'is named for two purposes; use one data key for each, such as JWT_SECRET_KEY to sign with';

/** @returns what is wrong with the names in spec.secretKeys */
export function dataKeysFindings({
  signing,
  fallbacks,
  previous,
  keyset,
}: JwtKeyRotationSpec['secretKeys']): readonly Finding[] {
  const names = [
    ...signing.map((name, i) => [`spec.secretKeys.signing[${i}]`, name] as const),
    ...Object.entries({ fallbacks, previous, keyset }).map(
      ([field, name]) => [`spec.secretKeys.${field}`, name] as const,
    ),
  ].filter(([, name]) => name !== '');
  return names.flatMap(([field, name], i) => {
    const isSecond = names.findIndex(([, other]) => other === name) < i;
    const problem = dataKeyProblem(name) ?? (isSecond ? USED_TWICE : undefined);
    return problem === undefined ? [] : [{ reason: 'InvalidDataKey', message: `${field}: "${name}" ${problem}` }];
  });
}

function dataKeyProblem(name: string): string | undefined {
  if (Object.values<string>(DATA).includes(name)) {
    return 'is where rekey writes something else; use another name, such as JWT_SECRET_KEY';
  }
  return name === '.' || name.startsWith('..')
    ? 'cannot be a data key; use another name, such as JWT_SECRET_KEY'
    : undefined;
}

/** @returns why nothing is rotated while the key stands there too */
export function copiedFinding({ secretName }: { readonly secretName: string }, copies: readonly string[]): Finding {
  const message = `Secret ${secretName}: data key ${copies.join(', ')} holds a key too, and a rotation would leave the old one there; add it to spec.secretKeys.signing if it is the key itself, or remove it`;
  return { reason: 'KeyCopied', message };
}
