import type { Rule } from './types.ts';

export const concurrentlyRule: Rule = ({ statement, all }) => {
  if (!statement.concurrent || all.length < 2) return [];
  return [
    {
      level: 'warn',
      code: 'CONCURRENTLY_NOT_ALONE',
      message:
        'stands in one file with other statements: db:deploy applies it in pieces, other tools send the file whole and PostgreSQL refuses it',
      hint: 'Give it a migration of its own.',
    },
  ];
};

/** PostgreSQL says it as a notice that nobody reads. */
export const cutRule: Rule = ({ cut }) =>
  cut.map((said) => {
    const [, asked, is] = /"(.*)".*"(.*)"/s.exec(said) ?? [];
    return {
      level: 'warn',
      code: 'NAME_CUT',
      message: asked
        ? `asks for the name ${asked}, which PostgreSQL cuts to 63 bytes without an error: ${is}`
        : `asks for a name that PostgreSQL cuts to 63 bytes without an error: ${said}`,
      hint: 'Write the name that it is to have, in at most 63 bytes.',
    };
  });
