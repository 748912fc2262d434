/** Text from a database or a command line, as it may stand in a terminal: control characters would move its cursor. */
export function shown(text: string): string {
  const quoted = JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return /^[\w.:@-]+$/.test(text) ? text : quoted;
}
