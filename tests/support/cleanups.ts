// What test files share is removed after the last of them: preload.ts runs what was added here.

const cleanups: (() => Promise<void>)[] = [];

export const atEnd = (cleanup: () => Promise<void>): void => void cleanups.push(cleanup);

export async function runCleanups(): Promise<void> {
  await Promise.allSettled(cleanups.splice(0).map((cleanup) => cleanup()));
}
