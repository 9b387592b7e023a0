import { MAX_REGISTRATIONS } from '../limits.ts';
import { checkCondition, reservationConflict, SENSE, type Sense } from './sense.ts';

/** Spec: SPC-4, 6.15.3.4 */
export const RESERVATION_TYPE = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;

const TYPES: readonly number[] = Object.values(RESERVATION_TYPE);

export interface Reservation {
  type: number;
  /** The port that reserved; with an "all registrants" type every registered port holds the reservation. */
  holder: string;
}

/** What other initiators must be told after a change. */
export interface Notice {
  initiatorPort: string;
  sense: Sense;
}

/**
 * Keys and reservation of one logical unit. Kept in memory: they outlive sessions, not the process (the unit reports that it
 * cannot persist through power loss). Spec: SPC-4, 5.13
 */
export class PersistentReservations {
  /** PRgeneration. */
  generation = 0;
  /** Key by initiator port. */
  readonly #keys = new Map<string, bigint>();
  #reservation: Reservation | undefined;

  get registrations(): ReadonlyMap<string, bigint> {
    return this.#keys;
  }

  get reservation(): Reservation | undefined {
    return this.#reservation;
  }

  isRegistered(port: string): boolean {
    return this.#keys.has(port);
  }

  /** The key under which the reservation is reported: none for "all registrants". Spec: SPC-4, 6.15.3.2 */
  get reservationKey(): bigint {
    if (this.#reservation === undefined || isAllRegistrants(this.#reservation.type)) return 0n;
    return this.#keys.get(this.#reservation.holder) ?? 0n;
  }

  /** Whether a medium access by `port` meets a reservation that forbids it. Spec: SPC-4, 5.13.10 */
  forbids(port: string, access: 'read' | 'write'): boolean {
    if (this.#reservation === undefined || this.#holds(port)) return false;
    const { type } = this.#reservation;
    const registrantsOnly = type !== RESERVATION_TYPE.writeExclusive && type !== RESERVATION_TYPE.exclusiveAccess;
    if (registrantsOnly && this.isRegistered(port)) return false;
    return access === 'write' || isExclusiveAccess(type);
  }

  /** REGISTER, or REGISTER AND IGNORE EXISTING KEY without `existing`. A key of 0 unregisters. */
  register(port: string, key: bigint, existing?: bigint): Notice[] {
    const current = this.#keys.get(port);
    if (existing !== undefined && existing !== (current ?? 0n)) throw reservationConflict();
    if (current === undefined && key === 0n) return [];
    if (key === 0n) {
      const notices = this.#unregister(port);
      this.generation += 1;
      return notices;
    }
    if (current === undefined && this.#keys.size >= MAX_REGISTRATIONS)
      throw checkCondition(SENSE.insufficientRegistrationResources);
    this.#keys.set(port, key);
    this.generation += 1;
    return [];
  }

  reserve(port: string, key: bigint, type: number): void {
    this.#assertKey(port, key);
    if (!TYPES.includes(type)) throw checkCondition(SENSE.invalidFieldInCdb);
    if (this.#reservation === undefined) this.#reservation = { type, holder: port };
    else if (!this.#holds(port) || this.#reservation.type !== type) throw reservationConflict();
  }

  release(port: string, key: bigint, type: number): Notice[] {
    this.#assertKey(port, key);
    if (this.#reservation === undefined || !this.#holds(port)) return [];
    if (this.#reservation.type !== type) throw checkCondition(SENSE.invalidReleaseOfReservation);
    return this.#endReservation(port);
  }

  clear(port: string, key: bigint): Notice[] {
    this.#assertKey(port, key);
    const others = [...this.#keys.keys()].filter((other) => other !== port);
    this.#keys.clear();
    this.#reservation = undefined;
    this.generation += 1;
    return others.map((initiatorPort) => ({ initiatorPort, sense: SENSE.reservationsPreempted }));
  }

  /**
   * PREEMPT: removes the registrations under `victim`, and takes the reservation over if it is theirs.
   *
   * @returns notices, and the ports whose commands PREEMPT AND ABORT aborts.
   */
  preempt(port: string, key: bigint, victim: bigint, type: number): { notices: Notice[]; ports: string[] } {
    this.#assertKey(port, key);
    const held = this.#reservation;
    const takesOver =
      held !== undefined &&
      (isAllRegistrants(held.type) ? victim === 0n : victim !== 0n && this.#keys.get(held.holder) === victim);
    if (victim === 0n && !takesOver) throw checkCondition(SENSE.invalidFieldInParameterList);
    if (takesOver && !TYPES.includes(type)) throw checkCondition(SENSE.invalidFieldInCdb);
    const ports = [...this.#keys].filter(([, other]) => victim === 0n || other === victim).map(([other]) => other);
    if (ports.length === 0) throw reservationConflict();
    const victims = ports.filter((other) => other !== port);
    for (const other of victims) this.#keys.delete(other);
    // With its own key as the victim's, the initiator stays registered only if it takes the reservation over.
    if (takesOver) this.#reservation = { type, holder: port };
    else if (ports.includes(port)) this.#keys.delete(port);
    this.generation += 1;
    const notices: Notice[] = victims.map((initiatorPort) => ({ initiatorPort, sense: SENSE.registrationsPreempted }));
    if (takesOver && held.type !== type)
      for (const other of this.#keys.keys())
        if (other !== port) notices.push({ initiatorPort: other, sense: SENSE.reservationsReleased });
    return { notices, ports: victims };
  }

  #holds(port: string): boolean {
    if (this.#reservation === undefined) return false;
    return isAllRegistrants(this.#reservation.type) ? this.#keys.has(port) : this.#reservation.holder === port;
  }

  #assertKey(port: string, key: bigint): void {
    const registered = this.#keys.get(port);
    if (registered === undefined || registered !== key) throw reservationConflict();
  }

  #unregister(port: string): Notice[] {
    const held = this.#holds(port);
    this.#keys.delete(port);
    if (this.#reservation === undefined || !held) return [];
    if (isAllRegistrants(this.#reservation.type) && this.#keys.size > 0) return [];
    return this.#endReservation(port);
  }

  /** Registrants are told when a "registrants only" or "all registrants" reservation ends. Spec: SPC-4, 5.13.11.2.2 */
  #endReservation(by: string): Notice[] {
    const type = this.#reservation?.type;
    this.#reservation = undefined;
    if (type === RESERVATION_TYPE.writeExclusive || type === RESERVATION_TYPE.exclusiveAccess) return [];
    return [...this.#keys.keys()]
      .filter((port) => port !== by)
      .map((initiatorPort) => ({ initiatorPort, sense: SENSE.reservationsReleased }));
  }
}

export function isAllRegistrants(type: number): boolean {
  return (
    type === RESERVATION_TYPE.writeExclusiveAllRegistrants || type === RESERVATION_TYPE.exclusiveAccessAllRegistrants
  );
}

function isExclusiveAccess(type: number): boolean {
  return (
    type === RESERVATION_TYPE.exclusiveAccess ||
    type === RESERVATION_TYPE.exclusiveAccessRegistrantsOnly ||
    type === RESERVATION_TYPE.exclusiveAccessAllRegistrants
  );
}
