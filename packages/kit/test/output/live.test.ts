// Uses no service: a stream that keeps what a terminal would be told.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createOutput } from '../../src/output/terminal.ts';

const test = suite('a place that is drawn anew');

function terminal({ isTTY = true, columns = 20, rows = 5 } = {}) {
  const written: string[] = [];
  const stream = { isTTY, columns, rows, write: (text: string) => written.push(text), getColorDepth: () => 1 };
  return { stream: stream as unknown as NodeJS.WriteStream, written };
}

test('each drawing goes back over the last one, however high that was', () => {
  const { stream, written } = terminal();
  const live = createOutput(stream).live();
  live?.draw(['one', 'two', 'three']);
  live?.draw(['one']);
  live?.draw(['one', 'two']);
  assert.equal(written, ['\r\x1b[0Jone\ntwo\nthree\n', '\x1b[3A\r\x1b[0Jone\n', '\x1b[1A\r\x1b[0Jone\ntwo\n']);
});

test('what is wider or higher than the screen is cut: it could not be gone back over', () => {
  const { stream, written } = terminal({ columns: 6, rows: 3 });
  createOutput(stream).live()?.draw(['123456', '1234567', 'three']);
  assert.equal(written, ['\r\x1b[0J123456\n12345…\n']);
});

test('without a terminal, or with --json, there is no such place', () => {
  assert.is(createOutput(terminal({ isTTY: false }).stream).live(), undefined);
  assert.is(createOutput(terminal().stream, { draws: false }).live(), undefined);
});

test.run();
