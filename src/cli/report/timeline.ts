/**
 * The picture of a rotation: a strip for each service and each pod, divided into its phases. It needs no script and no
 * fixed size, because all positions are percentages. The tables of the page have the same information in words.
 */
import { type Html, html } from './html.ts';
import type { Report } from './model.ts';
import type { Phase } from './phases.ts';
import { type Proof, proofsOf, targetsOf } from './proofs.ts';
import { afterText } from './words.ts';

/** The least width of a phase in percent, since a drain may last a thousand times as long as a restart. */
const LEAST = 12;
const HEIGHT = 22;

interface Band extends Phase {
  /** Percent. */
  readonly x: number;
  readonly width: number;
}

/** @returns undefined if no phase is recorded */
export function timeline(report: Report): Html | undefined {
  const bands = bandsOf(report.phases);
  if (bands.length === 0) return undefined;
  const proofs = proofsOf(report);
  const services = targetsOf(report).map((name) => service(name, proofs, bands));
  return html`<figure>
<div class="timeline" aria-hidden="true">
<div class="row"><span></span>${strip(bands, bands.map(heading))}</div>
${services}
</div>
<figcaption>Bands are the phases, numbered as in the table below; they are not to scale. The tables below say the same in words.
<span class="key">▲ rekey restarts the service</span>
<span class="key">● a pod proved by canaries that it has loaded the keys of the phase</span>
<span class="key">○ concluded from the start of the pod</span></figcaption>
</figure>`;
}

function bandsOf(phases: readonly Phase[]): readonly Band[] {
  const total = phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const least = Math.min(LEAST, 100 / phases.length);
  const rest = 100 - least * phases.length;
  let x = 0;
  return phases.map((phase) => {
    const width = least + (total === 0 ? 1 / phases.length : phase.seconds / total) * rest;
    const band = { ...phase, x, width };
    x += width;
    return band;
  });
}

function heading({ number, phase, x, width }: Band): Html {
  return html`<text x="${percent(x + width / 2)}" y="15" text-anchor="middle">${number}<tspan class="wide"> ${phase}</tspan></text>`;
}

function service(name: string, proofs: readonly Proof[], bands: readonly Band[]): Html {
  const stamps = bands.flatMap((band) => {
    const { bumpedAt } = band.targets.find((target) => target.name === name) ?? {};
    return bumpedAt === undefined ? [] : [stamp(place(bumpedAt, band))];
  });
  const mine = proofs.filter(({ target }) => target === name);
  const pods = [...new Set(mine.map(({ pod }) => pod))].map((pod) => {
    const marks = mine.filter((proof) => proof.pod === pod).flatMap((proof) => marksOf(proof, bands));
    return html`<div class="row pod"><span><bdi>${pod}</bdi></span>${strip(bands, marks)}</div>\n`;
  });
  return html`<div class="row service"><span><bdi>${name}</bdi></span>${strip(bands, stamps)}</div>\n${pods}`;
}

function marksOf({ phase, at }: Proof, bands: readonly Band[]): readonly Html[] {
  const band = bands.find(({ number }) => number === phase.number);
  if (band === undefined) return [];
  const x = at === undefined ? band.x + band.width : place(at, band);
  const title =
    at === undefined ? `${phase.phase}: concluded` : `${phase.phase}: ${afterText(phase.at, at)} after the write`;
  return [
    html`<line x1="${percent(band.x)}" y1="11" x2="${percent(x)}" y2="11"/>`,
    html`<circle class="${at === undefined ? 'concluded' : 'proved'}" cx="${percent(x)}" cy="11" r="5"><title>${title}</title></circle>`,
  ];
}

function stamp(x: number): Html {
  return html`<text class="stamp" x="${percent(x)}" y="16" text-anchor="middle">▲</text>`;
}

/** @returns percent; a time before or after the band, by clocks that differ a little, is at its edge */
function place(time: string, { at, seconds, x, width }: Band): number {
  const share = (Date.parse(time) - Date.parse(at)) / Math.max(1, seconds * 1000);
  return x + width * Math.min(1, Math.max(0, share));
}

function strip(bands: readonly Band[], marks: readonly Html[]): Html {
  const rects = bands.map(({ number, x, width }) => {
    const kind = number % 2 === 0 ? 'even' : 'odd';
    return html`<rect class="${kind}" x="${percent(x)}" y="0" width="${percent(width)}" height="${HEIGHT}"/>`;
  });
  return html`<svg width="100%" height="${HEIGHT}">${rects}${marks}</svg>`;
}

function percent(x: number): string {
  return `${x.toFixed(2)}%`;
}
