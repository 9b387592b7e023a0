import { ApiError } from '../common/errors.ts';

/** `major.minor`, compared by `minor`: all microversions of one API share the major number. */
export interface Microversion {
  major: number;
  minor: number;
}

export interface MicroversionRange {
  /** The name that `OpenStack-API-Version` gives this API: `volume`, `compute`. */
  serviceType: string;
  lowest: Microversion;
  highest: Microversion;
  /** The older header that means the same (`X-OpenStack-Nova-API-Version`), lower case. */
  legacyHeader?: string;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * The microversion that a request asks for; the lowest where it asks for none.
 *
 * @throws ApiError 400 for a malformed value, 406 for a version out of range.
 * Spec: API-SIG guideline "Microversion Specification".
 */
export function negotiateMicroversion(headers: Headers, range: MicroversionRange): Microversion {
  const asked = askedVersion(headers, range);
  if (asked === undefined) return range.lowest;
  if (asked === 'latest') return range.highest;
  const match = /^([1-9]\d{0,3})\.(\d{1,4})$/.exec(asked);
  if (!match) {
    throw new ApiError({
      status: 400,
      code: 'InvalidAPIVersionString',
      message: `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`,
    });
  }
  const version = { major: Number(match[1]), minor: Number(match[2]) };
  if (
    version.major !== range.lowest.major ||
    version.minor < range.lowest.minor ||
    version.minor > range.highest.minor
  ) {
    throw new ApiError({
      status: 406,
      code: 'InvalidGlobalAPIVersion',
      message:
        `Version ${asked} is not supported by the API. ` +
        `Minimum is ${formatMicroversion(range.lowest)} and maximum is ${formatMicroversion(range.highest)}.`,
    });
  }
  return version;
}

function askedVersion(headers: Headers, range: MicroversionRange): string | undefined {
  for (const entry of String(headers['openstack-api-version'] ?? '').split(',')) {
    const [service, version] = entry.trim().split(/\s+/);
    if (service?.toLowerCase() === range.serviceType && version) return version;
  }
  const legacy = range.legacyHeader && headers[range.legacyHeader];
  return typeof legacy === 'string' ? legacy.trim() : undefined;
}

export function formatMicroversion({ major, minor }: Microversion): string {
  return `${major}.${minor}`;
}

/** Headers that every answer of a microversioned API carries. */
export function microversionHeaders(version: Microversion, range: MicroversionRange): Record<string, string> {
  const headers: Record<string, string> = {
    'openstack-api-version': `${range.serviceType} ${formatMicroversion(version)}`,
    vary: range.legacyHeader ? `OpenStack-API-Version, ${range.legacyHeader}` : 'OpenStack-API-Version',
  };
  if (range.legacyHeader) headers[range.legacyHeader] = formatMicroversion(version);
  return headers;
}
