/**
 * Decides which variables of a .env file hold a JWT key. It compares whole names, because a part of a name proves
 * nothing: CLERK_SECRET_KEY and STRIPE_SECRET_KEY are keys of other vendors.
 */

/** These always hold the key. */
const PLAIN = ['JWT_SECRET_KEY', 'JWT_SECRET'];
/** This may hold the key with which a web framework signs sessions. */
const LOOSE = 'SECRET_KEY';
const PREFIXED = /^[A-Z][A-Z0-9_]*_JWT_SECRET(?:_KEY)?$/;
/** Only its vendor can replace such a key. */
const VENDORS =
  /^(?:(?:NEXT_PUBLIC|VITE|REACT_APP)_)?(?:CLERK|SUPABASE|STRIPE|AWS|AUTH0|FIREBASE|GITHUB|GITLAB|GOOGLE|AZURE|TWILIO|SENDGRID|SLACK|SHOPIFY|PAYPAL|STREAM|LIVEKIT|PUSHER|OKTA|KEYCLOAK|HASURA|ZOOM|MAPBOX|INTERCOM|ZENDESK)_/;

/** @returns whether a variable of this name may hold the shared JWT key */
export function isJwtName(name: string): boolean {
  if (VENDORS.test(name)) return false;
  return PLAIN.includes(name) || name === LOOSE || PREFIXED.test(name);
}

/**
 * The rule for one file. JWT_SECRET_KEY and JWT_SECRET count. Any other name, including SECRET_KEY, counts if its value
 * equals that of a name that counts. Without an equal value, a name with a prefix counts if there is none of these two,
 * and SECRET_KEY counts if it is the only one.
 *
 * @param names of all variables of the file
 * @param equal whether two of them hold the same value
 * @returns the names that hold the shared key, the plainest first
 */
export function jwtNamesIn(
  names: readonly string[],
  equal: (one: string, other: string) => boolean,
): readonly string[] {
  const possible = [...new Set(names)].filter(isJwtName);
  const plain = PLAIN.filter((name) => possible.includes(name));
  const prefixed = possible.filter((name) => PREFIXED.test(name)).sort();
  const loose = possible.filter((name) => name === LOOSE);
  const [first = [], ...rest] = [plain, prefixed, loose].filter((group) => group.length > 0);
  const equals = rest.flat().filter((name) => first.some((counted) => equal(name, counted)));
  return [...first, ...equals];
}
