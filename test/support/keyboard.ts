import { PassThrough } from 'node:stream';

const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!;

/** A person's keyboard in place of this process's: what is typed waits for the question. */
export function typeOnKeyboard(text: string): void {
  const keyboard = new PassThrough();
  keyboard.write(`${text}\n`);
  Object.defineProperty(process, 'stdin', { value: keyboard, configurable: true });
}

export function putKeyboardAway(): void {
  Object.defineProperty(process, 'stdin', stdin);
}
