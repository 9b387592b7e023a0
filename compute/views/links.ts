import type { FastifyRequest } from 'fastify';

/** Scheme and authority under which the caller reached us. */
export function baseUrlOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}`;
}

/** `links` of a resource: with the API's version, and without. */
export function linksOf(base: string, path: string): { rel: string; href: string }[] {
  return [
    { rel: 'self', href: `${base}/v2.1/${path}` },
    { rel: 'bookmark', href: `${base}/${path}` },
  ];
}

/** The link to the page after this one. */
export function nextPageLink(request: FastifyRequest, lastId: string): { rel: string; href: string } {
  const url = new URL(request.url, baseUrlOf(request));
  url.searchParams.set('marker', lastId);
  return { rel: 'next', href: url.href };
}

/** Spec: Compute API: times are UTC, to the second. */
export function isoTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The older form of the extensions: microseconds, no zone. */
export function isoMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000`;
}
