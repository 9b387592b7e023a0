/** The greatest element; undefined of none. */
export function latestOf<T>(elements: readonly T[], compare: (left: T, right: T) => number): T | undefined {
  let greatest: T | undefined;
  for (const element of elements) if (greatest === undefined || compare(element, greatest) > 0) greatest = element;
  return greatest;
}
