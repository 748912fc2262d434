/** What is known of a backup; written last. Sizes in bytes, times in ISO 8601 UTC. */
export type Manifest = {
  id: string;
  env: string;
  run: string;
  startedAt: string;
  durationMs: number;
  /** The dump before compression and encryption: what `age -d | zstd -d` gives. */
  plain: { bytes: number; sha256: string };
  stored: { name: string; bytes: number; sha256: string };
  database: string;
  serverVersion: string;
  dumpVersion: string;
  /** Newest migration of Prisma's history, if there is one. */
  migrationHead: string | null;
  recipients: string[];
};
