/** All of a URL that may be printed: paths and queries carry keys. */
export function hostOf(url: string): string {
  return new URL(url).host;
}
