declare module 'pgpass' {
  /** Looks the password up in PGPASSFILE or ~/.pgpass; undefined if there is none, or if others may read the file. */
  export default function pgPass(
    connection: { host: string; port: number; user: string; database: string },
    done: (password: string | undefined) => void,
  ): void;
}
