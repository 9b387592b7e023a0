/** Cinder's dates: ISO 8601, microseconds, no zone. */
export function formatDate(timeMs: number): string {
  return `${new Date(Math.floor(timeMs)).toISOString().slice(0, -1)}000`;
}

export function formatDateOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : formatDate(timeMs);
}
