import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNote } from '../src/notes.js';

test('a note has a title, and is otherwise empty', () => {
  assert.deepEqual(readNote('{"title": " Hello "}'), { title: 'Hello', body: '', pinned: false, tags: [] });
});

test('what is no note is none', () => {
  for (const text of ['', 'null', '{}', '{"title": ""}', '{"title": "x", "tags": [1]}'])
    assert.equal(readNote(text), undefined);
});
