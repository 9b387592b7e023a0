import type { AttachStatus, VolumeStatus } from './contract.ts';
import { invalidVolume } from './errors.ts';

/** What can happen to a volume. */
export type VolumeEvent =
  | 'begin-download'
  | 'finish-making'
  | 'fail-making'
  | 'reserve'
  | 'reserve-shared'
  | 'legacy-reserve'
  | 'unreserve'
  | 'export'
  | 'attach'
  | 'detach'
  | 'begin-detaching'
  | 'roll-detaching'
  | 'begin-extend'
  | 'begin-extend-in-use'
  | 'finish-extend'
  | 'fail-extend'
  | 'begin-upload'
  | 'begin-upload-in-use'
  | 'finish-upload'
  | 'begin-delete'
  | 'force-delete'
  | 'fail-delete';

/** `by-attachments`: as the volume's attachments say, see `statusByAttachments`. */
interface Transition {
  from: readonly VolumeStatus[] | 'any';
  to: VolumeStatus | 'by-attachments';
}

/**
 * The life of a volume: which event is possible where, and where it leads. Every change of a status goes through this table,
 * except `os-reset_status`, which is a person's word against it.
 *
 * Spec: Block Storage API v3, "Volumes": table of statuses.
 */
export const TRANSITIONS: Readonly<Record<VolumeEvent, Transition>> = {
  'begin-download': { from: ['creating', 'downloading'], to: 'downloading' },
  'finish-making': { from: ['creating', 'downloading'], to: 'available' },
  'fail-making': { from: ['creating', 'downloading'], to: 'error' },
  reserve: { from: ['available'], to: 'by-attachments' },
  /** Several attachments: a type that allows it, or the same server again (live migration). */
  'reserve-shared': { from: ['available', 'reserved', 'attaching', 'in-use'], to: 'by-attachments' },
  'legacy-reserve': { from: ['available'], to: 'attaching' },
  unreserve: { from: ['attaching', 'reserved'], to: 'by-attachments' },
  export: { from: ['available', 'reserved', 'attaching', 'in-use', 'detaching'], to: 'by-attachments' },
  attach: { from: ['available', 'reserved', 'attaching', 'in-use'], to: 'by-attachments' },
  /** From anywhere: ending an attachment must always be possible. */
  detach: { from: 'any', to: 'by-attachments' },
  'begin-detaching': { from: ['in-use'], to: 'detaching' },
  'roll-detaching': { from: ['detaching'], to: 'in-use' },
  'begin-extend': { from: ['available'], to: 'extending' },
  'begin-extend-in-use': { from: ['available', 'in-use'], to: 'extending' },
  'finish-extend': { from: ['extending'], to: 'by-attachments' },
  'fail-extend': { from: ['extending'], to: 'error_extending' },
  'begin-upload': { from: ['available'], to: 'uploading' },
  'begin-upload-in-use': { from: ['available', 'in-use'], to: 'uploading' },
  'finish-upload': { from: ['uploading'], to: 'by-attachments' },
  'begin-delete': {
    from: ['available', 'error', 'error_deleting', 'error_extending', 'error_managing'],
    to: 'deleting',
  },
  'force-delete': { from: 'any', to: 'deleting' },
  'fail-delete': { from: ['deleting'], to: 'error_deleting' },
};

interface Attached {
  status: VolumeStatus;
  attachments: readonly { status: AttachStatus }[];
}

/**
 * Where `event` leads a volume.
 *
 * @param volume its status before the event, its attachments after it.
 * @throws ApiError 400 `InvalidVolume` when the event is not possible in the volume's status.
 */
export function nextStatus(volume: Attached, event: VolumeEvent): VolumeStatus {
  const { from, to } = TRANSITIONS[event];
  if (from !== 'any' && !from.includes(volume.status)) {
    throw invalidVolume(`Volume status must be ${from.join(' or ')}, but current status is: ${volume.status}.`);
  }
  if (to !== 'by-attachments') return to;
  if (event === 'detach' && OWN_BUSINESS.includes(volume.status)) return volume.status;
  if (event === 'export' && volume.status === 'detaching') return volume.status;
  return statusByAttachments(volume.attachments);
}

/** A detach does not end what else happens to the volume. */
const OWN_BUSINESS: readonly VolumeStatus[] = ['extending', 'uploading', 'deleting', 'error', 'error_extending'];

/** The most advanced attachment says it: one that works makes the volume `in-use`, whatever others are about to do. */
export function statusByAttachments(attachments: readonly { status: AttachStatus }[]): VolumeStatus {
  const has = (status: AttachStatus): boolean => attachments.some((each) => each.status === status);
  if (has('attached')) return 'in-use';
  if (has('detaching')) return 'detaching';
  if (has('attaching')) return 'attaching';
  if (has('reserved')) return 'reserved';
  return 'available';
}
