import { StartError } from '../common/errors.ts';
import { EX_USAGE } from '../common/exit-codes.ts';

/** What `--only` may name: a service is a folder. In start order; stopping goes the other way. */
const SERVICES = ['auth', 'container-server', 'object-server', 'proxy', 'image', 'volume', 'compute'] as const;

export type ServiceName = (typeof SERVICES)[number];

/** @throws StartError for a name that is none, or an empty list. */
export function parseOnly(text: string | undefined): ReadonlySet<ServiceName> {
  if (text === undefined) return new Set(SERVICES);
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!SERVICES.some((service) => service === name)) {
      throw new StartError(`--only: no service is called '${name}'; there are ${SERVICES.join(', ')}`, EX_USAGE);
    }
  }
  return new Set(names as ServiceName[]);
}
