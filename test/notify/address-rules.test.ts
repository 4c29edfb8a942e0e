import { expect, test } from "vitest";
import { addressRules, isPublic } from "../../services/notify/address-rules.ts";
import { checkUrl } from "../../services/notify/check-url.ts";

test.each([
  ["127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.0.0.192", "198.18.0.1"],
  ["203.0.113.9", "224.0.0.1", "255.255.255.255", "240.0.0.1", "100.100.100.200"],
  ["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "64:ff9b::7f00:1", "fec0::1"],
  ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:a9fe:a9fe", "::127.0.0.1", "not an address", ""],
])("no address of this kind is public: %s …", (...addresses) => {
  expect(addresses.filter(isPublic)).toEqual([]);
});

test("public addresses are", () => {
  const addresses = [
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "192.167.1.1",
    "169.253.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "::ffff:808:808",
  ];
  expect(addresses.filter((each) => !isPublic(each))).toEqual([]);
});

test("what the operator names may be reached: a host whatever it leads to, an address, a block, IPv4 inside IPv6 too", () => {
  const rules = addressRules(["hooks.internal", "10.1.0.0/16", "127.0.0.1", "fd00:1::/64"]);
  expect(rules.reachable("hooks.internal", "192.168.7.7")).toBe(true);
  expect(rules.reachable("HOOKS.internal.", "192.168.7.7")).toBe(true);
  expect(rules.reachable("other.internal", "192.168.7.7")).toBe(false);
  expect(rules.reachable("any", "10.1.255.1")).toBe(true);
  expect(rules.reachable("any", "::ffff:10.1.2.3")).toBe(true);
  expect(rules.reachable("any", "10.2.0.1")).toBe(false);
  expect(rules.reachable("any", "127.0.0.2")).toBe(false);
  expect(rules.reachable("any", "fd00:1::5")).toBe(true);
  expect(rules.reachable("any", "fd00:2::5")).toBe(false);
});

const codeOf = (url: string, allow: readonly string[] = []): unknown => {
  try {
    checkUrl(url, addressRules(allow));
    return null;
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
};

test.each([
  ["https://127.0.0.1/"],
  ["https://2130706433/"],
  ["https://0x7f.1/"],
  ["https://0177.0.0.1/"],
  ["https://[::1]/"],
  ["https://[::ffff:127.0.0.1]/"],
  ["https://169.254.169.254/latest/meta-data"],
  ["https://localhost/"],
  ["https://a.localhost./"],
  ["https://user:password@hooks.example.com/"],
  ["http://hooks.example.com/"],
  ["http://8.8.8.8/"],
  ["file:///etc/passwd"],
  ["https://"],
])("%s is refused when the webhook is made", (url) => {
  expect(codeOf(url)).toBe("webhook_url_refused");
});

test("public https is taken, and what the operator named, by http too", () => {
  expect(codeOf("https://hooks.example.com/x?y=z")).toBeNull();
  expect(codeOf("http://hooks.internal:9000/", ["hooks.internal"])).toBeNull();
  expect(codeOf("http://10.1.2.3/", ["10.1.0.0/16"])).toBeNull();
  expect(codeOf("http://localhost:9/", ["localhost"])).toBeNull();
  expect(codeOf("http://10.2.2.3/", ["10.1.0.0/16"])).toBe("webhook_url_refused");
});
