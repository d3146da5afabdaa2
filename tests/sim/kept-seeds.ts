/** Every seed that ever broke a law, and why. A change of the simulation itself makes another story of a seed: then it is just one more. */
export const KEPT_SEEDS: readonly number[] = [
  // A clock that was set back, on a busy relay: nothing that was deferred was tried again.
  55, 67, 71, 185, 310, 382, 393, 439, 663, 715, 732, 733, 878, 950, 1035, 1077, 1097, 1179, 1268, 1380, 1396, 1415,
  1511, 1588, 1630, 1646, 1954, 1990, 2165, 2179, 2439, 2604, 2614, 2648, 2734, 2867, 2978, 2987, 3007, 3037, 3316,
  3378, 3414, 3627, 3668, 3743, 3947,
  // Sent after its hold had been answered.
  33, 319, 1334, 1387, 1655, 2002, 2686, 2853, 2921, 3552, 3667, 3851, 3855,
  // Sent after its removal had been answered.
  1075, 2496, 3002,
  // An operator removed it, and its sender was told of a failure all the same.
  598, 1084, 1721, 2064, 2558, 2708, 3101, 3976,
  // The route changed while the message waited: it fell out of the schedule, or left something behind there.
  103, 693, 970, 1291, 1326, 1413, 1433, 1529, 1678, 2145, 2517, 3986,
  // The content could not be read, so nobody was told of the failure.
  340, 1809, 2567,
  // Let go for lack of memory between its reading and its use: two copies in memory, one of which was behind.
  113_526,
  // An operator removed it while the content for the report was read: the report went out.
  1_002_490,
];
