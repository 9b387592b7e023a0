import { isIP } from 'node:net';

interface Address {
  readonly value: bigint;
  /** 32 or 128. */
  readonly bits: number;
}

/**
 * Whether an address lies in a range: `192.168.0.0/16`, `192.168.0.0/255.255.0.0`, `2001:db8::/32`, or one address. An IPv4 address that
 * a socket shows as IPv6 is the IPv4 address.
 *
 * @returns undefined for a range that is none; one whose address has bits behind its prefix is none.
 */
export function isInIpRange(address: string, range: string): boolean | undefined {
  const [base = '', mask, ...more] = range.split('/');
  const network = parseAddress(base);
  const prefixBits = network && (mask === undefined ? network.bits : parseMask(mask, network.bits));
  if (!network || prefixBits === undefined || more.length > 0) return undefined;
  const hostBits = BigInt(network.bits - prefixBits);
  if ((network.value >> hostBits) << hostBits !== network.value) return undefined;
  const client = parseAddress(address.replace(/^::ffff:(?=\d+\.)/i, ''));
  if (!client) return undefined;
  return client.bits === network.bits && client.value >> hostBits === network.value >> hostBits;
}

/** The length of a prefix, from that or, for IPv4, from a mask of the network's bits or of the host's. */
function parseMask(text: string, bits: number): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= bits ? Number(text) : undefined;
  const mask = bits === 32 ? parseAddress(text) : undefined;
  if (mask?.bits !== 32) return undefined;
  const digits = mask.value.toString(2).padStart(32, '0');
  if (/^1*0*$/.test(digits)) return digits.replaceAll('0', '').length;
  return /^0*1*$/.test(digits) ? digits.replaceAll('1', '').length : undefined;
}

function parseAddress(text: string): Address | undefined {
  switch (isIP(text)) {
    case 4:
      return { value: joined(text.split('.').map(Number), 8n), bits: 32 };
    case 6:
      return text.includes('%') ? undefined : { value: joined(groupsOf(text), 16n), bits: 128 };
    default:
      return undefined;
  }
}

function joined(parts: readonly number[], width: bigint): bigint {
  return parts.reduce((value, part) => (value << width) | BigInt(part), 0n);
}

/** The eight groups of an IPv6 address, from the one way in which URLs write it. */
function groupsOf(text: string): number[] {
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::', 2);
  const parse = (groups: string) => (groups === '' ? [] : groups.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [parse(head), parse(tail ?? '')];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
