/** No usable way to a cluster. The message says what is missing and where. */
export class KubeConfigError extends Error {
  override readonly name: string = 'KubeConfigError';
  readonly code = 'KubeConfig';
}

/** What the caller wants to act as is no user. */
export class ImpersonationError extends KubeConfigError {
  override readonly name = 'ImpersonationError';
}
