/** HTML that is safe by construction: every value in a template is text, unless a template made it. */
import { visible } from '../../rotation/people/text.ts';

/** A piece of HTML made by {@link html}. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | undefined | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template. It escapes texts, in content and in quoted attributes, and shows invisible characters. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, i) => part + (i < values.length ? shown(values[i]) : '')).join(''));
}

function shown(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escaped(String(value));
}

function escaped(text: string): string {
  return visible(text.toWellFormed()).replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');
}
