/**
 * To be imported first. While the rest is loaded nothing has begun, so SIGTERM ends the process at once. Without a listener it would be
 * ignored, because the operator is process 1 of its container, and the kubelet would wait for the whole grace period.
 *
 * @see https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
 */
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

const end = () => process.exit(0);
for (const name of SIGNALS) process.on(name, end);

/** Leaves the signals to those who listen by now. */
export function leaveSignals(): void {
  for (const name of SIGNALS) process.off(name, end);
}
