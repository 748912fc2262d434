/** A word of a command as systemd takes it (systemd.service(5), COMMAND LINES): a dollar sign would begin a variable. */
export function systemdWord(word: string): string {
  return systemdItem(word).replaceAll('$', '$$$$');
}

/** One of several values of a setting, such as those of Environment= and ReadWritePaths=: quoted where it must be. */
export function systemdItem(text: string): string {
  const plain = systemdText(text);
  if (/^[^\s"'\\;]+$/.test(plain)) return plain;
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The only value of a setting, which takes no quotes (WorkingDirectory=, Description=): `%` begins a specifier, systemd.unit(5). */
export function systemdText(text: string): string {
  return text.replaceAll('%', '%%');
}
