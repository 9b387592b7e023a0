import { setImmediate } from 'node:timers/promises';
import { type ListingPage, rowsOfChunk } from '../../container-server/contract.ts';
import { percentEncode } from './percent-encoding.ts';
import { escapeXml } from './xml.ts';

/** How a container shows itself as a web site: its `X-Container-Meta-Web-*`, blanks at both ends cut off. */
export interface Site {
  /** Name of the object that stands for a folder. */
  readonly index: string;
  /** What follows the status in the names of the objects that are shown for errors: `error.html` for `404error.html`. */
  readonly error: string;
  readonly listings: string;
  readonly listingsCss: string;
  readonly listingsLabel: string;
  /** Content type of objects that stand for folders. */
  readonly directoryType: string;
}

type Row = { readonly subdir: string } | ObjectRow;

interface ObjectRow {
  readonly name: string;
  readonly bytes: number;
  readonly content_type: string;
  readonly last_modified: string;
}

const DOCTYPE =
  '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">\n';
const STYLE = `  <style type="text/css">
   h1 {font-size: 1em; font-weight: bold;}
   th {text-align: left; padding: 0px 1em 0px 1em;}
   td {padding: 0px 1em 0px 1em;}
   a {text-decoration: none;}
  </style>
`;

/** What a listing says it is of. @param pathText of the request, decoded. */
function labelOf({ listingsLabel }: Site, pathText: string): string {
  return listingsLabel === '' ? pathText : `${listingsLabel}/${pathText.split('/').slice(4).join('/')}`;
}

/**
 * A page that lists a folder: its folders, then its objects, with names that are relative to it.
 *
 * @param prefix of the folder's names: '' or with a slash at its end.
 */
export async function listingPage(site: Site, pathText: string, prefix: string, page: ListingPage): Promise<string> {
  const folders: string[] = [];
  const objects: string[] = [];
  for (const chunk of page.chunks) {
    for (const text of rowsOfChunk(chunk)) {
      const row = JSON.parse(text) as Row;
      if ('subdir' in row) folders.push(folderLine(row.subdir.slice(prefix.length)));
      else objects.push(objectLine(row, prefix));
    }
    // One chunk at a time: others have their turn between.
    await setImmediate();
  }
  page.release?.();
  const title = escapeHtml(labelOf(site, pathText));
  return [
    `${DOCTYPE}<html>\n <head>\n  <title>Listing of ${title}</title>\n${styleOf(site, prefix)} </head>\n <body>\n`,
    `  <h1 id="title">Listing of ${title}</h1>\n  <table id="listing">\n   <tr id="heading">\n`,
    '    <th class="colname">Name</th>\n    <th class="colsize">Size</th>\n    <th class="coldate">Date</th>\n   </tr>\n',
    prefix === '' ? '' : line('id="parent" class="item"', '<a href="../">../</a>'),
    ...folders,
    ...objects,
    '  </table>\n </body>\n</html>\n',
  ].join('');
}

/** The page for a folder whose site shows no listings. */
export function noListingPage(site: Site, pathText: string, prefix: string): string {
  const missing =
    site.index === ''
      ? ''
      : `  <h1>Index File Not Found</h1>\n  <p>This folder has no <b>${escapeHtml(site.index)}</b>, the page that the site names in X-Container-Meta-Web-Index.</p>\n`;
  return [
    `${DOCTYPE}<html>\n <head>\n  <title>Listing of ${escapeHtml(labelOf(site, pathText))}</title>\n${styleOf(site, prefix)} </head>\n <body>\n`,
    '  <h1>Web Listing Disabled</h1>\n  <p>This web site does not show what its folders hold.</p>\n',
    '  <p>Its owner can change that with X-Container-Meta-Web-Listings.</p>\n',
    `${missing} </body>\n</html>\n`,
  ].join('');
}

function styleOf({ listingsCss: css }: Site, prefix: string): string {
  if (css === '') return STYLE;
  const isAbsolute = /^(\/|https?:\/\/)/.test(css);
  const href = isAbsolute
    ? percentEncode(css, ':/')
    : `${'../'.repeat(prefix.split('/').length - 1)}${percentEncode(css, '/')}`;
  return `  <link rel="stylesheet" type="text/css" href="${href}" />\n`;
}

function folderLine(name: string): string {
  return line('class="item subdir"', linkTo(name));
}

function objectLine({ name, bytes, content_type: type, last_modified: modified }: ObjectRow, prefix: string): string {
  const classes = type
    .split('/')
    .map((part) => `type-${escapeHtml(part.toLowerCase())}`)
    .join(' ');
  const date = escapeHtml(modified).split('.', 1)[0]?.replace('T', ' ') ?? '';
  return line(`class="item ${classes}"`, linkTo(name.slice(prefix.length)), humanReadable(bytes), date);
}

function linkTo(name: string): string {
  return `<a href="${percentEncode(name, '/')}">${escapeHtml(name)}</a>`;
}

function line(attributes: string, name: string, size = '&nbsp;', date = '&nbsp;'): string {
  return `   <tr ${attributes}>\n    <td class="colname">${name}</td>\n    <td class="colsize">${size}</td>\n    <td class="coldate">${date}</td>\n   </tr>\n`;
}

function escapeHtml(text: string): string {
  return escapeXml(text).replaceAll("'", '&#x27;');
}

/** 1536 → `2Ki`: rounded at each step, halves to the even, as Swift shows sizes. */
function humanReadable(bytes: number): string {
  let value = bytes;
  let unit = '';
  for (const next of 'KMGTPEZY') {
    if (value < 1024) break;
    value = roundHalfToEven(value / 1024);
    unit = `${next}i`;
  }
  return `${value}${unit}`;
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
