import { NASTY } from './nasty.ts';

/** A random source that can be had again. */
export function randomOf(seed: number): () => number {
  // mulberry32
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * A random, valid file of SQL. All that it does ends in rows of `log` or in objects of `public`, so that a statement that is cut
 * at another place, left out or made up shows.
 */
export function randomFile(random: () => number): string {
  return new FileWriter(random).write();
}

class FileWriter {
  readonly #random: () => number;
  /** standard_conforming_strings where the next statement stands. */
  #standard = true;
  #names = 0;
  /** In a transaction of the file's own. */
  #inside = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  write(): string {
    const count = 1 + this.#below(14);
    let text = this.#gap();
    for (let n = 0; n < count; n++) {
      const statement = this.#chance(0.14) ? this.#transaction() : this.#statement();
      text += `${statement}${this.#gap(false)};${this.#gap()}`;
    }
    // The last one needs no semicolon.
    if (this.#chance(0.3)) text += this.#insert() + (this.#chance(0.5) ? this.#comment() : '');
    return this.#chance(0.1) ? text.replaceAll(/(?<!\r)\n/g, '\r\n') : text;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T;
  }

  #name(): string {
    return `n${++this.#names}`;
  }

  /** Blanks and comments between statements. `wide`: empty statements as well. */
  #gap(wide = true): string {
    let gap = wide ? '\n' : '';
    while (this.#chance(0.35)) gap += this.#pick([' ', '\n', '\t', this.#comment(), ...(wide ? ['\n;\n'] : [])]);
    return gap;
  }

  #comment(): string {
    // A star or a slash at the edge would make another comment of it.
    const inside = () => this.#nasty(4).replaceAll(/[*/]/g, ' ');
    if (this.#chance(0.4)) return ` --${inside().replaceAll(/[\r\n]/g, ' ')}\n`;
    const nest = (depth: number): string =>
      `/*${inside()}${depth > 0 && this.#chance(0.6) ? `${nest(depth - 1)} DELETE FROM log; ${inside()}` : ''} */`;
    return nest(3);
  }

  #nasty(most: number, without: string[] = []): string {
    let text = '';
    for (let n = this.#below(most + 1); n > 0; n--) text += this.#pick(NASTY);
    // Two pieces may make a third.
    for (let again = true; again; ) {
      const before = text;
      for (const part of without) text = text.replaceAll(part, ' ');
      again = text !== before;
    }
    return text;
  }

  /** A literal of any kind that PostgreSQL has. */
  #string(): string {
    const plain = () => `'${this.#nasty(5).replaceAll("'", "''")}${this.#backslashes()}'`;
    const kinds = [
      plain,
      plain,
      () =>
        `E'${this.#nasty(4).replaceAll("'", () => this.#pick(["''", "\\'"]))}${this.#pick(['', '\\\\', "\\'", '\\n', '\\x41', '\\u00e9', "\\';"])}'`,
      () => this.#dollar(this.#nasty(6)),
      () => `(${plain()}\n   ${plain()} || ${plain()})`,
      () => `CAST(B'${this.#pick(['', '101'])}' AS text)`,
      () => `CAST(X'${this.#pick(['', '1F'])}' AS text)`,
      () => `N${plain()}`,
      () => `CASE WHEN ${plain()} = '' THEN ${plain()} ELSE ${plain()} END`,
      () => `${plain()}${this.#comment()}::text`,
      // Refused by PostgreSQL where the standard does not hold.
      () => (this.#standard ? `U&'${this.#nasty(2).replaceAll("'", "''")}\\00e9\\+01F600'` : plain()),
      () =>
        this.#standard ? `U&'${this.#nasty(2).replaceAll("'", "''").replaceAll('!', '')}!00e9' UESCAPE '!'` : plain(),
    ];
    return this.#pick(kinds)();
  }

  /** At the end of a plain string: one that ends it by the standard, and does not where a backslash escapes. */
  #backslashes(): string {
    if (!this.#chance(0.4)) return '';
    if (this.#standard) return this.#pick(['\\', '\\\\', "\\''; --", '\\n', 'C:\\dir\\']);
    return this.#pick(["\\'", "\\'; DELETE FROM log; --", '\\\\', "\\\\\\'", '\\n', "''\\';"]);
  }

  #dollar(text: string): string {
    // Or its last character began the tag that ends it.
    const body = text.endsWith('$') ? `${text} ` : text;
    for (;;) {
      const tag = this.#pick(['$$', '$a$', '$A$', '$_1$', '$body$', '$é$', `$t${this.#below(99)}$`]);
      if (`${body}${tag}`.indexOf(tag) === body.length) return `${tag}${body}${tag}`;
    }
  }

  #identifier(): string {
    return this.#chance(0.3) ? this.#name() : `"${this.#name()} ${this.#nasty(2).replaceAll('"', '""')}"`;
  }

  #insert(): string {
    return this.#pick([
      () => `INSERT INTO log(v) VALUES (${this.#string()})`,
      () =>
        `INSERT INTO log(v) SELECT ${this.#string()}${this.#comment()} FROM generate_series(1, ${1 + this.#below(2)})`,
      () => `WITH one AS (SELECT ${this.#string()} AS v) INSERT INTO log(v) SELECT v FROM one`,
      () => `insert into public . log ( v ) values ( (${this.#string()})::text )`,
    ])();
  }

  #statement(): string {
    const kinds: (() => string)[] = [
      () => this.#insert(),
      () => this.#insert(),
      () =>
        `SELECT ${this.#string()} AS ${this.#identifier()}, 2+/* c */3, (ARRAY[1,2,3])[1:2], '{"a":1}'::jsonb->>'a', 5--x\n-1`,
      () =>
        `COMMENT ON TABLE log IS ${this.#chance(0.5) ? this.#dollar(this.#nasty(5)) : `'${this.#nasty(4).replaceAll("'", "''")}'`}`,
      () =>
        `CREATE TABLE ${this.#identifier()} (a$b$ TEXT DEFAULT ${this.#string()}, ${this.#identifier()} INT CHECK (length(${this.#string()}) >= 0))`,
      () => `CREATE VIEW ${this.#identifier()} AS SELECT ${this.#string()} AS one`,
      () =>
        `DO ${this.#dollar(`BEGIN INSERT INTO log(v) VALUES (${this.#inner()}); /* ; */ INSERT INTO log(v) VALUES (${this.#inner()}); END`)}`,
      () => `DO LANGUAGE plpgsql '${`BEGIN INSERT INTO log(v) VALUES ('a;b'); END`.replaceAll("'", "''")}'`,
      () => this.#function(),
      () => this.#atomic(),
      () => this.#rule(),
      () => `UPDATE log SET v = v || ${this.#string()} WHERE id % 3 = 0`,
      () => `PREPARE ${this.#name()} AS SELECT ${this.#string()}`,
      () => `CREATE TYPE ${this.#name()} AS ENUM ('a;', 'b''', '--')`,
      () =>
        `CREATE INDEX ${this.#name()} ON log ((v || ';')) WHERE v <> ${`'${this.#nasty(3).replaceAll("'", "''")}'`}`,
    ];
    if (!this.#inside)
      kinds.push(
        () => this.#reading(),
        () => this.#reading(),
        () => this.#alone(),
      );
    return this.#pick(kinds)();
  }

  /** A literal inside of a body: it may not hold what the body is quoted with. */
  #inner(): string {
    return `'${this.#nasty(3, ['$']).replaceAll("'", "''")}'`;
  }

  #function(): string {
    const name = this.#name();
    return `CREATE FUNCTION ${name}() RETURNS text LANGUAGE sql AS ${this.#dollar(`SELECT ${this.#inner()}; SELECT ${this.#inner()} -- ;\n`)}${this.#pick(['', ' IMMUTABLE', ' STRICT'])}`;
  }

  /** Manual, CREATE FUNCTION: sql_body. */
  #atomic(): string {
    const body = () =>
      this.#pick([
        () => `SELECT ${this.#string()}`,
        () => `INSERT INTO log(v) VALUES (${this.#string()})`,
        () => `SELECT CASE WHEN true THEN ${this.#string()} ELSE 'end;' END`,
      ])();
    const lines = Array.from({ length: 1 + this.#below(3) }, body).join(
      `;${this.#chance(0.4) ? this.#comment() : '\n'}`,
    );
    const procedure = this.#chance(0.3);
    return `CREATE ${this.#chance(0.3) ? 'OR REPLACE ' : ''}${procedure ? 'PROCEDURE' : 'FUNCTION'} ${this.#name()}()${procedure ? '' : ' RETURNS text'} ${procedure ? '' : 'LANGUAGE sql '}BEGIN ATOMIC\n${lines};\n${procedure ? '' : `SELECT 'last;';\n`}END`;
  }

  #rule(): string {
    const table = this.#name();
    return `CREATE TABLE ${table} (v TEXT);\nCREATE RULE ${this.#name()} AS ON INSERT TO ${table} DO ALSO (INSERT INTO log(v) VALUES (${this.#string()}); INSERT INTO log(v) VALUES (NEW.v););\nINSERT INTO ${table} VALUES (${this.#string()})`;
  }

  /** On a line of its own: psql learns of it when the line has ended. */
  #reading(): string {
    this.#standard = this.#chance(0.4);
    return this.#standard
      ? this.#pick([
          'SET standard_conforming_strings = on',
          "set Standard_Conforming_Strings TO 'true'",
          'RESET standard_conforming_strings',
          'SET standard_conforming_strings TO DEFAULT',
        ])
      : this.#pick([
          'SET standard_conforming_strings = off',
          "SET SESSION standard_conforming_strings TO 'no'",
          'set standard_conforming_strings to false',
          'SET standard_conforming_strings = 0',
        ]);
  }

  #alone(): string {
    return this.#pick([
      () => 'VACUUM log',
      () => `CREATE INDEX CONCURRENTLY ${this.#name()} ON log ((v || '${this.#nasty(2).replaceAll("'", "''")}'))`,
      () => 'REINDEX TABLE CONCURRENTLY log',
      () => 'ANALYZE log',
    ])();
  }

  #savepoint(): string {
    const before = this.#standard;
    let text = 'SAVEPOINT s';
    for (let n = 1 + this.#below(3); n > 0; n--) text += `;\n${this.#chance(0.4) ? this.#reading() : this.#insert()}`;
    if (this.#chance(0.3)) return `${text};\nRELEASE s`;
    this.#standard = before;
    return `${text};\nROLLBACK TO SAVEPOINT s`;
  }

  #transaction(): string {
    // A ROLLBACK leads back to what was when the transaction began.
    let before = this.#standard;
    this.#inside = true;
    let text = this.#pick(['BEGIN', 'START TRANSACTION', 'begin work']);
    for (let n = 1 + this.#below(4); n > 0; n--) {
      const chain = this.#chance(0.1);
      if (chain) before = this.#standard;
      const written = chain
        ? 'COMMIT AND CHAIN'
        : this.#pick([
            () => this.#statement(),
            () => this.#statement(),
            () => this.#reading(),
            () => this.#savepoint(),
          ])();
      text += `;${this.#gap()}\n${written}`;
    }
    if (this.#chance(0.4)) {
      const kept = this.#standard;
      this.#standard = this.#chance(0.5);
      text += `;\nSET LOCAL standard_conforming_strings = ${this.#standard ? 'on' : 'off'};\n${this.#insert()}`;
      this.#standard = kept;
    }
    this.#inside = false;
    if (!this.#chance(0.3)) return `${text};\n${this.#pick(['COMMIT', 'END', 'commit work'])}`;
    this.#standard = before;
    return `${text};\n${this.#pick(['ROLLBACK', 'ABORT'])}`;
  }
}
