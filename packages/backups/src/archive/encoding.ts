/** ISO 8859's parts by PostgreSQL's numbers of LATINn (manual, 23.3.1). */
const LATIN = ['', '1', '2', '3', '4', '9', '10', '13', '14', '15', '16'];
const EAST: Record<string, string> = {
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  EUC_CN: 'gbk',
  GBK: 'gbk',
  GB18030: 'gb18030',
};

/** Text of a dump, which is written in the encoding of its database. `SQL_ASCII` says nothing: UTF-8 is tried. */
export function decoded(bytes: Buffer, encoding: string): string {
  // The standard's iso-8859-1 is windows-1252, which is not the same to the byte.
  if (encoding === 'LATIN1') return bytes.toString('latin1');
  return new TextDecoder(labelOf(encoding)).decode(bytes);
}

function labelOf(encoding: string): string {
  const [, latin] = /^LATIN(\d+)$/.exec(encoding) ?? [];
  if (latin) return `iso-8859-${LATIN[Number(latin)]}`;
  if (/^ISO_8859_\d+$/.test(encoding)) return encoding.toLowerCase().replaceAll('_', '-');
  if (/^WIN\d+$/.test(encoding)) return encoding.replace('WIN', 'windows-');
  if (/^KOI8[RU]$/.test(encoding)) return encoding.replace(/(.)$/, '-$1').toLowerCase();
  return EAST[encoding] ?? 'utf-8';
}
