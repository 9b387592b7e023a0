import type { Socket } from 'node:net';
import { HTML, pageOf, reasonOf } from '../errors.ts';

/** What Node's parser adds to its errors. */
export interface ParserError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

/**
 * Answers what Node's parser refuses before there is a request: a method it does not know (405), a head too large (431),
 * a client too slow (408), anything else malformed (400). The connection ends with it.
 */
export function answerClientError(error: ParserError, socket: Socket, transactionId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOf(error);
  const page = pageOf(status);
  const allow = status === 405 ? 'Allow: GET, HEAD, PUT, POST, DELETE, OPTIONS, COPY\r\n' : '';
  socket.end(
    `HTTP/1.1 ${status} ${reasonOf(status)}\r\nContent-Type: ${HTML}\r\nContent-Length: ${Buffer.byteLength(page)}\r\n${allow}` +
      `X-Trans-Id: ${transactionId}\r\nX-Openstack-Request-Id: ${transactionId}\r\nConnection: close\r\n\r\n${page}`,
  );
}

function statusOf(error: ParserError): number {
  switch (error.code) {
    case 'HPE_INVALID_METHOD':
      // A word where the method stands is a method we do not have; anything else is noise.
      return /^[A-Z]{1,32} \S/.test(error.rawPacket?.toString('latin1', 0, 256) ?? '') ? 405 : 400;
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    default:
      return 400;
  }
}
