import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** The port that a kubelet listens on. The process node binds it for one purpose: to own its block of addresses. */
const kubeletPort = 10_250;

/** A block of 254 loopback addresses that no other process node of this machine uses. */
export interface AddressBlock {
  /** The node's own address: the first of the block. */
  readonly nodeIP: string;
  /**
   * An address for a pod, not one that was given back a moment ago.
   * @throws Error when all are in use
   */
  take(): string;
  giveBack(ip: string): void;
  release(): Promise<void>;
}

/**
 * Claims 127.a.b.0/24. All of 127/8 is local on Linux, without root. The claim
 * is a socket on the block's first address: it works between processes and
 * users and ends with this process.
 *
 * @param prefix such as "127.20.7" to try first, else one derived from the process id
 */
export async function claimAddressBlock(prefix?: string): Promise<AddressBlock> {
  // 127.0 is everybody's localhost; the rest is spread by process id, so that
  // clusters that start at the same time rarely try the same block.
  const start = (process.pid * 7919) % 64_000;
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const block = (start + attempt) % 64_000;
    const candidate = prefix ?? `127.${1 + Math.floor(block / 255)}.${block % 255}`;
    const claim = await bind(`${candidate}.1`);
    if (claim !== undefined) return new Block(candidate, claim);
    if (prefix !== undefined) throw new Error(`the addresses ${prefix}.0/24 belong to another process node`);
  }
  throw new Error('no free block of loopback addresses in 127/8');
}

async function bind(ip: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen({ host: ip, port: kubeletPort, exclusive: true });
    await once(server, 'listening');
    server.unref();
    return server;
  } catch {
    return undefined;
  }
}

class Block implements AddressBlock {
  readonly nodeIP: string;
  readonly #claim: Server;
  /** Oldest first, so that an address rests as long as possible before it serves another pod. */
  readonly #free: string[];

  constructor(prefix: string, claim: Server) {
    this.nodeIP = `${prefix}.1`;
    this.#claim = claim;
    this.#free = Array.from({ length: 253 }, (_, index) => `${prefix}.${index + 2}`);
  }

  take(): string {
    const ip = this.#free.shift();
    if (ip === undefined) throw new Error(`the node ${this.nodeIP} has no free address`);
    return ip;
  }

  giveBack(ip: string): void {
    this.#free.push(ip);
  }

  async release(): Promise<void> {
    await new Promise((resolve) => this.#claim.close(resolve));
  }
}
