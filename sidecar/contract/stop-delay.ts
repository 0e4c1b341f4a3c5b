// Stop delay: when an executor is told to stop, after its pod was.

/** So many containers of a pod are told at once: 17 never were any trouble, of 64 some runtimes hang for two minutes. */
const GROUP = 16;

/** In seconds. Executors are told in the groups of their order, a second apart; those of the first group at once. */
export const stopDelaySeconds = (executor: number): number => Math.floor(executor / GROUP);
