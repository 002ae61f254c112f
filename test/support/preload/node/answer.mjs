/** Asks one library all questions of standard input, in one process: which tokens it accepts, and what it signs. */
import { readFileSync } from 'node:fs';

/**
 * @param library `verify(token, key)` rejects what it does not accept; `sign(claims, key)`; `forms` of a key: text if absent
 */
export async function answer({ verify, sign, forms = { text: (key) => key } }) {
  const { questions, claims } = JSON.parse(readFileSync(0, 'utf8'));
  const accepts = async ({ token, variable }, form) => {
    try {
      await verify(token, await form(process.env[variable]));
      return 'accepted';
    } catch (error) {
      if (error instanceof TypeError && /is not a function/.test(error.message)) throw error;
      return 'refused';
    }
  };
  const answers = {};
  for (const [name, form] of Object.entries(forms)) {
    answers[name] = await Promise.all(questions.map((question) => accepts(question, form)));
  }
  const signed = await sign?.(claims, process.env.JWT_SECRET_KEY);
  process.stdout.write(JSON.stringify({ answers, signed }));
}
