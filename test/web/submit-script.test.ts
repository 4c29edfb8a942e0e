import { expect, test } from "vitest";
import { submitScript } from "../../services/web/submit-script.ts";

const serverLine = (script: string) => script.split("\n").filter((line) => line.startsWith("SERVER = "));

test("the script is told the address that it was fetched from", () => {
  expect(serverLine(submitScript("https://crash.example:8443"))).toEqual([
    'SERVER = "https://crash.example:8443"  # the service that this file was fetched from',
  ]);
});

test("an address cannot leave the string that it is put into", () => {
  const [line, ...more] = serverLine(submitScript('http://a"\n;import os\\$&'));
  expect(more).toEqual([]);
  expect(line).toBe('SERVER = "http://aimportos"  # the service that this file was fetched from');
});
