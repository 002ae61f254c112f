/**
 * The set of states that have been reached, in typed arrays: millions of small objects would keep the garbage collector
 * busy. States are compared byte by byte, so no two of them are ever taken for one.
 */
const CHUNK = 1 << 26;

export class StateStore {
  #count = 0;
  #used = 0;
  readonly #chunks: Uint8Array[] = [new Uint8Array(CHUNK)];
  #offsets = new Float64Array(1 << 16);
  #lengths = new Uint16Array(1 << 16);
  #hashes = new Uint32Array(1 << 16);
  #parents = new Int32Array(1 << 16);
  #table = new Int32Array(1 << 18).fill(-1);

  get size(): number {
    return this.#count;
  }

  /** @returns the number of the state; one that was unknown has the highest */
  add(bytes: Uint8Array, parent: number): number {
    const hash = hashOf(bytes);
    const mask = this.#table.length - 1;
    let slot = hash & mask;
    for (;;) {
      const id = this.#table[slot] ?? -1;
      if (id === -1) break;
      if (this.#hashes[id] === hash && this.#equals(id, bytes)) return id;
      slot = (slot + 1) & mask;
    }
    const id = this.#append(bytes, hash, parent);
    this.#table[slot] = id;
    if (this.#count * 2 > this.#table.length) this.#rehash();
    return id;
  }

  /** A view of the bytes; they never change. */
  get(id: number): Uint8Array {
    const offset = this.#offsets[id] ?? 0;
    const start = offset % CHUNK;
    return this.#chunk(offset).subarray(start, start + (this.#lengths[id] ?? 0));
  }

  parent(id: number): number {
    return this.#parents[id] ?? -1;
  }

  #chunk(offset: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(offset / CHUNK)];
    if (chunk === undefined) throw new Error('there is no such state');
    return chunk;
  }

  #equals(id: number, bytes: Uint8Array): boolean {
    if (this.#lengths[id] !== bytes.length) return false;
    const offset = this.#offsets[id] ?? 0;
    const chunk = this.#chunk(offset);
    const start = offset % CHUNK;
    for (let i = 0; i < bytes.length; i += 1) if (chunk[start + i] !== bytes[i]) return false;
    return true;
  }

  #append(bytes: Uint8Array, hash: number, parent: number): number {
    const id = this.#count;
    if (id === this.#hashes.length) this.#grow();
    const room = CHUNK - (this.#used % CHUNK);
    if (room < bytes.length) this.#used += room;
    if (Math.floor(this.#used / CHUNK) === this.#chunks.length) this.#chunks.push(new Uint8Array(CHUNK));
    this.#chunk(this.#used).set(bytes, this.#used % CHUNK);
    this.#offsets[id] = this.#used;
    this.#lengths[id] = bytes.length;
    this.#hashes[id] = hash;
    this.#parents[id] = parent;
    this.#used += bytes.length;
    this.#count += 1;
    return id;
  }

  #grow(): void {
    const size = this.#hashes.length * 2;
    const offsets = new Float64Array(size);
    offsets.set(this.#offsets);
    const lengths = new Uint16Array(size);
    lengths.set(this.#lengths);
    const hashes = new Uint32Array(size);
    hashes.set(this.#hashes);
    const parents = new Int32Array(size);
    parents.set(this.#parents);
    this.#offsets = offsets;
    this.#lengths = lengths;
    this.#hashes = hashes;
    this.#parents = parents;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2).fill(-1);
    const mask = table.length - 1;
    for (let id = 0; id < this.#count; id += 1) {
      let slot = (this.#hashes[id] ?? 0) & mask;
      while (table[slot] !== -1) slot = (slot + 1) & mask;
      table[slot] = id;
    }
    this.#table = table;
  }
}

/** MurmurHash3's mixing over bytes. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x9747b28c;
  for (let i = 0; i < bytes.length; i += 1) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
