/** New groups as an Atom feed (RFC 4287). What is told of an entry never changes, so readers show each once. */
import { v5 } from "uuid";

export interface FeedGroup {
  readonly hash: string;
  readonly title: string;
  /** RFC 3339. */
  readonly firstSeen: string;
}

/** Of the names below: made once, for this feed. */
const namespace = "0a3c0f4e-6a2b-5d1c-9f58-7b1f6f2d9c41";
/** What XML 1.0 cannot hold at all. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const unsayable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const xml = (text: string): string => text.replace(unsayable, "\ufffd").replace(/[&<>"']/g, (each) => escapes[each] ?? each);

const identity = (project: string, name: string): string => `urn:uuid:${v5(`${project}\n${name}`, namespace)}`;

/** `base`: where users reach the service, without a slash at the end. Newest first. */
export function atomFeed(groups: readonly FeedGroup[], project: string, base: string): string {
  const updated = groups[0]?.firstSeen ?? "1970-01-01T00:00:00.000Z";
  const entries = groups.flatMap(({ hash, title, firstSeen }) => [
    "  <entry>",
    `    <id>${identity(project, hash)}</id>`,
    `    <title>${xml(title)}</title>`,
    `    <link rel="alternate" type="application/json" href="${xml(`${base}/v1/groups/${encodeURIComponent(hash)}`)}"/>`,
    `    <published>${firstSeen}</published>`,
    `    <updated>${firstSeen}</updated>`,
    `    <summary>${xml(`${title}: first seen ${firstSeen}.`)}</summary>`,
    "  </entry>",
  ]);
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<feed xmlns="http://www.w3.org/2005/Atom">',
    `  <id>${identity(project, "groups")}</id>`,
    `  <title>${xml(`New crashes of ${project}`)}</title>`,
    `  <updated>${updated}</updated>`,
    "  <author><name>Inquest</name></author>",
    `  <link rel="self" type="application/atom+xml" href="${xml(`${base}/v1/groups/feed.atom`)}"/>`,
    ...entries,
    "</feed>",
    "",
  ].join("\n");
}
