/** A report as one page without scripts, external resources or addresses to send to. */
import { createHash } from 'node:crypto';
import pkg from '../../../package.json' with { type: 'json' };
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { type EmergencyWords, emergencyWords } from './emergency.ts';
import { Html, html } from './html.ts';
import type { Report } from './model.ts';
import { proofsOf } from './proofs.ts';
import { STYLE } from './style.ts';
import { type Column, list, table } from './table.ts';
import { timeline } from './timeline.ts';
import { afterText, ageText, atText, chainText, clockText, counted, startedBy, stateText } from './words.ts';

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

/** @param more sections after the head, for callers that know more than the record, such as the demo */
export function reportPage(report: Report, more?: Html): string {
  const { rotation } = report;
  const emergency = emergencyWords(report);
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${emergency === undefined ? 'Rotation' : 'Emergency'} ${rotation.seq} of ${rotation.resource}: ${rotation.outcome}</title>
<style>${new Html(STYLE)}</style>
</head>
<body${emergency === undefined ? undefined : new Html(' class="emergency"')}>
<main>
${head(report, emergency)}
${emergency && lossesOf(emergency)}
${more}
${phases(report)}
${services(report)}
${proofs(report)}
${keys(report)}
<h2>What was concluded, not observed</h2>
${list(report.inferred, 'The record names no conclusion.')}
<h2>What is not recorded</h2>
${list(report.notRecorded, 'Nothing but what is called "not recorded" above.')}
${check(report)}
</main>
<footer>Made by rekey ${pkg.version} on ${atText(report.madeAt)} from <bdi>${report.source}</bdi>. Key ids and fingerprints only: no key is in it.</footer>
</body>
</html>
`;
  return page.text;
}

function head(report: Report, words: EmergencyWords | undefined): Html {
  const { rotation, chain, seconds } = report;
  const { resource, outcome, environment, startedAt, finishedAt, reason, failure, emergency, from, to, cutOverAt } =
    rotation;
  const fine = outcome === 'Completed';
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Environment', environment],
    ['Started', atText(startedAt)],
    ['Ended', atText(finishedAt)],
    ['Lasted', formatDuration(seconds * 1000)],
    ['Started by', startedBy(report)],
    ['Reason', reason === '' ? undefined : reason],
    ['Why it went back', failure],
    ['Tokens of the old key given up', cutOverAt === undefined ? undefined : atText(cutOverAt)],
    ['Burnt keys gone', emergency && `${emergency.seconds} s after the new key was written`],
    ['Key', `${from.kid} → ${to.kid}`],
  ];
  const rows = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [html`<dt>${name}</dt><dd><bdi>${value}</bdi></dd>\n`],
  );
  const broken = chain.broken !== undefined;
  const notes = report.notes.map((note) => html`<p class="note"><bdi>${note}</bdi></p>\n`);
  const verdict =
    words === undefined
      ? html`<p class="verdict ${fine ? 'good' : 'bad'}">${fine ? '✓' : '✗'} <bdi>${outcome}</bdi></p>`
      : html`<p class="verdict burnt">${words.over ? '■' : '✗'} <bdi>${outcome}</bdi>: ${words.verdict}</p>`;
  return html`<header>
${words && html`<p class="alarm">Emergency: a key was reported as leaked</p>`}
<p class="soft">rekey, ${words === undefined ? 'rotation' : 'record'} ${rotation.seq}</p>
<h1><bdi>${resource}</bdi></h1>
${verdict}
<dl>
${rows}</dl>
${notes}${broken ? html`<p class="note bad" role="alert"><strong>✗</strong> <bdi>${chainText(chain)}</bdi></p>` : undefined}
</header>`;
}

/** Before all else that the record holds: it is what people ask after an emergency. */
function lossesOf({ leaked, died, lost }: EmergencyWords): Html {
  const part = (title: string, sentences: readonly string[]) => {
    const lines = sentences.map((sentence) => html`<p><bdi>${sentence}</bdi></p>\n`);
    return html`<section><h2>${title}</h2>\n${lines}</section>\n`;
  };
  return html`<div class="losses">
${part('What was leaked', leaked)}${part('When it died', died)}${part('What was lost', lost)}</div>`;
}

function phases(report: Report): Html {
  if (report.phases.length === 0) return html`<h2>Phases</h2>\n<p>The record does not hold them.</p>`;
  const rows = report.phases.map(({ number, phase, at, endedAt }) => {
    return [String(number), phase, afterText(at, endedAt), atText(at)];
  });
  const columns: readonly Column[] = [
    { name: 'No.', kind: 'number' },
    { name: 'Phase', kind: 'row' },
    { name: 'Lasted', kind: 'number' },
    { name: 'Began', kind: 'time' },
  ];
  const meanings = report.phases.map(({ meaning, proof }) => {
    return html`<li>${meaning}${proof === undefined ? undefined : ` A pod that follows ${proof}.`}</li>\n`;
  });
  return html`<h2>Timeline</h2>
${timeline(report)}
<h2>Phases</h2>
${table('Phases', columns, rows)}
<ol>
${meanings}</ol>`;
}

function services({ rotation: { targets }, phases: all }: Report): Html {
  const rows = targets.map(({ kind, name, pods, level, ackedAt }) => {
    const restarts = all.filter(({ targets: seen }) =>
      seen.some((target) => target.name === `${kind}/${name}` && target.bumpedAt !== undefined),
    );
    return [
      `${kind}/${name}`,
      String(pods),
      restarts.length === 0 ? 'not recorded' : `${restarts.length}: ${restarts.map(({ phase }) => phase).join(', ')}`,
      level === 'Canary' ? 'canaries: each pod was asked' : 'conclusion from starts',
      ackedAt === undefined ? 'not recorded' : atText(ackedAt),
    ];
  });
  const columns: readonly Column[] = [
    { name: 'Service', kind: 'row' },
    { name: 'Pods at the end', kind: 'number' },
    { name: 'Restarts by rekey' },
    { name: 'Known by' },
    { name: 'Last pod answered', kind: 'time' },
  ];
  return html`<h2>Services</h2>\n${table('Services', columns, rows)}`;
}

function proofs(report: Report): Html {
  const found = proofsOf(report);
  const rows = found.map(({ target, pod, phase, at }) => [
    pod,
    target,
    `${phase.number} ${phase.phase}`,
    at === undefined ? 'concluded from its start' : `canary at ${clockText(at)}`,
    at === undefined ? '–' : afterText(phase.at, at),
  ]);
  const columns: readonly Column[] = [
    { name: 'Pod', kind: 'row' },
    { name: 'Service' },
    { name: 'Phase' },
    { name: 'Proof', kind: 'time' },
    { name: 'After the write', kind: 'number' },
  ];
  const pods = counted(new Set(found.map(({ pod }) => pod)).size, 'pod');
  const intro = html`<p>${pods}. Each restart makes new pods. A <em>canary</em> is a test token that rekey signs with one key and sends to one pod. The answers of the pod to canaries of all keys, and of made-up ones, show which keys it has loaded.</p>`;
  return html`<h2>Which pod had loaded which keys</h2>\n${intro}\n${table('Proofs', columns, rows)}`;
}

function keys({ keys: all }: Report): Html {
  const rows = all.map((key) => [key.kid, key.part, ageText(key), key.fingerprint ?? 'not recorded', stateText(key)]);
  const columns: readonly Column[] = [
    { name: 'Key id', kind: 'row' },
    { name: 'Part' },
    { name: 'Known to rekey for' },
    { name: 'Fingerprint', kind: 'code' },
    { name: 'When this page was made' },
  ];
  return html`<h2>Keys</h2>\n${table('Keys', columns, rows)}`;
}

function check({ chain, rotation, source }: Report): Html {
  const fine = chain.broken === undefined;
  return html`<h2>Can this be trusted?</h2>
<p class="note${fine ? '' : ' bad'}"><strong>${fine ? '✓' : '✗'}</strong> <bdi>${chainText(chain)}</bdi></p>
<p>This page is a view of record ${rotation.seq}. To check the record itself:</p>
<p><code>${checkCommand(source)}</code></p>`;
}

/** Of a log that was read from a file, the place in the cluster is not known. */
function checkCommand(source: string): string {
  const [, namespace = 'NAMESPACE', name = 'NAME'] = /^ConfigMap ([^/]+)\/(.+)$/.exec(source) ?? [];
  return `kubectl get configmap ${name} -n ${namespace} -o json | kubectl rekey verify-audit -`;
}
