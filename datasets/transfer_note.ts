/** Tells how far a transfer is, from the bytes that have come by now. */
export interface TransferNote {
  /** Bytes of bytes, speed and time left, e.g. `"12.3 of 162.2 MiB, 1.4 MiB/s, 1 m 47 s left"`. */
  (done: number, total: number | undefined, seconds: number): string;
}

// Seconds that the speed is taken over: steady enough to read, quick enough to follow a server that slows down.
const WINDOW = 5;

/** Notes of one transfer; the speed is that of the last seconds. */
export function transferNote(): TransferNote {
  const seen: { readonly done: number; readonly seconds: number }[] = [];
  return (done, total, seconds) => {
    seen.push({ done, seconds });
    while (seen.length > 2 && seen[1]!.seconds < seconds - WINDOW) seen.shift();
    const first = seen[0]!;
    const speed = seconds > first.seconds ? (done - first.done) / (seconds - first.seconds) : 0;
    const parts = [total === undefined ? `${size(done)}` : amount(done, total)];
    if (speed > 0) parts.push(`${size(speed)}/s`);
    if (speed > 0 && total !== undefined && total > done) parts.push(`${time((total - done) / speed)} left`);
    return parts.join(", ");
  };
}

const units = ["B", "KiB", "MiB", "GiB"];

/** Both numbers in the unit of the larger one. */
function amount(done: number, total: number): string {
  const unit = unitOf(total);
  return `${inUnit(done, unit)} of ${inUnit(total, unit)} ${units[unit]}`;
}

function size(bytes: number): string {
  const unit = unitOf(bytes);
  return `${inUnit(bytes, unit)} ${units[unit]}`;
}

function unitOf(bytes: number): number {
  return Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
}

function inUnit(bytes: number, unit: number): string {
  return (bytes / 1024 ** unit).toFixed(unit === 0 ? 0 : 1);
}

function time(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole % 3600 / 60)).padStart(2, "0")} m`;
}
