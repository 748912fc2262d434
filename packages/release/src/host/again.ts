/** What is known when a version is started again. */
export interface Known {
  /** As the version was released last; undefined where that was not kept. */
  kept: Readonly<Record<string, string>> | undefined;
  now: Readonly<Record<string, string>>;
  /** Variables of secrets under rotation: an old value of theirs opens nothing any more. */
  rotated: ReadonlySet<string>;
}

/** A version that is gone back to: as released, but for what is under rotation, which is as it is now. */
export function asReleased({ kept = {}, now, rotated }: Known): Record<string, string> {
  const own = Object.entries(kept).filter(([name]) => !rotated.has(name));
  return { ...Object.fromEntries(own), ...only(now, (name) => rotated.has(name)) };
}

/**
 * The version that serves: as the files say now. What came from the shell of whoever released it (`ofTheShell`), or is nowhere any more, is as
 * released: whoever rotates a secret has another shell.
 */
export function asOfNow({ kept = {}, now, rotated }: Known, ofTheShell: ReadonlySet<string>): Record<string, string> {
  return {
    ...only(kept, (name) => !rotated.has(name)),
    ...only(now, (name) => !(ofTheShell.has(name) && name in kept && !rotated.has(name))),
  };
}

function only(env: Readonly<Record<string, string>>, takes: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => takes(name)));
}
