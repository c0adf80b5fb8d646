/** A tar archive with one file; everything that could differ between runs is left at zero. Imports nothing of src. */
export function tarOf(name: string, content: Buffer): Buffer {
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  const before =
    name.padEnd(100, '\0') + octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12);
  const after = '0'.padEnd(101, '\0') + 'ustar\x0000'.padEnd(255, '\0');
  const sum = [...`${before}        ${after}`].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  const header = Buffer.from(`${before}${sum.toString(8).padStart(6, '0')}\0 ${after}`, 'latin1');
  const padding = Buffer.alloc(Math.ceil(content.length / 512) * 512 - content.length + 1024);
  return Buffer.concat([header, content, padding]);
}
