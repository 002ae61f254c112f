import type { ManagedProcess } from '../cluster/processes.ts';
import type { ContainerSpec } from './types.ts';

/** What stands for a container image: a program of this machine. */
export interface Image {
  /** The entry point. `command` of a container replaces it, `args` are appended to it. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Runs within this process, in place of the program. It gets the environment. */
  readonly serve?: (env: Readonly<Record<string, string>>) => Promise<RunningContainer>;
}

/** What the node needs of a container that runs. */
export type RunningContainer = Pick<ManagedProcess, 'exited' | 'signal' | 'stop'>;

/** Images by name without tag. Entries that are added later are found by containers that wait for them. */
export type Images = Readonly<Record<string, Image>>;

/** Finds the image of a container; tag and digest do not count. */
export function findImage(images: Images, reference: string): Image | undefined {
  return images[reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '')];
}

/** The program and its arguments, before `$(NAME)` is expanded. */
export function commandOf(image: Image, { command, args = [] }: ContainerSpec): string[] {
  return [...(command ?? image.command), ...args];
}
