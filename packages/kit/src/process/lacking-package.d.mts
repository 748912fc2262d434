/** The package that a module below `root` wanted in vain, by Node's own words; undefined for every other error. */
export function lackingPackage(error: unknown, root: string): string | undefined;
