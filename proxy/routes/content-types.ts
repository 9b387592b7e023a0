import { posix } from 'node:path';

/** Media types by file name extension, for objects that come without one. Spec: IANA, "Media Types". */
const TYPES: Readonly<Record<string, string>> = {
  '.7z': 'application/x-7z-compressed',
  '.aac': 'audio/aac',
  '.avi': 'video/x-msvideo',
  '.avif': 'image/avif',
  '.bin': 'application/octet-stream',
  '.bmp': 'image/bmp',
  '.c': 'text/x-csrc',
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.doc': 'application/msword',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.epub': 'application/epub+zip',
  '.flac': 'audio/flac',
  '.gif': 'image/gif',
  '.h': 'text/x-chdr',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.ico': 'image/vnd.microsoft.icon',
  '.ics': 'text/calendar',
  '.iso': 'application/x-iso9660-image',
  '.jar': 'application/java-archive',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.mid': 'audio/midi',
  '.mjs': 'text/javascript',
  '.mov': 'video/quicktime',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.mpeg': 'video/mpeg',
  '.odp': 'application/vnd.oasis.opendocument.presentation',
  '.ods': 'application/vnd.oasis.opendocument.spreadsheet',
  '.odt': 'application/vnd.oasis.opendocument.text',
  '.oga': 'audio/ogg',
  '.ogg': 'audio/ogg',
  '.ogv': 'video/ogg',
  '.otf': 'font/otf',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.ppt': 'application/vnd.ms-powerpoint',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.ps': 'application/postscript',
  '.py': 'text/x-python',
  '.rtf': 'application/rtf',
  '.sh': 'application/x-sh',
  '.svg': 'image/svg+xml',
  '.tar': 'application/x-tar',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain',
  '.wasm': 'application/wasm',
  '.wav': 'audio/x-wav',
  '.weba': 'audio/webm',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.xhtml': 'application/xhtml+xml',
  '.xls': 'application/vnd.ms-excel',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
  '.zst': 'application/zstd',
};

/** What compresses: the type is that of what is inside. */
const COMPRESSIONS: ReadonlySet<string> = new Set(['.gz', '.z', '.bz2', '.xz', '.br']);
/** Short for two of them. */
const SHORT_FOR: Readonly<Record<string, string>> = {
  '.svgz': '.svg',
  '.tgz': '.tar',
  '.taz': '.tar',
  '.tz': '.tar',
  '.tbz2': '.tar',
  '.txz': '.tar',
};

/**
 * The media type by an object's name.
 *
 * Spec: Swift, which asks Python's `mimetypes` (`a.tar.gz` is a tar file; `a.gz` alone is anything).
 */
export function guessContentType(name: string): string {
  let lower = posix.extname(name).toLowerCase();
  if (COMPRESSIONS.has(lower)) lower = posix.extname(name.slice(0, -lower.length)).toLowerCase();
  lower = SHORT_FOR[lower] ?? lower;
  return Object.hasOwn(TYPES, lower) ? (TYPES[lower] as string) : 'application/octet-stream';
}
