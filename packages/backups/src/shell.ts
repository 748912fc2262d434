/** A word of a POSIX shell's command line. */
export function shellWord(text: string): string {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function shellLine(words: string[]): string {
  return words.map(shellWord).join(' ');
}
