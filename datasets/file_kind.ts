// Kinds of file that turn up where a dataset is expected: their first bytes (as text or hexadecimal) and a name.
const kinds: readonly (readonly [start: string, name: string])[] = Object.freeze([
  ["1f8b", "a gzip file"],
  ["504b0304", "a zip file"],
  ["504b0506", "an empty zip file"],
  ["504b0708", "a zip file in several parts"],
  ["425a68", "a bzip2 file"],
  ["fd377a585a00", "an xz file"],
  ["28b52ffd", "a zstd file"],
  ["377abcaf271c", "a 7z file"],
  ["52617221", "a rar file"],
  ["50415231", "a parquet file"],
  ["ffd8", "a JPEG image"],
  ["89504e47", "a PNG image"],
  ["474946383", "a GIF image, which may move"],
  ["424d", "a BMP image"],
  ["49492a00", "a TIFF image"],
  ["4d4d002a", "a TIFF image"],
  ["0000000c6a502020", "a JPEG 2000 image"],
  ["ff0a", "a JPEG XL image"],
  ["255044462d", "a PDF file"],
  ["894844460d0a1a0a", "an HDF5 file"],
  ["934e554d5059", "a NumPy file"],
  ["80", "a Python pickle"],
  ["3c21444f4354", "a web page"],
  ["3c21646f6374", "a web page"],
  ["3c68746d6c", "a web page"],
  ["3c48544d4c", "a web page"],
  ["3c3f786d6c", "an XML file"],
  ["76657273696f6e2068747470733a2f2f6769742d6c6673", "a Git LFS pointer, not the file itself"],
]);

/** What a file is by its first bytes, in words for a message, e.g. `"a bzip2 file"`. */
export function fileKind(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const start = hex(bytes.subarray(0, 24));
  const known = kinds.find(([magic]) => start.startsWith(magic));
  if (known !== undefined) return known[1];
  if (start.startsWith("52494646") && text(bytes, 8) === "WEBP") return "a WebP image, which may move";
  if (text(bytes, 4) === "ftyp") return "an AVIF, HEIC or video file";
  if (text(bytes, 257) === "usta") return "a tar file";
  return `a file that starts with ${Array.from(bytes.subarray(0, 4), (byte) => hex([byte])).join(" ")}`;
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
