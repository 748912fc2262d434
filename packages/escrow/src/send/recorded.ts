/** What a `record` step leaves: the transaction that is written down, and may be sent from then on. */
export type Recorded = { hash: string | null; recorded?: boolean };

/** Was it signed for nothing? Journals of old versions do not tell, and mean no. */
export function isVoid({ recorded }: Recorded): boolean {
  return recorded === false;
}

/** Of whatever a step left in a journal: `record` alone leaves these two and nothing else. */
export function isRecorded(data: unknown): data is Recorded & { hash: string } {
  if (typeof data !== 'object' || data === null) return false;
  const { hash, recorded, ...others } = data as Partial<Recorded>;
  return typeof hash === 'string' && recorded !== false && Object.keys(others).length === 0;
}
