/**
 * MicroTime, the time type of Leases and Events. The API server refuses one that has not exactly six fraction digits.
 *
 * @param ms milliseconds since the epoch
 * @returns such as 2026-11-25T10:00:00.123000Z
 * @see https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#MicroTime
 */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
