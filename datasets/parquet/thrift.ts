/** A value of Thrift's compact protocol. Integers of 64 bits are numbers: sizes and counts fit. */
export type Thrift = number | boolean | Uint8Array | readonly Thrift[] | Struct;

/** A struct: values by field number. */
export type Struct = ReadonlyMap<number, Thrift>;

// Deeper nesting than any of parquet's headers has.
const DEEPEST = 12;

/**
 * The struct at byte `start`, and where it ends. Every length is checked against the bytes that are there, so that
 * damaged data ends in an error and not in a long loop.
 *
 * Source: Apache Thrift, "Thrift Compact protocol encoding".
 *
 * @throws {Error} If the data is cut or no struct.
 */
export function readStruct(bytes: Uint8Array, start: number): { readonly struct: Struct; readonly end: number } {
  let at = start;
  const byte = (): number => {
    if (at >= bytes.length) throw new Error("a header that is cut");
    return bytes[at++]!;
  };
  const varint = (): number => {
    let value = 0;
    for (let scale = 1, length = 0; length < 10; scale *= 128, length++) {
      const next = byte();
      value += (next & 127) * scale;
      if (next < 128) return value;
    }
    throw new Error("a number that does not end");
  };
  const integer = (): number => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new Error(`a text of ${length} bytes in a header that is cut`);
    return bytes.subarray(at, at += length);
  };
  const value = (type: number, depth: number): Thrift => {
    switch (type) {
      case 1:
      case 2:
        return byte() === 1;
      case 3:
        return byte() << 24 >> 24;
      case 4:
      case 5:
      case 6:
        return integer();
      case 7:
        return take(8);
      case 8:
        return take(varint());
      case 9:
      case 10:
        return list(depth);
      case 12:
        return struct(depth);
      default:
        throw new Error(`a header with a value of type ${type}`);
    }
  };
  const list = (depth: number): readonly Thrift[] => {
    const head = byte();
    const length = head >> 4 === 15 ? varint() : head >> 4;
    if (length > bytes.length - at) throw new Error(`a list of ${length} values in a header that is cut`);
    return Array.from({ length }, () => value(head & 15, depth));
  };
  const struct = (depth: number): Struct => {
    if (depth > DEEPEST) throw new Error("a header that is nested too deep");
    const fields = new Map<number, Thrift>();
    for (let id = 0, head = byte(); head !== 0; head = byte()) {
      id = head >> 4 === 0 ? integer() : id + (head >> 4);
      const type = head & 15;
      // A boolean field is its type.
      fields.set(id, type === 1 || type === 2 ? type === 1 : value(type, depth + 1));
    }
    return fields;
  };
  return { struct: struct(0), end: at };
}

/** An integer field of a struct; `usual` if it is absent. @throws {Error} If it is none. */
export function integerOf(struct: Struct, field: number, usual?: number): number {
  const value = struct.get(field) ?? usual;
  if (typeof value === "number") return value;
  throw new Error(`a header without field ${field}`);
}

/** A text field of a struct; empty if it is absent. */
export function textOf(struct: Struct, field: number): string {
  const value = struct.get(field);
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}

/** The structs of a list field; none if it is absent. */
export function structsOf(struct: Struct, field: number): readonly Struct[] {
  const value = struct.get(field);
  return Array.isArray(value) ? value.filter((item): item is Struct => item instanceof Map) : [];
}

/** A struct field of a struct. @throws {Error} If it is absent. */
export function structOf(struct: Struct, field: number): Struct {
  const value = struct.get(field);
  if (value instanceof Map) return value;
  throw new Error(`a header without field ${field}`);
}
