/** Server-sent events of a stream, as they come. (WHATWG HTML, 9.2.6) */
export interface ServerEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

function eventOf(block: string): ServerEvent | null {
  const fields = block.split(/\r\n|\r|\n/).flatMap((line): [string, string][] => {
    const match = /^([^:]+): ?(.*)$/.exec(line);
    return match === null ? [] : [[match[1] ?? "", match[2] ?? ""]];
  });
  const data = fields.filter(([name]) => name === "data").map(([, value]) => value);
  const last = (wanted: string) => fields.findLast(([name]) => name === wanted)?.[1] ?? null;
  return data.length === 0 ? null : { id: last("id"), event: last("event") ?? "message", data: data.join("\n") };
}

export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split(/\r\n\r\n|\n\n|\r\r/);
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== null) yield event;
    }
  }
}
