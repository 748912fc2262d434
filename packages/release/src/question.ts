/** Something that a later step will need, asked before anything changes. */
export interface Question {
  /** `proxy`, `store of artefacts`. */
  about: string;
  /** What was found, for the table; throws an OpsError. */
  ask(signal: AbortSignal): Promise<string>;
}
