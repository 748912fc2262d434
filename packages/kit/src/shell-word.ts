const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** As a shell takes it. What a terminal would obey, or not show, is written out, as bash and zsh read it ($'…'). */
export function shellWord(value: string): string {
  if (value === '…') return '"…"';
  if (UNSEEN.test(value)) {
    const bytes = (sign: string) =>
      [...Buffer.from(sign)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    return `$'${[...value].map((sign) => (UNSEEN.test(sign) ? bytes(sign) : /['\\]/.test(sign) ? `\\${sign}` : sign)).join('')}'`;
  }
  return /^[\w./:@%+,=-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** As every POSIX shell takes it, cron's too. What nobody sees is left as it is: who prints it refuses that. */
export function posixWord(text: string): string {
  return /^[\w./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function posixLine(words: string[]): string {
  return words.map(posixWord).join(' ');
}
