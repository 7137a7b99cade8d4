/**
 * Imports a library now, by an address that `import.meta.resolve()` gives.
 *
 * Deno downloads what an `import()` with its name in it may ask for when a program starts, be it asked for or not; so
 * only who opens a parquet or zip file downloads what reads it.
 */
export async function loadLibrary<T>(address: string): Promise<T> {
  return await import(address);
}
