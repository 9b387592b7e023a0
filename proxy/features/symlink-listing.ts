import type { ProxyRequest, ProxyResponse } from '../message.ts';
import { changeRows, joinEtag, type ListingRow, splitEtag } from './listing-rows.ts';
import { pathText } from './symlink-headers.ts';

/** A listing's rows of links say where they lead: `symlink_path`, and of static ones `symlink_etag` and `symlink_bytes`. */
export function withSymlinkRows(request: ProxyRequest, response: ProxyResponse): ProxyResponse {
  if (!response.rows) return response;
  const rows = changeRows(response.rows, '; symlink_target=', (row) => describeLink(row, request.path.account));
  return { ...response, rows };
}

function describeLink(row: ListingRow, account: string): ListingRow {
  const { etag, parameters } = splitEtag(String(row['hash']));
  const take = (name: string) => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value;
  };
  const target = take('symlink_target') ?? '';
  const targetAccount = take('symlink_target_account') ?? account;
  const targetEtag = take('symlink_target_etag');
  const targetBytes = take('symlink_target_bytes');
  return {
    ...row,
    hash: joinEtag(etag, parameters),
    ...(targetEtag === undefined ? {} : { symlink_etag: targetEtag }),
    ...(targetBytes === undefined ? {} : { symlink_bytes: Number(targetBytes) }),
    symlink_path: pathText(targetAccount, target),
  };
}
