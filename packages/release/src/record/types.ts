/** One version that went live in an environment. Kept in its database for good: rows are added and closed, never removed. */
export type Release = {
  id: string;
  /** The run that made it live. */
  run: string;
  env: string;
  kind: 'release' | 'rollback' | 'hotfix';
  version: string;
  digest: string;
  commit: string;
  /** The first line of the commit's message. */
  subject: string;
  tag: string | null;
  actor: string;
  host: string;
  /** ISO 8601, by the database's clock. */
  liveSince: string;
  liveUntil: string | null;
  /** `went back`: the run itself undid it, for it was not well. Such a one was never what others go back to. */
  outcome: 'live' | 'replaced' | 'went back';
  /** Applied when it went live, by name. */
  migrations: string[];
  /** The id of the backup that was taken before. */
  backup: string | null;
  /** Until then the version before is kept warm. ISO 8601. */
  bakeUntil: string | null;
  reason: string | null;
};

/** The rest is the record's own to say. */
export type NewRelease = Omit<Release, 'id' | 'env' | 'liveSince' | 'liveUntil' | 'outcome'>;

/** One answer to one item of the checklist, about one commit. */
export type Evidence = {
  env: string;
  commit: string;
  /** `e2e flow`, `rollback plan` */
  item: string;
  ok: boolean;
  says: string;
  link: string | null;
  by: string;
  /** ISO 8601, by the database's clock. */
  at: string;
  /** ISO 8601: from then on it says nothing any more. */
  until: string | null;
  run: string | null;
};

export type NewEvidence = Omit<Evidence, 'env' | 'at'>;

export type Decision = 'continue' | 'abort';

/** What the team knows of an environment's releases, whatever checkout asks: schema `drydock` of its database. */
export interface ReleaseRecord {
  /** Newest first. */
  history(limit: number): Promise<Release[]>;
  live(): Promise<Release | undefined>;
  /** What a rollback goes to: the one below the live one in `standing`. */
  before(): Promise<Release | undefined>;
  /** The live one, what a rollback goes to, what the next one goes to, …; each as it was released, with its migrations. */
  standing(): Promise<Release[]>;
  /** Ends the live one. A second time with one run changes nothing. */
  wentLive(release: NewRelease): Promise<void>;
  /** The run's release was undone: what it had ended is live again, unless another has gone live since. */
  wentBack(run: string): Promise<void>;
  /** What the run made live has stood its checks: the version before is kept warm for so long from now. */
  bakes(run: string, seconds: number): Promise<void>;
  /** The newest release of this digest that did not go back. */
  passed(digest: string): Promise<Release | undefined>;
  putEvidence(...evidence: NewEvidence[]): Promise<void>;
  /** The newest of each item, also what has expired. */
  evidence(commit: string): Promise<Evidence[]>;
  /** Of a run that waits for a person; the last word counts. */
  decide(run: string, step: string, decision: Decision, by: string, reason: string): Promise<void>;
  decision(run: string, step: string): Promise<Decision | undefined>;
}
