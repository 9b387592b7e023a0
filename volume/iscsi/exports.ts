import { ApiError, systemErrorCode } from '../../common/errors.ts';
import type { BackingExtent, ExportedTarget, TargetExport } from '../targets/contract.ts';
import { type DiskCalls, ExtentFile, systemDisk } from './backing/extent-file.ts';
import { FallocatePuncher, type HolePuncher } from './backing/punch-hole.ts';
import { BLOCK_BYTES } from './scsi/command.ts';
import { LogicalUnit } from './scsi/logical-unit.ts';
import { SENSE } from './scsi/sense.ts';
import { sameName, type Target, type TargetDirectory } from './session/target.ts';

/** A volume and how many targets show it. */
interface SharedUnit {
  key: string;
  unit: LogicalUnit;
  users: number;
}

interface ExportedUnit extends Target {
  shared: SharedUnit;
}

/** What is exported at the moment: targets by name, volumes opened once. */
export class Exports implements TargetDirectory {
  readonly #puncher: HolePuncher | undefined;
  readonly #disk: DiskCalls;
  readonly #targets = new Map<string, ExportedUnit>();
  readonly #units = new Map<string, SharedUnit>();
  /** Changes to one volume run one after the other. */
  readonly #queues = new Map<string, Promise<unknown>>();

  /** @param puncher of all volumes; by default each has one of its own. */
  constructor({ puncher, disk = systemDisk }: { puncher?: HolePuncher; disk?: DiskCalls }) {
    this.#puncher = puncher;
    this.#disk = disk;
  }

  get names(): string[] {
    return [...this.#targets.keys()];
  }

  find(iqn: string): Target | undefined {
    return this.#targets.get(iqn.toLowerCase());
  }

  visibleTo(initiatorName: string): Target[] {
    return [...this.#targets.values()].filter(
      ({ definition, closing }) => !closing && sameName(definition.initiatorName, initiatorName),
    );
  }

  /** @throws ApiError `InvalidTargetExport`, `TargetExportConflict` or `BackingUnavailable`. */
  async add(definition: TargetExport): Promise<void> {
    assertExport(definition);
    const key = unitKey(definition.extents);
    await this.#queued(key, async () => {
      const existing = this.#targets.get(definition.iqn.toLowerCase());
      if (existing === undefined) return await this.#addNew(definition, key);
      const { lun, serial } = existing.definition;
      if (existing.shared.key !== key || lun !== definition.lun || serial !== definition.serial)
        throw conflict(definition.iqn);
      await grow(existing, definition.sizeBytes, definition.extents);
      existing.definition = definition;
      existing.lun.readOnly = definition.readOnly;
    });
  }

  /** Ends the sessions, waits for their commands, closes the volume if it was its last export. */
  async remove(iqn: string): Promise<void> {
    const name = iqn.toLowerCase();
    const target = this.#targets.get(name);
    if (target === undefined) return;
    await this.#queued(target.shared.key, async () => {
      if (this.#targets.get(name) !== target) return; // somebody else did
      target.closing = true;
      await Promise.all([...target.sessions].map((session) => session.end()));
      this.#targets.delete(name);
      await this.#leave(target.shared);
    });
  }

  /** @throws ApiError `TargetNotFound` or `BackingUnavailable`. */
  async resize(iqn: string, sizeBytes: number, extents?: readonly BackingExtent[]): Promise<void> {
    const target = this.#targets.get(iqn.toLowerCase());
    if (target === undefined)
      throw new ApiError({ status: 404, code: 'TargetNotFound', message: `no target ${iqn} is exported` });
    await this.#queued(target.shared.key, async () => {
      const grown = extents ?? stretch(target.definition.extents, sizeBytes);
      assertExport({ ...target.definition, sizeBytes, extents: grown });
      await grow(target, sizeBytes, grown);
      target.definition = { ...target.definition, sizeBytes, extents: grown };
    });
  }

  list(): readonly ExportedTarget[] {
    return [...this.#targets.values()].map(({ definition, lun, sessions }) => ({
      iqn: definition.iqn,
      lun: definition.lun,
      sizeBytes: definition.sizeBytes,
      readOnly: definition.readOnly,
      serial: definition.serial,
      healthy: !lun.unit.backing.failed,
      sessions: [...sessions].map(({ initiatorName, peer, isid }) => ({ initiatorName, peer, isid })),
    }));
  }

  async #addNew(definition: TargetExport, key: string): Promise<void> {
    const shared = await this.#join(key, definition.extents);
    // The same name may have been exported over another volume meanwhile: that is another queue.
    if (this.#targets.has(definition.iqn.toLowerCase())) {
      await this.#leave(shared);
      throw conflict(definition.iqn);
    }
    const { lun, readOnly, serial, sizeBytes } = definition;
    this.#targets.set(definition.iqn.toLowerCase(), {
      definition,
      lun: { lun, readOnly, serial, sizeBlocks: sizeBytes / BLOCK_BYTES, unit: shared.unit },
      sessions: new Set(),
      closing: false,
      shared,
    });
  }

  async #join(key: string, extents: readonly BackingExtent[]): Promise<SharedUnit> {
    const existing = this.#units.get(key);
    if (existing !== undefined) {
      await growBacking(existing.unit, extents);
      existing.users += 1;
      return existing;
    }
    const backing = await onBacking(() =>
      ExtentFile.open(extents, this.#puncher ?? new FallocatePuncher(), this.#disk),
    );
    const shared = { key, unit: new LogicalUnit(backing), users: 1 };
    this.#units.set(key, shared);
    return shared;
  }

  async #leave(shared: SharedUnit): Promise<void> {
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#units.delete(shared.key);
    await shared.unit.backing.close();
  }

  /** Runs `work` after what was queued for the same volume before. */
  async #queued<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key) ?? Promise.resolve();
    const running = before.catch(() => {}).then(work); // the one before has told its own caller
    this.#queues.set(key, running);
    try {
      return await running;
    } finally {
      if (this.#queues.get(key) === running) this.#queues.delete(key);
    }
  }
}

/** Two exports are of one volume if their first bytes are the same ones. */
function unitKey([first]: readonly BackingExtent[]): string {
  return `${first?.path}@${first?.offsetBytes}`;
}

/** The map of a volume that has grown where it ended. */
function stretch(extents: readonly BackingExtent[], sizeBytes: number): BackingExtent[] {
  const missingBytes = Math.max(0, sizeBytes - lengthOf(extents));
  return extents.map((extent, index) =>
    index === extents.length - 1 ? { ...extent, lengthBytes: extent.lengthBytes + missingBytes } : extent,
  );
}

function lengthOf(extents: readonly BackingExtent[]): number {
  return extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

/** Shows the new size, and tells every session. */
async function grow(target: ExportedUnit, sizeBytes: number, extents: readonly BackingExtent[]): Promise<void> {
  await growBacking(target.lun.unit, extents);
  const sizeBlocks = sizeBytes / BLOCK_BYTES;
  if (target.lun.sizeBlocks === sizeBlocks) return;
  target.lun.sizeBlocks = sizeBlocks;
  for (const { nexus } of target.sessions) nexus.attend(SENSE.capacityChanged);
}

async function growBacking({ backing }: LogicalUnit, extents: readonly BackingExtent[]): Promise<void> {
  if (lengthOf(extents) > backing.lengthBytes) await onBacking(() => backing.setExtents(extents));
}

async function onBacking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const reason = systemErrorCode(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new ApiError({
      status: 500,
      code: 'BackingUnavailable',
      message: `the volume cannot be opened: ${reason}`,
      cause,
    });
  }
}

function conflict(iqn: string): ApiError {
  return new ApiError({
    status: 409,
    code: 'TargetExportConflict',
    message: `${iqn} is exported already, as another volume`,
  });
}

/** @throws ApiError `InvalidTargetExport` (400). */
function assertExport({ iqn, lun, sizeBytes, extents, chap, initiatorName }: TargetExport): void {
  const wrong = (what: string) =>
    new ApiError({ status: 400, code: 'InvalidTargetExport', message: `${what} of the export is not usable` });
  const isName = (name: string) => /^(iqn|eui|naa)\.[^\s\0]+$/i.test(name) && Buffer.byteLength(name) <= 223;
  const isLength = (bytes: number) => Number.isSafeInteger(bytes) && bytes > 0 && bytes % BLOCK_BYTES === 0;
  if (!isName(iqn)) throw wrong('iqn');
  if (!isName(initiatorName)) throw wrong('initiatorName');
  if (!Number.isInteger(lun) || lun < 0 || lun > 255) throw wrong('lun');
  if (chap.username === '' || chap.secret === '') throw wrong('chap');
  if (!isLength(sizeBytes) || sizeBytes > lengthOf(extents)) throw wrong('sizeBytes');
  for (const { offsetBytes, lengthBytes } of extents)
    if (
      !isLength(lengthBytes) ||
      !Number.isSafeInteger(offsetBytes) ||
      offsetBytes % BLOCK_BYTES !== 0 ||
      offsetBytes < 0
    )
      throw wrong('an extent');
}
