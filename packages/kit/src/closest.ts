import { distance } from 'fastest-levenshtein';

/** The word that was probably meant, for "Did you mean …?"; undefined where nothing is near enough. */
export function closest(word: string, known: readonly string[]): string | undefined {
  // Two letters that changed places are two changes.
  const bound = word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3));
  const near = known
    .map((name) => ({ name, far: distance(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ far }) => far <= bound)
    .sort((a, b) => a.far - b.far);
  // What is written half is meant too, where it can only be one.
  const begun = known.filter((name) => word.length >= 2 && name.startsWith(word));
  return near[0]?.name ?? (begun.length === 1 ? begun[0] : undefined);
}
