/** Reports keys that people made and that others can guess or already know. */
import type { SecretFacts } from '../facts.ts';
import type { KeyRecord, Weakness } from '../keyset/keyset.ts';

interface Weak {
  readonly weakness: Weakness;
  readonly message: string;
}

/** @returns undefined if no key of the Secret is known to be weak */
export function weakKeysOf(secret: SecretFacts): Weak | undefined {
  if (secret.kind === 'Managed') return weakKeysIn(secret.keyset.keys);
  if (secret.kind !== 'Unmanaged' || secret.weakness === undefined) return undefined;
  return weak(secret.weakness, 'a key of the Secret');
}

/** The worse of two kinds is reported. */
export function weakKeysIn(keys: readonly KeyRecord[]): Weak | undefined {
  const named = (weakness: Weakness) => keys.filter((key) => weaknessIn(key) === weakness).map(({ kid }) => kid);
  const [known, guessable] = [named('PubliclyKnown'), named('Guessable')];
  if (known.length > 0) return weak('PubliclyKnown', known.join(', '));
  return guessable.length === 0 ? undefined : weak('Guessable', guessable.join(', '));
}

/** For a key that an earlier version of rekey adopted, the fingerprint shows it. */
function weaknessIn({ weakness, fingerprint }: KeyRecord): Weakness | undefined {
  return weakness ?? (fingerprint.startsWith('weak-') ? 'Guessable' : undefined);
}

function weak(weakness: Weakness, which: string): Weak {
  const why =
    weakness === 'PubliclyKnown'
      ? 'is publicly known: it is a placeholder, or an example from a tutorial. Anyone who knows it can sign tokens. Rotate now, or start an emergency if that must end at once'
      : 'can be guessed: it is shorter than 256 bits, or consists of words or a pattern; rotate it soon';
  return { weakness, message: `${which} ${why}` };
}
