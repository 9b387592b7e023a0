/** A deliberate fault: the simulation must notice it, or what it says without faults is worth nothing. */
export interface Mutation {
  name: string;
  /** Relative to the project. */
  file: string;
  /** Text that is there exactly once, and what stands there instead. */
  edits: readonly (readonly [find: string, replace: string])[];
  /** It is found within so many seeds. */
  seeds: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'the note of a checkpoint is written without a flush of the index',
    file: 'object-server/engine/checkpoint.ts',
    edits: [['  await index.flush();\n  await saveNote(', '  await saveNote(']],
    seeds: 300,
  },
  {
    name: 'positions are read after the flush',
    file: 'object-server/engine/checkpoint.ts',
    edits: [
      ['  await index.flush();\n  await saveNote(', '  await saveNote('],
      ['  const nextGeneration = Number(', '  await index.flush();\n  const nextGeneration = Number('],
    ],
    seeds: 4000,
  },
  {
    name: 'recovery does not flush before its note',
    file: 'object-server/engine/recovery.ts',
    edits: [['  await index.flush(); // before the note that relies on it\n', '']],
    seeds: 600,
  },
  {
    name: 'recovery does not note the listing updates of what it replays',
    file: 'object-server/engine/recovery.ts',
    edits: [
      ['if (needle.listing) this.changes.push(', 'if (needle.listing && needle.sizeBytes < 0) this.changes.push('],
    ],
    seeds: 300,
  },
  {
    name: 'generations are given again after a crash',
    file: 'object-server/engine/recovery.ts',
    edits: [
      ['nextGeneration = Math.max(nextGeneration, info.latestGeneration + 1);', ''],
      ['let nextGeneration =', 'const nextGeneration ='],
    ],
    seeds: 600,
  },
  {
    name: 'a needle counts as settled before it is in the index',
    file: 'object-server/slab/settled-positions.ts',
    edits: [
      [
        'const { generation, offset } = this.batches[this.oldest] ?? this.next;',
        'const { generation, offset } = this.next;',
      ],
    ],
    seeds: 4000,
  },
  {
    name: 'a late listing update is settled and not noted',
    file: 'object-server/actions/report-version.ts',
    edits: [['await notePending(context, needle, location, listing);', 'slabs.settle(location);']],
    seeds: 300,
  },
  {
    name: 'a row that is seen counts as durable',
    file: 'object-server/actions/report-version.ts',
    edits: [['areDurable &&= durable;', 'areDurable ||= durable;']],
    seeds: 600,
  },
  {
    name: 'slabs are written without O_DSYNC',
    file: 'object-server/slab/segment-pool.ts',
    edits: [['exclusive: fresh, durable: true', 'exclusive: fresh, durable: false']],
    seeds: 100,
  },
  {
    name: 'the name of a new segment is not synced',
    file: 'object-server/slab/segment-pool.ts',
    edits: [['if (fresh) await disk.syncFolder(folder);', '']],
    seeds: 100,
  },
  {
    name: 'the body of a large object is not synced',
    file: 'object-server/large/large-writer.ts',
    edits: [['    await this.flushing;\n    await file.sync();', '    await this.flushing;']],
    seeds: 600,
  },
  {
    name: 'the name of a large object is not synced',
    file: 'object-server/large/large-writer.ts',
    edits: [['    await this.options.syncFolder();\n', '']],
    seeds: 600,
  },
  {
    name: 'a small record is not synced before it gets its name',
    file: 'object-server/engine/record-file.ts',
    edits: [['    await file.sync();\n', '']],
    seeds: 600,
  },
  {
    name: 'readers are not told of changes',
    file: 'object-server/engine/device.ts',
    edits: [
      [
        'Atomics.add(this.share.changes, nameSlotOf(object), 1);',
        'Atomics.add(this.share.changes, nameSlotOf(object), 0);',
      ],
    ],
    seeds: 100,
  },
  {
    name: 'writers are not told what the newest version is',
    file: 'object-server/engine/device.ts',
    edits: [
      [
        'raise(this.share.newest, nameSlotOf(object), BigInt(',
        'raise(this.share.newest, nameSlotOf(object), 0n * BigInt(',
      ],
    ],
    seeds: 100,
  },
  {
    name: 'those who want a name to be new do not wait for each other',
    file: 'object-server/engine/claims.ts',
    edits: [['while (Atomics.compareExchange(this.slots, slot, 0, 1) !== 0) {', 'while (slot < 0) {']],
    seeds: 1000,
  },
  {
    name: 'what the disk does not give back now counts as damaged',
    file: 'object-server/engine/damage.ts',
    edits: [["systemErrorCode(error) === 'ENOENT'", 'systemErrorCode(error) !== undefined']],
    seeds: 300,
  },
  {
    name: 'what no container is there for is not taken back',
    file: 'object-server/actions/store-version.ts',
    edits: [['  await takeBack(device, target, needle.timestamp);\n', '']],
    seeds: 300,
  },
  {
    name: 'compaction removes what it should move',
    file: 'object-server/housekeeping/compact-segment.ts',
    edits: [['if (entry === undefined) dead.push', "if (entry === undefined || entry.kind === 'metadata') dead.push"]],
    seeds: 300,
  },
  {
    name: 'a segment is compacted while some of its needles are not settled',
    file: 'object-server/housekeeping/housekeeper.ts',
    edits: [['return position === 0n || unpackPosition(position).generation > generation;', 'return true;']],
    seeds: 600,
  },
  {
    name: 'a tombstone goes before what it covers',
    file: 'object-server/housekeeping/compact-segment.ts',
    edits: [
      ['return (await device.index.versions(object)).length > 1;', 'return false;'],
      [
        'if (recentlyRemoved.has(object.hash.toString(',
        'if (recentlyRemoved.has(object.hash.toString().repeat(2) ?? String(',
      ],
    ],
    seeds: 2000,
  },
];
