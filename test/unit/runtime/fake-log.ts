import type { Fields, Logger } from '../../../src/runtime/log.ts';

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Fields;
}

/** A logger that remembers. */
export function fakeLog(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const wrap = (bound: Fields): Logger => {
    const write =
      (level: string) =>
      (message: string, fields: Fields = {}) => {
        lines.push({ level, message, fields: { ...bound, ...fields } });
      };
    return {
      error: write('error'),
      warn: write('warn'),
      info: write('info'),
      debug: write('debug'),
      child: (fields) => wrap({ ...bound, ...fields }),
    };
  };
  return { ...wrap({}), lines };
}
