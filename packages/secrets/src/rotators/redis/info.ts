export type Info = Record<string, string>;

/** What INFO answers. */
export function infoOf(text: unknown): Info {
  return Object.fromEntries(
    String(text)
      .split(/\r?\n/)
      .filter((line) => line.includes(':') && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}
