// Imports run one way: scripts, e2e → release → features → kit (ARCHITECTURE.md).
const FEATURES = '(db|backups|secrets|escrow|health|incident)';
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule('no-circles', 'A circle has no order to read it in.', {}, { circular: true }),
    rule(
      'kit-stands-alone',
      'kit is what everything stands on.',
      { path: '^packages/kit/(src|scripts)' },
      { path: '^packages/(?!kit/)' },
    ),
    rule(
      'kit-has-a-ground-floor',
      'What runs take is in lock, journal and audit; what these stand on knows no run.',
      {
        path: '^packages/kit/src/((sql|process|output|state|config)/|[^/]+$)',
        pathNot: '^packages/kit/src/(index|cli|testing)\\.ts$',
      },
      { path: '^packages/kit/src/(lock|journal|audit|steps|task|ops)/' },
    ),
    rule(
      'kit-locks-below-steps',
      'A lock, a journal and the audit log know nothing of who uses them; how a command is typed they may ask.',
      { path: '^packages/kit/src/(lock|journal|audit|env)/' },
      { path: '^packages/kit/src/(steps|task|ops)/', pathNot: '^packages/kit/src/task/typed\\.ts$' },
    ),
    rule(
      'kit-steps-below-tasks',
      'Steps run without a task around them.',
      { path: '^packages/kit/src/steps/' },
      { path: '^packages/kit/src/(task|ops)/' },
    ),
    ...[
      ['sessions', '.*'],
      ['schema', 'migrations|seen|hazards|rehearsal|drift|deploy|verify|rollback|report|load'],
      ['migrations', 'seen|hazards|rehearsal|drift|deploy|verify|rollback|report|load'],
      ['seen', 'hazards|rehearsal|drift|deploy|verify|rollback|report|load'],
      ['hazards', 'rehearsal|drift|deploy|verify|rollback|report|load'],
      ['rehearsal', 'deploy|verify|rollback|report|load'],
    ].map(([floor, above]) =>
      rule(
        `db-${floor}-knows-nothing-above`,
        'In db a session looks and waits, a schema is read, a migration applied; what it does is seen, judged, and rehearsed: each stands on the one before.',
        { path: `^packages/db/src/${floor}/` },
        { path: `^packages/db/src/(${above})/`, pathNot: `^packages/db/src/${floor}/` },
      ),
    ),
    ...[
      ['chain', 'jobs|keys|send|deeds'],
      ['jobs', 'keys|send|deeds'],
      ['keys', 'jobs|send|deeds'],
      ['send', 'deeds'],
      ['deeds', ''],
    ].map(([floor, above]) =>
      rule(
        `escrow-${floor}-knows-nothing-above`,
        'In escrow the chain is read, the jobs are; a deed is sent, and knows what it brings about; a session opens all of it for the tasks.',
        { path: `^packages/escrow/src/${floor}/` },
        {
          path: `^packages/escrow/src/(${[above, 'retry|sweep|rollback|reconcile|inspect|status|watch|check|fork|rights'].filter(Boolean).join('|')})/|^packages/escrow/src/(session|settle|survey|terms|verdict|incomplete)\\.ts$`,
        },
      ),
    ),
    rule(
      'features-do-not-meet',
      'What two features need is in kit, or is passed in by the scripts of the root.',
      { path: `^packages/${FEATURES}/(src|scripts)` },
      { path: '^packages/(?!kit/)', pathNot: '^packages/$1/' },
    ),
    rule(
      'features-below-release',
      'Features know no pipeline.',
      { path: `^packages/${FEATURES}/` },
      { path: '^packages/release/' },
    ),
    rule(
      'one-door',
      'The command starts tasks; none of them knows it.',
      { path: '^packages/(?!cli/)' },
      { path: '^packages/cli/' },
    ),
    rule(
      'world-is-for-tests',
      'The toolkit must work on a product that is not ours.',
      { path: '^packages/(kit|cli|db|backups|secrets|escrow|health|incident|release)/(src|scripts)' },
      { path: '^packages/(sandbox|marketplace)/' },
    ),
    rule(
      'sandbox-below-release',
      'The world knows kit and the contracts.',
      { path: '^packages/sandbox/' },
      { path: '^packages/(cli|db|backups|secrets|health|incident|release|marketplace)/' },
    ),
    rule(
      'product-knows-no-toolkit',
      'The product takes the contracts, as data.',
      { path: '^packages/marketplace/src' },
      { path: '^packages/(?!marketplace/|escrow/artifacts/)' },
    ),
    rule(
      'src-is-a-library',
      'src never reaches into scripts or tests.',
      { path: '^packages/[^/]+/src' },
      { path: '^packages/[^/]+/(scripts|test)/|^scripts/|^e2e/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'generated/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
