/** Each line that is not empty, two spaces further in. */
export function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
