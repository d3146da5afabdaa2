/** Every seed that ever broke a law, and why. A change of the simulation itself makes another story of a seed: then it is just one more. */
export const KEPT_SEEDS: readonly number[] = [
  // A clock that was set back, on a busy relay: nothing that was deferred was tried again.
  28, 61, 71, 206, 210, 267, 310, 329, 346, 448, 522, 677, 1023, 1154, 1194, 1262, 1376, 1415,
  // Sent after its hold or its removal had been answered.
  123, 138, 236, 646, 689, 1057, 1198,
  // An operator removed it, and its sender was told of a failure all the same.
  430, 1088,
  // The route changed while the message waited: it fell out of the schedule, or left something behind there.
  214, 508, 961, 1012, 1129, 1236, 1812,
  // The content could not be read, so nobody was told of the failure.
  1914, 2219, 3583, 3655, 3740, 3972,
];
