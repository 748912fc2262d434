const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Six letters that nobody confuses. */
export function makeSlug(random: () => number = Math.random): string {
  return Array.from({ length: 6 }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('');
}
