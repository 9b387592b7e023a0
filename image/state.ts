import type { ImageStatus } from './contract.ts';
import { conflict } from './errors.ts';

/** What can happen to an image's data. */
export type ImageEvent = 'upload' | 'stored' | 'failed' | 'deactivate' | 'reactivate' | 'delete';

/**
 * The state machine of an image: status → event → next status. What is not in the table is refused.
 * `upload` starts a transfer, `stored` and `failed` end it. `uploading` and `importing` belong to the import that is not built;
 * `deleted` is only ever seen as the absence of the record.
 *
 * Spec: Image API v2, "Image Statuses"; Glance, "Image Statuses" (state diagram).
 */
const NEXT: Readonly<Record<ImageStatus, Readonly<Partial<Record<ImageEvent, ImageStatus>>>>> = {
  queued: { upload: 'saving', delete: 'pending_delete' },
  saving: { stored: 'active', failed: 'queued', delete: 'pending_delete' },
  uploading: {},
  importing: {},
  active: { deactivate: 'deactivated', reactivate: 'active', delete: 'pending_delete' },
  deactivated: { deactivate: 'deactivated', reactivate: 'active', delete: 'pending_delete' },
  pending_delete: {},
  deleted: {},
};

/** The status after an event; undefined where the status does not allow it. */
export function nextStatus(status: ImageStatus, event: ImageEvent): ImageStatus | undefined {
  return NEXT[status][event];
}

/** @throws ApiError 409 where the status does not allow the event. */
export function requireNextStatus(status: ImageStatus, event: ImageEvent): ImageStatus {
  const next = nextStatus(status, event);
  if (next === undefined)
    throw conflict(`Image status transition: ${event} is not allowed while the image is ${status}.`);
  return next;
}
