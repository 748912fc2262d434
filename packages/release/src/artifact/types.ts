import type { Question } from '../question.ts';

/** One built version of the product: a tree of files named by its content. Kept in journals as it is. */
export type Artifact = {
  /** SHA-256 over the whole tree, installed dependencies included: see hash.ts. */
  digest: string;
  /** Its first 12 digits: the version's name in folders, health answers and sentences. */
  version: string;
  commit: string;
  builtAt: string;
  files: number;
  bytes: number;
  /** `linux-x64`: compiled dependencies make it that platform's. */
  platform: string;
  /** SHA-256 of what it was made by besides the commit: the config of the build, and the variables that a build may know. */
  inputs: string;
  /** SHA-256 of the CycloneDX list of the packages in it. */
  bom: string;
  /** Version tag of the commit: `v1.4.0`. */
  tag?: string;
  /** What is new in the tag, in Markdown. */
  changelog?: string;
};

export interface KeepOptions {
  signal: AbortSignal;
  /** The commit's, in seconds since 1970: every file bears it. */
  time: number;
  /** CycloneDX list of the packages in it, as text. */
  bom: string;
  inputs: string;
  tag?: string | undefined;
  changelog?: string | undefined;
}

/** Where the team's artefacts lie, by digest: what one checkout built, every other finds. */
export interface ArtifactStore {
  /** For people: `file:/srv/backups`. */
  readonly label: string;
  questions(): Question[];
  /** Newest first. One that was built from two commits is there twice. */
  list(): Promise<Artifact[]>;
  /** What was built of it for this platform, by what would be built with now. */
  byCommit(commit: string): Promise<Artifact | undefined>;
  /** By version, digest, tag or commit, also shortened. ARTIFACT_AMBIGUOUS (exit 2) where several digests have that name. */
  find(name: string): Promise<Artifact | undefined>;
  /** The same content twice is one artefact; each commit that it was built from has its record. */
  keep(folder: string, commit: string, options: KeepOptions): Promise<Artifact>;
  /**
   * Fresh files, compared with the digest: ARTIFACT_MISSING, ARTIFACT_CHANGED, ARTIFACT_UNSIGNED (exit 4). `into` is there whole or
   * not at all; where it is there already and the same, it is left as it is.
   */
  unpack(artifact: Artifact, into: string, signal: AbortSignal): Promise<void>;
  /** From the store of another environment: where each has its own, what is built once is in all of them. */
  copyFrom(other: ArtifactStore, artifact: Artifact, signal: AbortSignal): Promise<void>;
  /** In every store that has it: ARTIFACT_MISSING, ARTIFACT_CHANGED, ARTIFACT_UNSIGNED (exit 4). */
  verify(artifact: Artifact, signal: AbortSignal): Promise<void>;
  /** The archive in every store is the one that was written. Quicker than `verify`, which unpacks it; for what was written just now. */
  holds(artifact: Artifact, signal: AbortSignal): Promise<void>;
  /** The CycloneDX list of its packages. */
  bomOf(artifact: Artifact): Promise<string>;
  /** Writes down a tag of a commit that was built before it. */
  tagged(artifact: Artifact, tag: string, changelog: string, signal: AbortSignal): Promise<Artifact>;
  /** Removes all but those whose version or digest is in `keep`, and those built within the last hours (config). Returns the versions. */
  prune(keep: ReadonlySet<string>): Promise<string[]>;
}
