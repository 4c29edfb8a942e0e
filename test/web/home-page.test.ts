import { expect, test } from "vitest";
import { homeHtml, homePolicy, homeText } from "../../services/web/home-page.ts";

test("the text tells the lines that do it, with the address that was called", () => {
  const text = homeText("http://crash.example:8080");
  expect(text).toContain("curl -F core=@core -F binary=@/usr/bin/python3 http://crash.example:8080/v1/jobs");
  expect(text).toContain("curl -H 'Accept: text/plain' 'http://crash.example:8080/v1/jobs/ID/report?wait=30'");
});

test("the page loads nothing and runs nothing", () => {
  const html = homeHtml("http://127.0.0.1:8080");
  expect(html).not.toMatch(/<script|src=|@import|https:\/\//);
  expect(homePolicy).toContain("default-src 'none'");
});

test("the address is escaped in the page", () => {
  expect(homeHtml('http://"><b>')).not.toContain("<b>");
});
