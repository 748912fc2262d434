/** One built version of the product: a folder named by its content, with this record beside it. */
export type Artifact = {
  /** SHA-256 over the paths and contents of all files but installed dependencies, which the lockfile pins. */
  hash: string;
  /** The first 12 digits: the version's name in folders, health answers and journals. */
  version: string;
  commit: string;
  builtAt: string;
  files: number;
  bytes: number;
};
