const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `812 bytes`, `36 KiB`, `1.2 GiB`. */
export function showSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 1 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
