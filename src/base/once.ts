/** Work that need not be done twice. */

/** @returns the function, which does the work once for the very same two objects if they are asked about one time after the other */
export function onceForSame<A extends object, B, Result>(work: (a: A, b: B) => Result): (a: A, b: B) => Result {
  const last = new WeakMap<A, { readonly b: B; readonly result: Result }>();
  return (a, b) => {
    const known = last.get(a);
    if (known !== undefined && known.b === b) return known.result;
    const result = work(a, b);
    last.set(a, { b, result });
    return result;
  };
}
