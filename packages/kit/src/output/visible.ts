/**
 * What a terminal, a log or a browser would obey or hide instead of showing it: control characters (C0, C1, DEL), what turns or joins text
 * (bidirectional marks, zero width, tags), separators of lines, half characters. Emoji may keep the sign that says so.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|(?![\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}/gu;
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
/** Azure Pipelines, TeamCity, and GitHub's first form take a command from anywhere in a line: `##[…]`, `##vso[…]`, `##teamcity[…]`. */
const COMMAND = /#(?=#\w*\[)/g;
/** GitHub's runner and its like take one from a line's beginning, and pass over blanks before it. */
const COMMAND_AT_START = /^(\s*:)(?=:)/;

/** Every character of a text as something that can be seen, the way JSON and most languages write it: `\n`, `\u001b`. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (char) => NAMED[char] ?? escaped(char));
}

function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** The same for a text that stands inside of a string of JSON: it is read back as what it was. */
export function visibleInJson(json: string): string {
  return json
    .replaceAll(UNSEEN, (char) => (char === '\n' ? char : [...char].map((one) => units(one)).join('')))
    .replaceAll(COMMAND, '\\u0023');
}

function units(char: string): string {
  return Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(
    '',
  );
}

/** A line that no CI takes for a command. */
export function noCommand(line: string): string {
  return line.replaceAll(COMMAND, '# ').replace(COMMAND_AT_START, '$1 ');
}
