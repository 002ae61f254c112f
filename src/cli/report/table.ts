/**
 * Tables and lists of a page.
 */
import { type Html, html } from './html.ts';

/** `row`: names the row. `number` and `time` line up. */
export interface Column {
  readonly name: string;
  readonly kind?: 'row' | 'number' | 'time' | 'code';
}

/** @returns a table that scrolls if it is too wide, also by keyboard */
export function table(label: string, columns: readonly Column[], rows: readonly (readonly string[])[]): Html {
  if (rows.length === 0) return html`<p>The record does not hold them.</p>`;
  const heads = columns.map(
    ({ name, kind }) => html`<th scope="col"${kind === 'number' ? NUMBER : undefined}>${name}</th>`,
  );
  const body = rows.map((row) => html`<tr>${row.map((cell, i) => cellOf(cell, columns[i]?.kind))}</tr>\n`);
  return html`<section class="scroll" aria-label="${label}" tabindex="0"><table>
<thead><tr>${heads}</tr></thead>
<tbody>
${body}</tbody>
</table></section>`;
}

const NUMBER = html` class="number"`;

function cellOf(text: string, kind: Column['kind']): Html {
  if (kind === 'row') return html`<th scope="row"><bdi>${text}</bdi></th>`;
  if (kind === 'number') return html`<td class="number">${text}</td>`;
  if (kind === 'time') return html`<td class="time">${text}</td>`;
  if (kind === 'code') return html`<td><code>${text}</code></td>`;
  return html`<td><bdi>${text}</bdi></td>`;
}

/** @param none the text for an empty list */
export function list(sentences: readonly string[], none: string): Html {
  if (sentences.length === 0) return html`<p>${none}</p>`;
  return html`<ul>\n${sentences.map((sentence) => html`<li><bdi>${sentence}</bdi></li>\n`)}</ul>`;
}
