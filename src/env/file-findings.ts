/** Findings about files: missing, readable by others, links, in Git, not in the configuration. */
import { CONFIG_FILE, environmentsOf } from './env-config.ts';
import { type EnvFinding, shellWord } from './finding.ts';
import type { GitFacts } from './git.ts';
import { gitCommands, subjectOf } from './git-commands.ts';
import type { EnvFacts, FileFact } from './observe.ts';
import { openTo } from './openness.ts';
import { STATE_FOLDER } from './state-keys.ts';

/** @returns findings about files, and those of the search that still apply */
export function fileFindings(facts: EnvFacts): readonly EnvFinding[] {
  const { files, discovery, leftovers, states } = facts;
  return [
    ...environmentFindings(facts),
    ...files.flatMap((file) => [...readingFindings(file, facts), ...linkFindings(file), ...modeFindings(file)]),
    ...files.flatMap((file) => gitFindings(file.path, file.git, facts, file)),
    ...[...leftovers].flatMap(([path, git]) => gitFindings(path, git, facts)),
    ...unknownToGit(facts),
    ...searchFindings(facts),
    ...(facts.config.found ? notConfigured(facts) : []),
    ...states.flatMap(({ environment, trouble }): readonly EnvFinding[] => {
      const file = `${STATE_FOLDER}/${environment}.json`;
      const message = `what rekey remembers of ${environment} is not known: ${trouble}`;
      return trouble === undefined
        ? []
        : [{ reason: 'StateUnreadable', severity: 'error', file, environment, message }];
    }),
    ...(discovery.services.length === 0 && facts.config.services.length === 0 ? [nothingFound()] : []),
  ];
}

function nothingFound(): EnvFinding {
  const message = 'no .env file with a JWT key was found here';
  return { reason: 'NotSearched', severity: 'warning', file: '.', message };
}

/** Files are not in Git, so a fresh clone has none of them. That differs from a single lost file. */
function isAbsent({ files }: EnvFacts, environment: string): boolean {
  return files.filter((file) => file.environment === environment).every(({ state }) => state === 'Missing');
}

function environmentFindings(facts: EnvFacts): readonly EnvFinding[] {
  const { config, files } = facts;
  const truth = config.services.find(({ name }) => name === config.sourceOfTruth);
  const seen = environmentsOf(config).filter((each) => files.some(({ environment }) => environment === each));
  return seen.flatMap((environment): readonly EnvFinding[] => {
    const [first] = files.filter((file) => file.environment === environment);
    const base = { severity: 'warning', file: first?.path ?? '.', environment } as const;
    if (isAbsent(facts, environment)) {
      return [
        {
          reason: 'EnvironmentAbsent',
          ...base,
          message: `no file of ${environment} is on this machine; nothing is known of it`,
        },
      ];
    }
    if (truth === undefined) return [];
    const others = config.services.filter(({ files: own }) => !Object.hasOwn(own, environment)).map(({ name }) => name);
    if (others.includes(truth.name)) {
      const message = `${truth.name}, the source of truth, has no file of ${environment}; whether the others agree is not known`;
      return [{ reason: 'EnvironmentIncomplete', ...base, message }];
    }
    // with rekey.yaml, somebody has chosen this
    if (config.found || others.length === 0) return [];
    return [
      {
        reason: 'EnvironmentIncomplete',
        ...base,
        message: `no file of ${environment} was found for ${others.join(', ')}`,
      },
    ];
  });
}

function readingFindings(file: FileFact, facts: EnvFacts): readonly EnvFinding[] {
  const { path, environment, service, state, why } = file;
  const base = { severity: 'error', file: path, environment, service } as const;
  if (state === 'Unreadable') return [{ reason: 'FileUnreadable', ...base, message: `not read: ${why}` }];
  if (state === 'Read' || isAbsent(facts, environment)) return [];
  return [
    {
      reason: 'FileMissing',
      ...base,
      message: `there is no such file; the one of ${service} in ${environment} was expected here`,
    },
  ];
}

function linkFindings({ path, environment, service, link }: FileFact): readonly EnvFinding[] {
  if (link === undefined) return [];
  const isOutside = link.startsWith('../');
  const message = isOutside
    ? 'a symbolic link leads out of the folder of rekey.yaml; name a file inside of it'
    : `a symbolic link to ${link}; name the file itself`;
  return [
    { reason: 'SymbolicLink', severity: isOutside ? 'error' : 'warning', file: path, environment, service, message },
  ];
}

function modeFindings({ path, environment, service, mode = 0 }: FileFact): readonly EnvFinding[] {
  const message = openTo(mode);
  if (message === undefined) return [];
  const fix = [`chmod 600 ${shellWord(path)}`];
  return [{ reason: 'ReadableByOthers', severity: 'warning', file: path, environment, service, message, fix }];
}

function gitFindings(path: string, git: GitFacts, facts: EnvFacts, of?: FileFact): readonly EnvFinding[] {
  const base = {
    severity: 'error',
    file: path,
    ...(of && { environment: of.environment, service: of.service }),
  } as const;
  const { remove, ignore } = gitCommands(path, git, facts.realRoot);
  const subject = subjectOf(git, facts.realRoot);
  if (git.tracked === 'yes') {
    const leaked = of === undefined ? 'rekey env emergency' : `rekey env emergency ${of.environment}`;
    const message = `Git tracks ${subject}; a key that was once committed has leaked, so run ${leaked} too`;
    const fix = git.ignored === 'yes' ? [remove] : [remove, ignore];
    return [{ reason: 'TrackedByGit', ...base, message, fix }];
  }
  // a leftover should be deleted, ignored or not
  if (of === undefined || git.repository === undefined || git.ignored !== 'no') return [];
  return [
    {
      reason: 'NotIgnoredByGit',
      ...base,
      message: `Git does not ignore ${subject}: the next git add takes it`,
      fix: [ignore],
    },
  ];
}

/** One finding for all files with the same answer of Git. */
function unknownToGit({ files }: EnvFacts): readonly EnvFinding[] {
  const unknown = files.filter(({ git }) => git.tracked === 'unknown');
  return [...Map.groupBy(unknown, ({ git }) => git.why ?? '')].map(([why, some]): EnvFinding => {
    const message = `whether Git tracks or ignores ${some.length === 1 ? 'it' : `it and ${some.length - 1} more`} is not known: ${why}`;
    return { reason: 'GitUnknown', severity: 'warning', file: some[0]?.path ?? '.', message };
  });
}

const configuredIn = ({ config }: EnvFacts) => new Set(config.services.flatMap(({ files }) => Object.values(files)));

/** The search guesses which file comes first; rekey.yaml decides it. */
function searchFindings(facts: EnvFacts): readonly EnvFinding[] {
  const { discovery, config } = facts;
  const configured = configuredIn(facts);
  return discovery.findings.filter(
    ({ reason, file }) => !configured.has(file) && !(config.found && reason === 'ShadowedKey'),
  );
}

function notConfigured(facts: EnvFacts): readonly EnvFinding[] {
  const configured = configuredIn(facts);
  const others = facts.discovery.keyFiles.filter(({ path }) => !configured.has(path));
  return others.map(({ path, names }): EnvFinding => {
    const message = `assigns ${names.join(', ')}, but ${CONFIG_FILE} does not name this file; no rotation touches it`;
    return { reason: 'FileNotConfigured', severity: 'warning', file: path, message };
  });
}
