/** Verifies one token again and again as its parent asks, and says how much processor time one verification took. */
const library = await import(`./${process.argv[2]}.mjs`);
const { forms = { text: (key) => key } } = library;
const key = await Object.values(forms)[0](process.env.JWT_SECRET_KEY);

/** @returns microseconds of processor time for one verification */
async function once(token, count) {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) await library.verify(token, key);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

process.on('message', async ({ token, count }) => process.send(await once(token, count)));
process.send('ready');
