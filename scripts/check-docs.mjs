// What the documents say of the source: links lead somewhere, docs/errors.md names every code and log line that can be met.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ERRORS_PAGE = 'docs/errors.md';
/** Codes that never leave the code they are thrown in: Node's system errors, and what is turned into another at once. */
const INNER_CODES = new Set(['EBADF', 'EIO', 'Refused']);
const NOT_OURS = new Set(['node_modules', 'dist', 'martlet-data']);
const FEWEST = { links: 20, codes: 100, lines: 80 }; // a search that finds nothing must not look like success

/** @returns what is wrong, a line each. */
export function checkDocs() {
  const files = filesBelow('.');
  const sources = files
    .filter((file) => file.endsWith('.ts') && !/^(test|bench)\//.test(file))
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  const page = readFileSync(ERRORS_PAGE, 'utf8');
  const links = files.filter((file) => file.endsWith('.md')).flatMap(linksOf);
  const codes = sources.flatMap(codesOf).filter(({ code }) => !INNER_CODES.has(code));
  const lines = sources.flatMap(logLinesOf);
  const words = new Set(page.match(/\w+/g));
  return [
    ...links.filter(({ target }) => !leads(target)).map(({ file, link }) => `${file}: ${link} leads nowhere`),
    ...codes
      .filter(({ code }) => !words.has(code))
      .map(({ file, code }) => `${ERRORS_PAGE} does not name the code ${code} of ${file}`),
    ...lines
      .filter(({ line }) => !page.includes(line))
      .map(({ file, line }) => `${ERRORS_PAGE} does not explain the log line "${line}" of ${file}`),
    ...[
      ['links', links],
      ['codes', codes],
      ['lines', lines],
    ]
      .filter(([name, found]) => found.length < FEWEST[name])
      .map(([name, found]) => `only ${found.length} ${name} were found: the search is broken`),
  ];
}

/** Paths from the root of the repository, without what is installed, made or hidden. */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** Links to files of this repository, as paths from its root. */
function linksOf(file) {
  const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => ({ file, link, target: link.startsWith('#') ? file + link : join(dirname(file), link) }))
    .filter(({ link }) => !/^[a-z]+:/.test(link));
}

function leads(target) {
  const [path, anchor] = target.split('#');
  if (!existsSync(path)) return false;
  return anchor === undefined || headingsOf(path).includes(anchor);
}

/** As GitHub makes anchors of them. */
function headingsOf(file) {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Codes of `ApiError`s, whether given as `code:` or to a helper that takes it first. */
function codesOf({ file, text }) {
  const found = text.matchAll(/\bcode: '([A-Z]\w+)'|\b(?:conflict|refused|overQuota)\(\s*'([A-Z]\w+)',/g);
  return [...found].map(([, code, given]) => ({ file, code: code ?? given }));
}

/** The last text in each call of a logger. */
function logLinesOf({ file, text }) {
  return [...text.matchAll(/\b(?:logger|log)\??\.(?:info|warn|error|fatal)\(/g)].flatMap((call) => {
    const texts = [...text.slice(call.index, endOfCall(text, call.index)).matchAll(/'([^'\n]*)'/g)];
    const line = texts.at(-1)?.[1];
    return line === undefined ? [] : [{ file, line }];
  });
}

/** @returns behind the parenthesis that closes the first one after `start`. */
function endOfCall(text, start) {
  let depth = 0;
  for (let index = text.indexOf('(', start); index < text.length; index += 1) {
    if (text[index] === '(') depth += 1;
    if (text[index] === ')') depth -= 1;
    if (depth === 0) return index + 1;
  }
  return text.length;
}
