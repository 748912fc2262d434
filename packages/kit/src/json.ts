/** What can stand in a journal line or in `--json` output. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json | undefined };
