/** `2026-11-24 12:05 UTC`. */
export function at(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
