/** The smallest ELF64 core that intake takes: a header, one empty note segment, and `size` bytes of memory behind it. */
export function tinyCore(size = 4_096, fill = 0x41): Buffer {
  const header = Buffer.alloc(64 + 2 * 56);
  header.write("\x7fELF\x02\x01\x01", 0, "latin1");
  header.writeUInt16LE(4, 16); // ET_CORE
  header.writeUInt16LE(62, 18); // EM_X86_64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(64n, 32); // e_phoff
  header.writeUInt16LE(64, 52); // e_ehsize
  header.writeUInt16LE(56, 54); // e_phentsize
  header.writeUInt16LE(2, 56); // e_phnum
  header.writeUInt32LE(4, 64); // PT_NOTE, empty
  header.writeBigUInt64LE(BigInt(header.length), 64 + 8);
  header.writeUInt32LE(1, 64 + 56); // PT_LOAD
  header.writeUInt32LE(6, 64 + 56 + 4);
  header.writeBigUInt64LE(BigInt(header.length), 64 + 56 + 8);
  header.writeBigUInt64LE(0x10000n, 64 + 56 + 16);
  header.writeBigUInt64LE(BigInt(size), 64 + 56 + 32);
  header.writeBigUInt64LE(BigInt(size), 64 + 56 + 40);
  return Buffer.concat([header, Buffer.alloc(size, fill)]);
}
