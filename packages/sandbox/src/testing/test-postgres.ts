/** What a test file knows of its PostgreSQL, shared with others or not. */
export interface TestPostgres {
  host: string;
  port: number;
  /** As superuser, database postgres. */
  adminUrl: string;
  urlOf(database: string, role?: { user: string; password: string }): string;
  /**
   * Makes an empty database, or a copy of one that nobody is connected to, and returns its URL. On a shared server a
   * name is only the beginning of the database's.
   */
  createDatabase(name?: string, template?: string): Promise<string>;
  /** Makes a copy of a database that `fill` filled: once for all who share the server and give the same `key`. */
  createFilled(key: string, fill: (url: string) => Promise<void>): Promise<string>;
  stop(): Promise<void>;
}
