/**
 * Versions of objects. They are compared as numbers: the API server declares them comparable since 1.35 (KEP-5504), and with
 * etcd they were so before. A version that is not a number counts as newer than anything.
 */

/** Which object, at which version. */
export interface Version {
  readonly namespace?: string;
  readonly name: string;
  readonly resourceVersion?: string;
}

type VersionOnly = Pick<Version, 'resourceVersion'>;

/** @returns whether one version of an object is older than another; false if they cannot be compared */
export function isOlder({ resourceVersion }: VersionOnly, than: VersionOnly): boolean {
  return isBefore(versionNumber(resourceVersion), versionNumber(than.resourceVersion));
}

/** @returns whether the first is older; false if they cannot be compared */
export function isBefore(version: bigint | undefined, other: bigint | undefined): boolean {
  return version !== undefined && other !== undefined && version < other;
}

/** @returns undefined if it is not a number */
export function versionNumber(resourceVersion: string | undefined): bigint | undefined {
  return resourceVersion !== undefined && /^\d{1,40}$/.test(resourceVersion) ? BigInt(resourceVersion) : undefined;
}

/** @returns whether the first is the same or older; false if they cannot be compared */
export function isNotNewer(version: bigint | undefined, known: bigint | undefined): boolean {
  return version !== undefined && known !== undefined && version <= known;
}
