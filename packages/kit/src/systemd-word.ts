/** A word of a command as systemd takes it (systemd.service(5), COMMAND LINES); a percent sign and a dollar sign are two. */
export function systemdWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./:=@+,-]+$/.test(plain) ? plain : `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
