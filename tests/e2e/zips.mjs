// Zip archives, byte by byte (APPNOTE.TXT 6.3.10), so that they can say what no program would pack.
import zlib from 'node:zlib';

const kUnix = 3;

function header(size, fields) {
  const bytes = Buffer.alloc(size);
  for (const [at, width, value] of fields)
    width === 4 ? bytes.writeUInt32LE(value >>> 0, at) : bytes.writeUInt16LE(value, at);
  return bytes;
}

// Entries: { path, content, mode (of Unix, with the file's kind), encrypted }.
export function zipOf(entries) {
  const local = [];
  const central = [];
  let offset = 0;
  for (const { path, content = '', mode = 0o100644, encrypted = false } of entries) {
    const name = Buffer.from(path);
    const plain = Buffer.from(content);
    const packed = zlib.deflateRawSync(plain);
    const flags = 0x800 | (encrypted ? 1 : 0);
    const common = (at) => [
      [at, 2, 20],
      [at + 2, 2, flags],
      [at + 4, 2, 8],
      [at + 10, 4, zlib.crc32(plain)],
      [at + 14, 4, packed.length],
      [at + 18, 4, plain.length],
      [at + 22, 2, name.length],
    ];
    const head = header(30, [[0, 4, 0x04034b50], ...common(4)]);
    central.push(
      header(46, [
        [0, 4, 0x02014b50],
        [4, 2, (kUnix << 8) | 20],
        ...common(6),
        [38, 4, mode * 0x10000],
        [42, 4, offset],
      ]),
      name,
    );
    local.push(head, name, packed);
    offset += head.length + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = header(22, [
    [0, 4, 0x06054b50],
    [8, 2, entries.length],
    [10, 2, entries.length],
    [12, 4, directory.length],
    [16, 4, offset],
  ]);
  return Buffer.concat([...local, directory, end]);
}
