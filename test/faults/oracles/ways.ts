/**
 * What the other ways to rotate promise besides.
 */
import type { Evidence, Oracle } from '../evidence.ts';

/** Every outstanding token is given up by it: that may happen in a window only. */
export const inWindow: Oracle = ({ records, allowedFrom }) => {
  const cut = records.find(({ phase, foreign }) => phase === 'Switching' && !foreign);
  if (cut === undefined) return ['nothing was cut over'];
  if (allowedFrom !== undefined && cut.resourceVersion > allowedFrom) return [];
  return [`version ${cut.version} was written before a window was open`];
};

/** The first rotation stages a key besides; the second promotes that one, and stages none. */
export const stagedNext: Oracle = ({ records, ending }) => {
  if (!ending.ended) return [];
  const first = records.findIndex(({ phase }, i) => phase === 'Steady' && records[i - 1]?.phase === 'Retiring');
  const staged = records[first]?.fallbacks ?? [];
  const again = records.slice(first).find(({ phase }) => phase === 'Staging');
  if (again !== undefined) return [`version ${again.version} stages a key though one was staged`];
  return staged.includes(records.at(-1)?.sign ?? '') ? [] : ['the key that signs is not the one that was staged'];
};

/**
 * Where every key was replaced at once, a pod that never held an older one is not deleted. What started before the write by
 * its status, which has whole seconds, counts as older.
 */
export function deletedForNothing({ journal, records, lives }: Evidence): readonly string[] {
  return journal.exchanges.flatMap(({ call, applied }) => {
    if (call.verb !== 'delete' || call.resource !== 'pods' || applied === undefined || applied.status >= 300) return [];
    const write = records.findLast(({ at }) => at <= applied.at);
    const [life, ...more] = lives.filter(({ pod }) => pod === call.name);
    const { toldStart = 0 } = life ?? {};
    if (write === undefined || life === undefined || more.length > 0 || !(toldStart >= write.at)) return [];
    return life.accepts.has(write.sign)
      ? [`${call.name} was deleted though it held the newest key from its start`]
      : [];
  });
}
