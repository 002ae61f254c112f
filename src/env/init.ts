/** Writes the result of the search as rekey.yaml. */

import { configFrom } from './config.ts';
import type { Discovery } from './discover.ts';
import { DEFAULTS, environmentsOf, GUESSED_TTL } from './env-config.ts';
import { ConfigError } from './fields.ts';

/** The schema for editors, beside rekey.yaml. It belongs into Git, too, for other people who edit the file. */
export const SCHEMA_FILE = 'rekey.schema.json';

/**
 * @returns the text of a configuration with the result of the search
 * @throws ConfigError if it found nothing
 */
export async function configText(discovery: Discovery): Promise<string> {
  const { services, sourceOfTruth } = discovery;
  if (services.length === 0) {
    throw new ConfigError(
      `${discovery.root}: no .env file with a JWT key was found here, so there is nothing to write`,
    );
  }
  const { dump } = await import('js-yaml');
  const order = environmentsOf(configFrom(discovery));
  const described = services.map(({ name, names, files }) => {
    const sorted = Object.fromEntries(
      order.flatMap((each) => (Object.hasOwn(files, each) ? [[each, files[each]]] : [])),
    );
    return [name, { names, files: sorted }] as const;
  });
  const body = dump(
    { period: DEFAULTS.period, maxTokenTTL: GUESSED_TTL, sourceOfTruth, services: Object.fromEntries(described) },
    { lineWidth: -1, noRefs: true },
  );
  return [
    `# yaml-language-server: $schema=${SCHEMA_FILE}`,
    '# Which services share a JWT key, and in which files. It holds no key: commit it.',
    ...guessesIn(discovery).map((guess) => `# guessed: ${guess}`),
    body,
  ].join('\n');
}

/** @returns what people should check in the text, one sentence each */
export function guessesIn({ guesses }: Discovery): readonly string[] {
  return [
    `maxTokenTTL: no token lives longer than ${GUESSED_TTL}; write the longest life that a service gives one`,
    ...guesses,
  ];
}
