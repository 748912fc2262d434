// Loaded into the product by record.ts (node --import): half a mebibyte a second that is never given back.
const kept = [];
setInterval(() => {
  for (let i = 0; i < 800; i++) kept.push({ id: i, text: `${'x'.repeat(60)}${kept.length}`, list: [i, i + 1, i + 2] });
}, 250).unref();
