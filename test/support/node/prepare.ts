import { dirname } from 'node:path';
import type { Command } from '../cluster/processes.ts';
import { expand, resolveEnv } from './environment.ts';
import { commandOf, type Image, type Images } from './image.ts';
import type { ObjectSource } from './objects.ts';
import type { ContainerSpec, Pod } from './types.ts';
import type { PodVolumes } from './volumes.ts';

/** How long a container that ended waits before it starts again; doubled each time, up to the maximum. */
export interface BackOff {
  readonly initialMs: number;
  readonly maxMs: number;
  /** A container that ran longer than this begins again with `initialMs`. */
  readonly resetAfterMs: number;
}

/** What a container gets from its pod. */
export interface ContainerHost {
  /** The pod as last seen. */
  pod(): Pod;
  readonly podIP: string;
  readonly hostIP: string;
  readonly podDir: string;
  readonly logPath: string;
  readonly images: Images;
  readonly objects: ObjectSource;
  readonly volumes: PodVolumes;
  readonly backOff: BackOff;
  /** Called whenever `status()` may have changed. */
  changed(): void;
}

/** Everything that a process needs to start. */
export interface PreparedStart {
  readonly command: Command;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly serve?: Image['serve'];
}

/**
 * Reads all that a container needs for one start: from now on its environment
 * and its subPath mounts are fixed, whatever happens to the Secret.
 * @throws ContainerConfigError when something that is not optional is missing
 */
export async function prepareStart(image: Image, spec: ContainerSpec, host: ContainerHost): Promise<PreparedStart> {
  const { podIP, hostIP, podDir, objects, volumes } = host;
  const pod = host.pod();
  const declared = await resolveEnv(pod, spec, podIP, hostIP, objects);
  const root = await volumes.mount(spec);
  const [program = '', ...args] = commandOf(image, spec).map((word) => expand(word, declared));
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'}`,
    HOME: podDir,
    HOSTNAME: pod.metadata.name,
    ...image.env,
    // All pods share one machine: a service listens on its own pod's address or collides with others.
    POD_IP: podIP,
    HOST: podIP,
    ...Object.fromEntries([...declared].map(([name, value]) => [name, inRoot(value, spec, root)])),
    REKEY_MOUNT_ROOT: root,
  };
  const { serve } = image;
  return { command: [program, ...args], cwd: spec.workingDir ?? image.cwd, env, ...(serve !== undefined && { serve }) };
}

/** The mounts are below a folder of the container's own. Where a variable names one by its path, that is meant. */
function inRoot(value: string, { volumeMounts = [] }: ContainerSpec, root: string): string {
  return volumeMounts.reduce((text, { mountPath }) => {
    const path = mountPath.replaceAll(/[.+*?^${}()|[\]\\]/g, '\\$&');
    return text.replace(new RegExp(`(?<=^|[\\s:=])(?=${path}(?:$|[\\s:/]))`, 'g'), () => root);
  }, value);
}
