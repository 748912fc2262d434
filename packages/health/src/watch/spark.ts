const STEPS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** One character a value, 0 to `most`; a blank where nothing was seen. */
export function sparkline(values: readonly (number | null)[], most: number): string[] {
  return values.map((value) => {
    if (value === null || !(most > 0)) return ' ';
    const step = Math.round((Math.max(0, value) / most) * (STEPS.length - 1));
    return STEPS[Math.min(step, STEPS.length - 1)] ?? ' ';
  });
}

/** A bar of `width` characters for 0 to `most`, with a mark where the bound is. */
export function bar(value: number | null, { most, bound, width }: { most: number; bound: number; width: number }) {
  const eighths = Math.round((Math.min(Math.max(value ?? 0, 0), most) / most) * width * 8);
  const cells = Array.from({ length: width }, (_, at) => {
    const filled = Math.min(8, Math.max(0, eighths - at * 8));
    return filled === 8 ? '█' : filled > 0 ? (EIGHTHS[filled] ?? '') : ' ';
  });
  const at = Math.min(width - 1, Math.floor((bound / most) * width));
  // A bar that has passed its bound shows it in the bar.
  cells[at] = cells[at] === ' ' ? '│' : cells[at] === '█' ? '▓' : '│';
  return cells.join('');
}
