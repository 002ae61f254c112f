/**
 * A local copy of some objects of the cluster, which never goes back in time by itself.
 */
import { isBefore, isNotNewer, type Version, versionNumber } from './version.ts';

/** `old` is undefined for a new object, `current` for one that is gone. */
export type ChangeHandler<T> = (key: string, old: T | undefined, current: T | undefined) => void;

/** @returns `namespace/name`, or the name alone where there is no namespace */
export function keyOf({ namespace, name }: Pick<Version, 'namespace' | 'name'>): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The inverse of {@link keyOf}. */
export function splitKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/');
  return slash === -1 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

interface Entry<T> {
  readonly namespace: string;
  readonly version: bigint | undefined;
  readonly value: T;
}

const MAX_TOMBS = 1_024;

export interface StoreOptions {
  /** Called with the error of a change handler. */
  readonly onHandlerError: (error: unknown) => void;
}

/** Values by `namespace/name`. Errors of change handlers do not reach the caller that brings the change. */
export class Store<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #namespaces = new Map<string, Set<string>>();
  /** Versions of the last deletions. */
  readonly #tombs = new Map<string, bigint>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #onHandlerError: (error: unknown) => void;
  /** The version up to which list and watch are complete: an object that is absent now did not exist at this version. */
  #covered: bigint | undefined;

  constructor({ onHandlerError }: StoreOptions) {
    this.#onHandlerError = onHandlerError;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  /** @param namespace all if absent */
  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#entries.values()].map(({ value }) => value);
    return [...(this.#namespaces.get(namespace) ?? [])].flatMap((key) => {
      const entry = this.#entries.get(key);
      return entry === undefined ? [] : [entry.value];
    });
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** @returns a function that removes the handler */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /**
   * Takes an object from a watch.
   *
   * @returns false if it is no newer than what is known, and so was left aside
   */
  take(version: Version, value: T): boolean {
    const key = keyOf(version);
    const known = this.#entries.has(key) ? this.#entries.get(key)?.version : this.#tombs.get(key);
    return this.#setIfNewer(key, version, value, known);
  }

  /**
   * Takes the answer to an own write. It may come late: an unknown object with a version that list and watch have
   * passed was deleted meanwhile.
   *
   * @param options.quiet calls no handlers: whoever wrote knows
   * @returns false if it is no newer than what is known, and so was left aside
   */
  upsert(version: Version, value: T, options: { readonly quiet?: boolean } = {}): boolean {
    const key = keyOf(version);
    const known = this.#entries.has(key) ? this.#entries.get(key)?.version : this.#covered;
    return this.#setIfNewer(key, version, value, known, options.quiet);
  }

  /** @returns false if the deletion is that of an older object of the same name */
  remove(version: Version): boolean {
    const key = keyOf(version);
    const known = this.#entries.get(key);
    const number = versionNumber(version.resourceVersion);
    if (known?.version !== undefined && number !== undefined && number < known.version) return false;
    this.#bury(key, number);
    if (known === undefined) return false;
    this.#delete(key, known);
    return true;
  }

  /** Takes out what is no longer kept. It was not deleted, and may come back at the same version. */
  drop(isKept: (namespace: string) => boolean): void {
    for (const [key, entry] of [...this.#entries]) if (!isKept(entry.namespace)) this.#delete(key, entry);
  }

  /** Records that a watch is complete up to this version. */
  advance(resourceVersion: string | undefined): void {
    const number = versionNumber(resourceVersion);
    if (number !== undefined && (this.#covered === undefined || number > this.#covered)) this.#covered = number;
  }

  /** @returns whether a list of this version is older than earlier lists and watches */
  isRewind(resourceVersion: string): boolean {
    return isBefore(versionNumber(resourceVersion), this.#covered);
  }

  /**
   * @returns whether a list has an object at an older version than was seen, though it covers the newer one. In one history
   *   of a server that cannot be
   */
  contradicts(items: readonly { readonly version: Version }[], resourceVersion: string): boolean {
    const listed = versionNumber(resourceVersion);
    return items.some(({ version }) => {
      const known = this.#entries.get(keyOf(version))?.version;
      return isBefore(versionNumber(version.resourceVersion), known) && !isBefore(listed, known);
    });
  }

  /**
   * Makes the store equal to a list and calls handlers with the differences. Objects newer than the list stay.
   *
   * @param options.mayGoBack the list is the truth even if it is older, because the history of the server has changed
   */
  replaceAll(
    items: readonly { readonly version: Version; readonly value: T }[],
    resourceVersion: string,
    options: { readonly mayGoBack: boolean },
  ): void {
    const listed = versionNumber(resourceVersion);
    const present = new Set(items.map(({ version }) => keyOf(version)));
    if (options.mayGoBack) {
      this.#covered = undefined;
      this.#tombs.clear();
    }
    for (const [key, entry] of [...this.#entries]) {
      const newer = !options.mayGoBack && entry.version !== undefined && listed !== undefined && entry.version > listed;
      if (present.has(key) || newer) continue;
      this.#bury(key, listed);
      this.#delete(key, entry);
    }
    for (const { version, value } of items) this.#takeListed(version, value, options.mayGoBack);
    this.advance(resourceVersion);
  }

  /** Takes an item of a list. Unlike an event, an unknown item may be older than the covered version. */
  #takeListed(version: Version, value: T, mayGoBack: boolean): void {
    const key = keyOf(version);
    const number = versionNumber(version.resourceVersion);
    const known = this.#entries.get(key);
    const unchanged = known !== undefined && known.version !== undefined && known.version === number;
    if (unchanged || (!mayGoBack && known !== undefined && isNotNewer(number, known.version))) return;
    this.#set(key, { namespace: version.namespace ?? '', version: number, value });
  }

  #setIfNewer(
    key: string,
    { namespace = '', resourceVersion }: Version,
    value: T,
    known: bigint | undefined,
    quiet = false,
  ): boolean {
    const number = versionNumber(resourceVersion);
    if (isNotNewer(number, known)) return false;
    this.#set(key, { namespace, version: number, value }, quiet);
    return true;
  }

  /** Remembers a deletion, so that a late or repeated event does not restore the object. */
  #bury(key: string, version: bigint | undefined): void {
    const known = this.#tombs.get(key);
    if (version === undefined || (known !== undefined && version <= known)) return;
    this.#tombs.delete(key);
    this.#tombs.set(key, version);
    const [oldest] = this.#tombs.keys();
    if (this.#tombs.size > MAX_TOMBS && oldest !== undefined) this.#tombs.delete(oldest);
  }

  #set(key: string, entry: Entry<T>, quiet = false): void {
    const old = this.#entries.get(key);
    this.#entries.set(key, entry);
    const siblings = this.#namespaces.get(entry.namespace) ?? new Set();
    this.#namespaces.set(entry.namespace, siblings.add(key));
    if (!quiet) this.#notify(key, old?.value, entry.value);
  }

  #delete(key: string, entry: Entry<T>): void {
    this.#entries.delete(key);
    const siblings = this.#namespaces.get(entry.namespace);
    siblings?.delete(key);
    if (siblings?.size === 0) this.#namespaces.delete(entry.namespace);
    this.#notify(key, entry.value, undefined);
  }

  #notify(key: string, old: T | undefined, current: T | undefined): void {
    for (const handler of this.#handlers) {
      try {
        handler(key, old, current);
      } catch (error) {
        this.#onHandlerError(error);
      }
    }
  }
}
