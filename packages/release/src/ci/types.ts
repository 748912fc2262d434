/** `unknown`: whoever should know could not be asked, or has never heard of the commit. `none`: GitHub knows it, and nothing ran. */
export interface Verdict {
  state: 'green' | 'red' | 'pending' | 'none' | 'unknown';
  /** For people: `3 checks of GitHub passed`. */
  says: string;
  /** Where to look. */
  link?: string | undefined;
  by?: string | undefined;
  /** ISO 8601. */
  at?: string | undefined;
}
