import { ApiError } from '../errors.ts';

export interface BackendPath {
  device: string;
  partition: number;
  /** What follows, decoded: at most three names, the last of which may hold slashes. */
  names: string[];
}

const MOST_PATH_BYTES = 16 << 10;

/**
 * `/<device>/<partition>/<name>[/<name>[/<name>]]`, as requests between nodes have it.
 *
 * Spec: Swift, backend API of account, container and object servers.
 */
export function formatBackendPath(device: string, partition: number, ...names: string[]): string {
  const [account = '', container, object] = names.map(encodeURIComponent);
  const tail = [account, container, object?.replaceAll('%2F', '/')].filter((name) => name !== undefined);
  return `/${encodeURIComponent(device)}/${partition}/${tail.join('/')}`;
}

/** @throws ApiError 400 for a path that is none of these. */
export function parseBackendPath(url: string): BackendPath {
  const [path = ''] = url.split('?', 1);
  if (path.length > MOST_PATH_BYTES) throw badPath();
  const [, device, partition, account, container, ...rest] = path.split('/');
  if (device === undefined || partition === undefined || !/^\d{1,10}$/.test(partition)) throw badPath();
  const encoded = [account, container, rest.length > 0 ? rest.join('/') : undefined];
  const names = encoded.filter((name) => name !== undefined).map(decode);
  if (names.some((name) => name === '' || name.includes('\0'))) throw badPath();
  return { device: decode(device), partition: Number(partition), names };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw badPath(error);
  }
}

function badPath(cause?: unknown): ApiError {
  return new ApiError({
    status: 400,
    code: 'BadPath',
    message: 'The path is not /<device>/<partition>/<account>/…',
    ...(cause === undefined ? {} : { cause }),
  });
}
