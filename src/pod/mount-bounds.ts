// How many mounts a pod may have: the kubelet makes and removes each by itself, and every container that starts on the node, of
// whatever pod, copies the list of them.

/** All that one container has, with bin, step and what else is ours. */
const containerMountsMax = 64;
const ownMountsMax = 8;

/** Of the work volume: in one container, and in all executors of a pod together. */
const workMountsMax = 48;
const podWorkMountsMax = 1024;

/** In place: in one container, and in all executors of a pod together. The rest is copied. */
const inPlaceMax = 32;
const podInPlaceMax = 128;

/** How many inputs may be mounted in place in each executor, beside so many mounts of the work volume. */
export const inPlaceMost = (executors: number, work: number): number =>
  Math.min(inPlaceMax, Math.floor(podInPlaceMax / executors), containerMountsMax - ownMountsMax - work);

/** How many mounts of the work volume each executor may have, beside so many in place. */
export const workMountsMost = (executors: number, inPlace: number): number =>
  Math.min(
    workMountsMax,
    Math.floor(podWorkMountsMax / executors),
    containerMountsMax - ownMountsMax - inPlace,
  );
