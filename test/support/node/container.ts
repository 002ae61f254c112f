import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { type Exit, startProcess } from '../cluster/processes.ts';
import { ContainerConfigError } from './environment.ts';
import { type PodFaults, podFaults } from './faults.ts';
import { findImage, type RunningContainer } from './image.ts';
import { type ContainerHost, type PreparedStart, prepareStart } from './prepare.ts';
import { attempt, pause, runProbe } from './probes.ts';
import { now } from './status.ts';
import type { ContainerSpec, ContainerState, ContainerStatus } from './types.ts';

/** How often a start is tried again for which something is missing. */
const retryMs = 500;

/**
 * One container of a pod as a local process: started, probed, restarted with
 * back-off. Whatever it needs for a start (environment, mounts) is read at that
 * start and never again.
 */
export class Container {
  readonly spec: ContainerSpec;
  readonly #host: ContainerHost;
  #process: RunningContainer | undefined;
  #id: string | undefined;
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState = {};
  #restartCount = 0;
  #started = false;
  #probeReady = false;
  #crashNonce: string | undefined;
  #deadline: (() => number) | undefined;

  constructor(spec: ContainerSpec, host: ContainerHost) {
    this.spec = spec;
    this.#host = host;
  }

  status(): ContainerStatus {
    return {
      name: this.spec.name,
      image: this.spec.image,
      imageID: this.#id === undefined ? '' : `process://${this.spec.image}`,
      ...(this.#id === undefined ? {} : { containerID: this.#id }),
      ready: this.#started && this.#probeReady && !this.#faults().notReady,
      started: this.#started,
      restartCount: this.#restartCount,
      state: this.#state,
      lastState: this.#lastState,
    };
  }

  /** Runs until the restart policy says it is over or the pod ends; the process is then gone. */
  async run(restartPolicy: 'Always' | 'OnFailure' | 'Never', podEnds: AbortSignal): Promise<void> {
    let failures = 0;
    while (!podEnds.aborted) {
      const startedAt = Date.now();
      const exit = await this.#runOnce(podEnds);
      const isOver = restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && exit?.code === 0);
      if (exit === undefined || isOver || podEnds.aborted) return;
      const { initialMs, maxMs, resetAfterMs } = this.#host.backOff;
      if (Date.now() - startedAt > resetAfterMs) failures = 0;
      const delayMs = Math.min(initialMs * 2 ** failures, maxMs);
      failures += 1;
      this.#lastState = this.#state;
      this.#wait('CrashLoopBackOff', `back-off ${delayMs} ms restarting failed container=${this.spec.name}`);
      await pause(delayMs, podEnds);
      if (!podEnds.aborted) this.#restartCount += 1;
    }
  }

  /** Obeys fault annotations that the pod has by now. */
  obeyFaults(): void {
    const { crashNow } = this.#faults();
    if (crashNow !== undefined && crashNow !== this.#crashNonce && this.#process !== undefined) {
      this.#crashNonce = crashNow;
      this.kill();
    }
    this.#host.changed();
  }

  /**
   * Ends the process gracefully: preStop hook, SIGTERM, and SIGKILL at the deadline.
   * @param deadline asked again and again: it may come closer. Milliseconds since the epoch
   */
  async terminate(deadline: () => number): Promise<void> {
    this.#deadline = deadline;
    const running = this.#process;
    if (running === undefined) return;
    let hasEnded = false;
    void running.exited.then(() => {
      hasEnded = true;
    });
    const until = async (time: () => number): Promise<void> => {
      while (!hasEnded && Date.now() < Math.min(time(), deadline())) {
        await Promise.race([running.exited, pause(50, new AbortController().signal)]);
      }
    };
    const lingersUntil = Date.now() + this.#faults().lingerMs;
    await until(() => lingersUntil);
    const hook = this.spec.lifecycle?.preStop;
    if (hook?.sleep !== undefined) {
      const wakesAt = Date.now() + hook.sleep.seconds * 1_000;
      await until(() => wakesAt);
    } else if (hook !== undefined) {
      await attempt(hook, this.spec, this.#host.podIP, Math.max(0, deadline() - Date.now()));
    }
    running.signal('SIGTERM');
    await until(() => Number.POSITIVE_INFINITY);
    running.signal('SIGKILL');
    await running.exited;
  }

  /** SIGKILL, as when the machine runs out of memory. */
  kill(): void {
    this.#process?.signal('SIGKILL');
  }

  #faults(): PodFaults {
    return podFaults(this.#host.pod());
  }

  /** @returns undefined when the pod ended before a process was started */
  async #runOnce(podEnds: AbortSignal): Promise<Exit | undefined> {
    const found = await this.#prepare(podEnds);
    if (found === undefined || podEnds.aborted) return undefined;
    const { prepared, startedAt } = found;
    this.#id = `process://${randomUUID()}`;
    let running: RunningContainer;
    try {
      running = await this.#start(prepared);
    } catch (error) {
      return this.#ended({ code: 128, signal: null }, startedAt, 'StartError', String(error));
    }
    this.#process = running;
    this.#state = { running: { startedAt } };
    this.#started = this.spec.startupProbe === undefined;
    this.#probeReady = this.spec.readinessProbe === undefined;
    this.#host.changed();

    const ends = new AbortController();
    void this.#probe(ends.signal, podEnds);
    const { crashAfterMs } = this.#faults();
    const crash =
      crashAfterMs !== undefined && this.#restartCount === 0 ? setTimeout(() => this.kill(), crashAfterMs) : undefined;
    this.obeyFaults();
    // The pod may have ended while the process was starting.
    if (this.#deadline !== undefined) void this.terminate(this.#deadline);
    const exit = await running.exited;
    clearTimeout(crash);
    ends.abort();
    this.#process = undefined;
    return this.#ended(exit, startedAt, exit.code === 0 ? 'Completed' : 'Error');
  }

  #start({ serve, ...prepared }: PreparedStart): Promise<RunningContainer> {
    if (serve !== undefined) return serve(prepared.env);
    return startProcess({ name: this.spec.name, logPath: this.#host.logPath, ...prepared });
  }

  /** Waits until everything for a start is there, and reads it. */
  async #prepare(podEnds: AbortSignal): Promise<{ prepared: PreparedStart; startedAt: string } | undefined> {
    await pause(this.#faults().startDelayMs, podEnds);
    for (; !podEnds.aborted; await pause(retryMs, podEnds)) {
      const image = findImage(this.#host.images, this.spec.image);
      if (image === undefined) {
        this.#wait('ErrImagePull', `the process node has no image ${this.spec.image}`);
        continue;
      }
      try {
        // how long the machine takes from here on is no lag of the node: only what a test asks for is
        const readAt = now();
        const prepared = await prepareStart(image, this.spec, this.#host);
        const { stallStartMs } = this.#faults();
        await pause(stallStartMs, podEnds);
        return { prepared, startedAt: stallStartMs > 0 ? now() : readAt };
      } catch (error) {
        const reason = error instanceof ContainerConfigError ? 'CreateContainerConfigError' : 'CreateContainerError';
        this.#wait(reason, error instanceof Error ? error.message : String(error));
      }
    }
    return undefined;
  }

  async #probe(ends: AbortSignal, podEnds: AbortSignal): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.spec;
    const { podIP } = this.#host;
    const restartUnless = (isWell: boolean): void => {
      const graceMs = (this.#host.pod().spec.terminationGracePeriodSeconds ?? 30) * 1_000;
      if (!isWell && !podEnds.aborted) void this.#process?.stop(graceMs);
    };
    if (startupProbe !== undefined) {
      const startup = new AbortController();
      const report = (isWell: boolean): void => {
        restartUnless(isWell);
        startup.abort();
        this.#started = isWell;
        this.#host.changed();
      };
      await runProbe(startupProbe, this.spec, podIP, false, report, AbortSignal.any([ends, startup.signal]));
    }
    if (livenessProbe !== undefined) void runProbe(livenessProbe, this.spec, podIP, false, restartUnless, ends);
    if (readinessProbe === undefined) return;
    const report = (isWell: boolean): void => {
      this.#probeReady = isWell;
      this.#host.changed();
    };
    await runProbe(readinessProbe, this.spec, podIP, true, report, ends);
  }

  #wait(reason: string, message: string): void {
    this.#state = { waiting: { reason, message } };
    this.#host.changed();
  }

  #ended(exit: Exit, startedAt: string, reason: string, message?: string): Exit {
    const signal = exit.signal === null ? undefined : constants.signals[exit.signal];
    this.#started = false;
    this.#probeReady = false;
    this.#state = {
      terminated: {
        exitCode: exit.code ?? 128 + (signal ?? 0),
        ...(signal === undefined ? {} : { signal }),
        ...(message === undefined ? {} : { message }),
        reason,
        startedAt,
        finishedAt: now(),
        containerID: this.#id ?? '',
      },
    };
    this.#host.changed();
    return exit;
  }
}
