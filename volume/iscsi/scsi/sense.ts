/** Spec: SAM-5, 5.3 */
export const STATUS = {
  good: 0x00,
  checkCondition: 0x02,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  taskAborted: 0x40,
} as const;

/** Sense key, additional sense code and qualifier. Spec: SPC-4, 4.5.6 and annex F */
export interface Sense {
  key: number;
  asc: number;
  ascq: number;
  /** INFORMATION field, where the kind of error gives it a meaning. */
  information?: number;
}

export const SENSE = {
  none: { key: 0x0, asc: 0x00, ascq: 0x00 },
  writeError: { key: 0x3, asc: 0x0c, ascq: 0x00 },
  unrecoveredReadError: { key: 0x3, asc: 0x11, ascq: 0x00 },
  internalTargetFailure: { key: 0x4, asc: 0x44, ascq: 0x00 },
  parameterListLengthError: { key: 0x5, asc: 0x1a, ascq: 0x00 },
  invalidOpcode: { key: 0x5, asc: 0x20, ascq: 0x00 },
  lbaOutOfRange: { key: 0x5, asc: 0x21, ascq: 0x00 },
  invalidFieldInCdb: { key: 0x5, asc: 0x24, ascq: 0x00 },
  logicalUnitNotSupported: { key: 0x5, asc: 0x25, ascq: 0x00 },
  invalidFieldInParameterList: { key: 0x5, asc: 0x26, ascq: 0x00 },
  invalidReleaseOfReservation: { key: 0x5, asc: 0x26, ascq: 0x04 },
  savingParametersNotSupported: { key: 0x5, asc: 0x39, ascq: 0x00 },
  insufficientRegistrationResources: { key: 0x5, asc: 0x55, ascq: 0x04 },
  powerOn: { key: 0x6, asc: 0x29, ascq: 0x00 },
  busDeviceReset: { key: 0x6, asc: 0x29, ascq: 0x03 },
  reservationsPreempted: { key: 0x6, asc: 0x2a, ascq: 0x03 },
  reservationsReleased: { key: 0x6, asc: 0x2a, ascq: 0x04 },
  registrationsPreempted: { key: 0x6, asc: 0x2a, ascq: 0x05 },
  capacityChanged: { key: 0x6, asc: 0x2a, ascq: 0x09 },
  commandsCleared: { key: 0x6, asc: 0x2f, ascq: 0x00 },
  writeProtected: { key: 0x7, asc: 0x27, ascq: 0x00 },
  spaceAllocationFailed: { key: 0x7, asc: 0x27, ascq: 0x07 },
  dataPhaseError: { key: 0xb, asc: 0x4b, ascq: 0x00 },
  miscompare: { key: 0xe, asc: 0x1d, ascq: 0x00 },
} as const satisfies Record<string, Sense>;

/** A command that does not end with GOOD. Rendered once, as status and sense data. */
export class ScsiError extends Error {
  override readonly name = 'ScsiError';
  readonly status: number;
  /** Undefined for a status that carries none, such as RESERVATION CONFLICT. */
  readonly sense: Sense | undefined;

  constructor(status: number, sense?: Sense, cause?: unknown) {
    super(sense === undefined ? `SCSI status ${status}` : `SCSI sense ${sense.key}/${sense.asc}/${sense.ascq}`, {
      cause,
    });
    this.status = status;
    this.sense = sense;
  }
}

export function checkCondition(sense: Sense, cause?: unknown): ScsiError {
  return new ScsiError(STATUS.checkCondition, sense, cause);
}

export function reservationConflict(): ScsiError {
  return new ScsiError(STATUS.reservationConflict);
}

/** Fixed format sense data, 18 bytes. Spec: SPC-4, 4.5.3 */
export function encodeFixedSense({ key, asc, ascq, information }: Sense): Buffer {
  const sense = Buffer.alloc(18);
  sense[0] = information === undefined ? 0x70 : 0xf0;
  sense[2] = key;
  if (information !== undefined) sense.writeUInt32BE(information, 3);
  sense[7] = 10;
  sense[12] = asc;
  sense[13] = ascq;
  return sense;
}

/** Descriptor format sense data without descriptors, 8 bytes. Spec: SPC-4, 4.5.2 */
export function encodeDescriptorSense({ key, asc, ascq }: Sense): Buffer {
  return Buffer.of(0x72, key, asc, ascq, 0, 0, 0, 0);
}
