/** Makes small ELF files, of either class and byte order, whole or wrong on purpose. */
export interface Form {
  readonly bits: 32 | 64;
  readonly byteOrder: "little" | "big";
}

export interface Encoder {
  readonly u16: (value: number) => Buffer;
  readonly u32: (value: number) => Buffer;
  readonly word: (value: bigint | number) => Buffer;
}

export function encoder({ bits, byteOrder }: Form): Encoder {
  const encode = (value: bigint | number, size: number) => {
    const bytes = Buffer.alloc(size);
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let index = 0; index < size; index += 1) {
      bytes[byteOrder === "little" ? index : size - 1 - index] = Number(rest & 0xffn);
      rest >>= 8n;
    }
    return bytes;
  };
  return { u16: (value) => encode(value, 2), u32: (value) => encode(value, 4), word: (value) => encode(value, bits / 8) };
}

export interface Segment {
  readonly type: number;
  readonly flags?: number;
  readonly vaddr?: bigint;
  readonly bytes?: Buffer;
  /** Defaults to the length of `bytes`. */
  readonly memsz?: bigint;
  readonly filesz?: number;
  readonly align?: bigint;
}

export interface SectionShape {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly bytes?: Buffer;
  /** Of a NOBITS section. */
  readonly size?: number;
}

export interface ElfShape extends Form {
  readonly type: number;
  readonly machine: number;
  readonly segments?: readonly Segment[];
  readonly sections?: readonly SectionShape[];
  /** Writes PN_XNUM and the true count into section 0. */
  readonly manyHeaders?: boolean;
  readonly entry?: bigint;
}

const pad = (bytes: Buffer, to: number) => Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);

export function buildElf(shape: ElfShape): Buffer {
  const { u16, u32, word } = encoder(shape);
  const { segments = [], bits } = shape;
  const ehsize = bits === 64 ? 64 : 52;
  const phentsize = bits === 64 ? 56 : 32;
  const shentsize = bits === 64 ? 64 : 40;
  let at = ehsize + segments.length * phentsize;
  const bodies: Buffer[] = [];
  const place = (bytes: Buffer) => {
    const offset = at;
    const padded = pad(bytes, 8);
    bodies.push(padded);
    at += padded.length;
    return offset;
  };

  const programHeaders = segments.map((segment) => {
    const bytes = segment.bytes ?? Buffer.alloc(0);
    const [offset, filesz, memsz] = [place(bytes), segment.filesz ?? bytes.length, segment.memsz ?? BigInt(bytes.length)];
    const [type, flags, vaddr, align] = [u32(segment.type), u32(segment.flags ?? 6), word(segment.vaddr ?? 0n), word(segment.align ?? 4n)];
    return Buffer.concat(
      bits === 64
        ? [type, flags, word(offset), vaddr, word(0), word(filesz), word(memsz), align]
        : [type, word(offset), vaddr, word(0), word(filesz), word(memsz), flags, align],
    );
  });

  const shapes: SectionShape[] = [{ name: "", type: 0 }, ...(shape.sections ?? [])];
  const hasSections = shape.sections !== undefined || shape.manyHeaders === true;
  if (hasSections) shapes.push({ name: ".shstrtab", type: 3 });
  const names = Buffer.from(shapes.map((each) => `${each.name}\0`).join(""), "latin1");
  let nameAt = 0;
  const sectionHeaders = shapes.map((section, index) => {
    const bytes = section.name === ".shstrtab" ? names : (section.bytes ?? Buffer.alloc(0));
    const offset = section.type === 0 || section.type === 8 ? 0 : place(bytes);
    const header = Buffer.concat([
      u32(nameAt),
      u32(section.type),
      word(section.flags ?? 0),
      word(0),
      word(offset),
      word(section.size ?? bytes.length),
      u32(0),
      u32(index === 0 && shape.manyHeaders === true ? segments.length : 0),
      word(4),
      word(0),
    ]);
    nameAt += section.name.length + 1;
    return header;
  });

  const header = Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, bits / 32, shape.byteOrder === "little" ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    u16(shape.type),
    u16(shape.machine),
    u32(1),
    word(shape.entry ?? 0n),
    word(segments.length === 0 ? 0 : ehsize),
    word(hasSections ? at : 0),
    u32(0),
    u16(ehsize),
    u16(phentsize),
    u16(shape.manyHeaders === true ? 0xffff : segments.length),
    u16(hasSections ? shentsize : 0),
    u16(hasSections ? shapes.length : 0),
    u16(hasSections ? shapes.length - 1 : 0),
  ]);
  return Buffer.concat([header, ...programHeaders, ...bodies, ...(hasSections ? sectionHeaders : [])]);
}

export function note(form: Form, name: string, type: number, desc: Buffer): Buffer {
  const { u32 } = encoder(form);
  const text = Buffer.from(`${name}\0`, "latin1");
  return Buffer.concat([u32(text.length), u32(desc.length), u32(type), pad(text, 4), pad(desc, 4)]);
}
