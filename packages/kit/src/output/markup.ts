import { shownLine } from './shown.ts';

/** What means something inside of a paragraph, a heading, a list or a cell of GitHub's Markdown. */
const INLINE = /[\\`*_[\]~|$]/g;
/** What begins a heading, a list, a rule, a quotation or a definition where a line begins. */
const AT_START = /^([#+=:-]|\d+(?=[.)]))/;
/** What would be made a link, and a mention, which tells the one who is named. */
const LINK = /(?<=https?|ftp):(?=\/\/)|(?<=www)\.|@(?=\w)/gi;

/** A text inside of a line of Markdown, wherever in it: it is read as that text, and as nothing else. */
export function markdownText(text: string): string {
  return shownLine(text)
    .trim()
    .replaceAll(/[&<>]/g, entity)
    .replaceAll(INLINE, '\\$&')
    .replaceAll(LINK, (sign) => (sign === '@' ? '@&#8203;' : `\\${sign}`))
    .replace(AT_START, (sign) => (/\d/.test(sign) ? `${sign}\\` : `\\${sign}`));
}

/** Lines of code, behind a fence that none of them closes. */
export function markdownFence(lines: readonly string[], language: string): string[] {
  const shown = lines.map(shownLine);
  const longest = Math.max(2, ...shown.flatMap((line) => line.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, ...shown, fence];
}

/** A text or a value of an attribute in HTML, on one line: a blank one would end the HTML inside of a Markdown file. */
export function htmlText(text: string): string {
  return shownLine(text).replaceAll(/[&<>"']/g, entity);
}

function entity(sign: string): string {
  return { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }[sign] ?? sign;
}
