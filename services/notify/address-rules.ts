/**
 * Which addresses a webhook may reach. Whoever can make a webhook can make this service send requests, so by itself it
 * reaches the public internet only: no loopback, private, link-local or metadata address, by whatever spelling or name.
 *
 * IPv4: the blocks that RFC 6890 lists as not global, with multicast and the reserved rest. IPv6: only 2000::/3 is global
 * unicast, and in it what carries an IPv4 address inside (6to4, Teredo) or is set aside is not. An operator names what else
 * may be reached in INQUEST_WEBHOOK_ALLOW.
 */
import { BlockList, isIP, isIPv4 } from "node:net";

const closedV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;
const closedInGlobalV6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const;

const closed = new BlockList();
for (const [address, bits] of closedV4) closed.addSubnet(address, bits, "ipv4");
for (const [address, bits] of closedInGlobalV6) closed.addSubnet(address, bits, "ipv6");
const globalV6 = new BlockList();
globalV6.addSubnet("2000::", 3, "ipv6");
const mapped = new BlockList();
mapped.addSubnet("::ffff:0:0", 96, "ipv6");

/** `::ffff:7f00:1` as the IPv4 address that it stands for; anything else as it is, without a zone. */
function plain(address: string): string {
  const bare = address.replace(/%.*$/, "");
  if (isIPv4(bare) || !mapped.check(bare, "ipv6")) return bare;
  const dotted = /(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  if (dotted !== undefined) return dotted;
  const [high = "0", low = "0"] = bare.split(":").slice(-2);
  const bits = (Number.parseInt(high || "0", 16) << 16) | Number.parseInt(low || "0", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** False for whatever is no address at all. */
export function isPublic(address: string): boolean {
  const bare = plain(address);
  if (isIP(bare) === 0) return false;
  if (isIPv4(bare)) return !closed.check(bare, "ipv4");
  return globalV6.check(bare, "ipv6") && !closed.check(bare, "ipv6");
}

export interface AddressRules {
  /** The operator named this host or address: `http` will do there too. */
  named(host: string): boolean;
  /** Whether a connection to this address may be made for a URL with this host. */
  reachable(host: string, address: string): boolean;
}

const bareHost = (host: string): string =>
  host
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();

/** `allow`: names of hosts, addresses and blocks of them, as the configuration has checked them. */
export function addressRules(allow: readonly string[]): AddressRules {
  const hosts = new Set<string>();
  const blocks = new BlockList();
  for (const word of allow) {
    const [address = "", bits] = word.split("/");
    const form = isIP(address);
    if (form === 0) hosts.add(bareHost(word));
    else blocks.addSubnet(address, Number(bits ?? (form === 4 ? 32 : 128)), form === 4 ? "ipv4" : "ipv6");
  }
  const inBlocks = (address: string) => {
    const bare = plain(address);
    return isIP(bare) !== 0 && blocks.check(bare, isIPv4(bare) ? "ipv4" : "ipv6");
  };
  return {
    named: (host) => hosts.has(bareHost(host)) || inBlocks(bareHost(host)),
    reachable: (host, address) => isPublic(address) || hosts.has(bareHost(host)) || inBlocks(address),
  };
}
