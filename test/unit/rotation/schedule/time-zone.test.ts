import { describe, expect, it } from 'vitest';
import { timeZoneProblem } from '../../../../src/rotation/schedule/time-zone.ts';

const ALIASES =
  'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'.split(' ');

describe('a time zone', () => {
  const good = ['Europe/Berlin', 'Europe/Kyiv', 'US/Pacific', 'GB', 'NZ', 'EST5EDT', 'Etc/GMT+5', 'GMT0', 'utc'];
  it.each(good)('may be %s', (name) => expect(timeZoneProblem(name)).toBeUndefined());

  it('may be a short name that IANA has', () => {
    const names = 'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' ');
    expect(names.filter((name) => timeZoneProblem(name) !== undefined)).toEqual([]);
  });

  it('is none of the abbreviations that ICU takes for zones far away', () => {
    const all = [...ALIASES, ...ALIASES.map((name) => name.toLowerCase())];
    expect(all.filter((name) => timeZoneProblem(name)?.includes('is an abbreviation') !== true)).toEqual([]);
  });

  it.each(['Mars/Olympus', '+0200', '', 'SystemV/AST4'])('is not "%s", and an example is given', (name) =>
    expect(timeZoneProblem(name)).toMatch(/^".*" is not an IANA time zone; write an IANA name such as Europe\/Berlin/),
  );
});
