/** No usable way to a cluster. The message says what is missing and where. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
  readonly code = 'KubeConfig';
}
