/** A number and what it counts: `1 table`, `2 tables`. Where a verb follows, both with it: counted(n, 'list is', 'lists are'). */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
