/** Judges what was read: a row for each service and environment, and the findings. Pure: facts in, words out. */
import { burntFindings } from './burnt-findings.ts';
import { environmentsOf } from './env-config.ts';
import { fallbackFindings } from './fallback-findings.ts';
import { fileFindings } from './file-findings.ts';
import type { EnvFinding } from './finding.ts';
import { keyFindings } from './key-findings.ts';
import type { EnvFacts } from './observe.ts';
import { type EnvRow, rowOf } from './rows.ts';
import { stateFindings } from './state-findings.ts';

export type { EnvRow, InStep } from './rows.ts';

export interface Assessment {
  readonly root: string;
  readonly configured: boolean;
  readonly sourceOfTruth: string;
  readonly rows: readonly EnvRow[];
  /** Errors first. */
  readonly findings: readonly EnvFinding[];
}

/**
 * @param facts of all environments
 * @param now milliseconds since the epoch
 */
export function assess(facts: EnvFacts, now: number): Assessment {
  const { config, files } = facts;
  const rows = files.map((file) => rowOf(file, facts));
  const ofKeys = [...burntFindings(facts), ...keyFindings(facts, rows, now), ...fallbackFindings(facts)];
  const findings = [...ofKeys, ...stateFindings(facts.state), ...fileFindings(facts)];
  const order = environmentsOf(config);
  const rank = ({ severity, environment = '' }: EnvFinding) => {
    return (severity === 'error' ? 0 : 1_000) + ((order.indexOf(environment) + 1_000) % 1_000);
  };
  return {
    root: config.root,
    configured: config.found,
    sourceOfTruth: config.sourceOfTruth,
    rows,
    findings: findings.toSorted((a, b) => rank(a) - rank(b)),
  };
}

/** @returns the part of the assessment about one environment, or about none */
export function only(assessment: Assessment, environment: string): Assessment {
  const isOf = (finding: EnvFinding) =>
    finding.environment === undefined || finding.environment === environment || finding.alsoIn?.includes(environment);
  return {
    ...assessment,
    rows: assessment.rows.filter((row) => row.environment === environment),
    findings: assessment.findings.filter(isOf),
  };
}
