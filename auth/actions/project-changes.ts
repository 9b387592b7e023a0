import type { AuthContext } from '../context.ts';
import { mergedExtra } from '../parse.ts';
import type { ProjectBody } from '../schemas.ts';
import type { ProjectRecord } from '../store/records.ts';
import { mergedOptions } from './access.ts';

/** A project or domain after an update. Disabling it ends its tokens for good: enabling it revives none. */
export function withProjectChanges(
  { clock }: AuthContext,
  record: ProjectRecord,
  body: Pick<Partial<ProjectBody>, 'name' | 'enabled' | 'description' | 'tags' | 'options'>,
  extra: Readonly<Record<string, unknown>>,
): ProjectRecord {
  const enabled = body.enabled ?? record.enabled;
  return {
    ...record,
    name: body.name ?? record.name,
    enabled,
    description: body.description === undefined ? record.description : (body.description ?? ''),
    tags: body.tags ?? record.tags,
    options: mergedOptions(record.options, body.options),
    extra: mergedExtra(record.extra, extra),
    tokensNotBeforeMs: enabled ? record.tokensNotBeforeMs : Math.floor(clock.nowMs()),
  };
}
