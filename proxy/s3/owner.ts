import type { S3Request } from './message.ts';
import { element } from './xml/write.ts';

/** Who owns everything in an account: its project. */
export function ownerOf({ identity }: S3Request): { id: string; name: string } {
  const { scope } = identity;
  return scope.kind === 'project' ? scope.project : { id: '', name: '' };
}

export function ownerXml(request: S3Request, name = 'Owner'): string {
  const owner = ownerOf(request);
  return element(name, [element('ID', owner.id), element('DisplayName', owner.name)]);
}
