const noted = new Set<string>();

/** What the operator must hear of, found where nobody can be told: a state file that is not believed. Said once, at the end of the task. */
export function note(text: string): void {
  noted.add(text);
}

export function takeNotices(): string[] {
  const texts = [...noted];
  noted.clear();
  return texts;
}
