import { invariant } from '../../common/errors.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text is an id as this service makes them. */
function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** The last gate before a path or a command line. @throws InvariantError for anything but a UUID. */
export function assertVolumeId(volumeId: string): string {
  invariant(isUuid(volumeId), `a volume id is a UUID, not ${JSON.stringify(volumeId)}`);
  return volumeId;
}
